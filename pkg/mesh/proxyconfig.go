package mesh

import (
	"fmt"
	"maps"
	"regexp"

	"google.golang.org/protobuf/proto"
	meshconfig "istio.io/api/mesh/v1alpha1"

	"github.com/meshctl/meshctl/pkg/config"
)

// ProxyConfig returns what a proxy is started with: the mesh's defaultConfig, overridden by the annotation
// proxy.istio.io/config of its workload (YAML; empty for none). A field that the annotation sets replaces the default,
// as in Istio (https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig), with these exceptions:
// proxyMetadata and runtimeValues are merged by name, proxyStatsMatcher list by list. What is wrong with the annotation
// is left out and reported under the name of the workload's entry. The result is the caller's own.
func (s *Snapshot) ProxyConfig(p Proxy, annotation string) (*meshconfig.ProxyConfig, []config.Problem) {
	out := proto.CloneOf(s.config.Mesh.GetDefaultConfig())
	if annotation == "" {
		return out, nil
	}
	annotated := annotatedProxy(p, annotation)
	given, problems := config.DecodeProxyConfigAnnotation(annotated)
	overrideProxy(out, given)
	return out, append(problems, checkMatcher(annotated, annotationField, given)...)
}

// annotatedProxy stands for the pod or the entry that has the annotation.
func annotatedProxy(p Proxy, annotation string) *config.Object {
	return &config.Object{
		Key:  config.Key{Kind: config.WorkloadEntry, Namespace: p.Namespace, Name: p.Name},
		Meta: config.Meta{Annotations: map[string]string{config.ProxyConfigAnnotation: annotation}},
	}
}

const annotationField = "metadata.annotations[" + config.ProxyConfigAnnotation + "]"

// checkMatcher reports expressions that no proxy can use. They stay: each agent leaves them out.
func checkMatcher(o *config.Object, field string, given *meshconfig.ProxyConfig) []config.Problem {
	var out []config.Problem
	for i, re := range given.GetProxyStatsMatcher().GetInclusionRegexps() {
		if _, err := regexp.Compile(re); err != nil {
			out = append(out, problem(o, config.Error, fmt.Sprintf("%s.proxyStatsMatcher.inclusionRegexps[%d]", field, i),
				"is no regular expression and is left out: "+err.Error(), "use RE2's syntax"))
		}
	}
	return out
}

// overrideProxy puts one ProxyConfig over another; both are changed.
func overrideProxy(into, from *meshconfig.ProxyConfig) {
	from.ProxyMetadata = overlaid(into.GetProxyMetadata(), from.GetProxyMetadata())
	from.RuntimeValues = overlaid(into.GetRuntimeValues(), from.GetRuntimeValues())
	if matcher := proto.CloneOf(into.GetProxyStatsMatcher()); matcher != nil && from.GetProxyStatsMatcher() != nil {
		replaceFields(matcher, from.ProxyStatsMatcher)
		from.ProxyStatsMatcher = matcher
	}
	replaceFields(into, from)
}

func overlaid(below, above map[string]string) map[string]string {
	out := make(map[string]string, len(below)+len(above))
	maps.Copy(out, below)
	maps.Copy(out, above)
	return out
}

// checkGroup reports what is wrong with the annotation that a WorkloadGroup gives to its workloads. Proxies do not
// depend on groups: their agents do.
func (t *update) checkGroup(d delta) {
	if d.after == nil {
		return
	}
	given, problems := config.DecodeProxyConfigAnnotation(d.after)
	t.report(d.key(), append(problems, checkMatcher(d.after, "spec."+annotationField, given)...))
}
