package mesh

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"google.golang.org/protobuf/proto"
	meshconfig "istio.io/api/mesh/v1alpha1"
	networkingbeta "istio.io/api/networking/v1beta1"

	"github.com/meshctl/meshctl/pkg/config"
)

// ProxyConfig returns what a proxy is started with: the mesh's defaultConfig, overridden by the ProxyConfig resources of the root
// namespace and then of the proxy's, by the annotation proxy.istio.io/config of its workload (YAML; empty for none) and by the
// ProxyConfig resources that select it. A field that is set replaces what is below as a whole, as in Istio
// (https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig), with these exceptions: proxyMetadata and
// runtimeValues are merged by name, proxyStatsMatcher list by list. What is wrong with the annotation is left out and reported
// under the name of the workload's entry. The result is the caller's own.
func (s *Snapshot) ProxyConfig(p Proxy, annotation string) (*meshconfig.ProxyConfig, []config.Problem) {
	out := proto.CloneOf(s.config.Mesh.GetDefaultConfig())
	wide, narrow := s.proxyConfigs(p)
	for _, o := range wide {
		overrideProxy(out, resourceConfig(o))
	}
	var problems []config.Problem
	if annotation != "" {
		annotated := annotatedProxy(p, annotation)
		given, wrong := config.DecodeProxyConfigAnnotation(annotated)
		overrideProxy(out, given)
		problems = slices.Concat(wrong, checkMatcher(annotated, annotationField, given))
	}
	for _, o := range narrow {
		overrideProxy(out, resourceConfig(o))
	}
	return out, problems
}

// proxyConfigs are the ProxyConfig resources that hold for a proxy: those for whole namespaces and those that select it, each from the
// weakest to the strongest. Of several for the same the oldest is the strongest.
func (s *Snapshot) proxyConfigs(p Proxy) (wide, narrow []*config.Object) {
	all := slices.Clone(s.Attached(config.ProxyConfig, p))
	slices.Reverse(all) // the root namespace's come last then
	slices.SortStableFunc(all, func(a, b *config.Object) int {
		return cmp.Compare(level(a, s.root()), level(b, s.root()))
	})
	for _, o := range all {
		switch {
		case !selects(o):
			wide = append(wide, o)
		case o.Key.Namespace == p.Namespace: // a selector reaches no other namespace
			narrow = append(narrow, o)
		}
	}
	return wide, narrow
}

func selects(o *config.Object) bool {
	return len(o.Spec.(*networkingbeta.ProxyConfig).GetSelector().GetMatchLabels()) > 0
}

func level(o *config.Object, root string) int {
	if o.Key.Namespace == root {
		return 0
	}
	return 1
}

// resourceConfig is a ProxyConfig resource in the terms of the mesh's ProxyConfig.
func resourceConfig(o *config.Object) *meshconfig.ProxyConfig {
	spec := o.Spec.(*networkingbeta.ProxyConfig)
	return &meshconfig.ProxyConfig{Concurrency: spec.GetConcurrency(), ProxyMetadata: spec.GetEnvironmentVariables(), Image: spec.GetImage()}
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
			out = append(out, invalid(o, config.Error, fmt.Sprintf("%s.proxyStatsMatcher.inclusionRegexps[%d]", field, i),
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
		Override(matcher, from.ProxyStatsMatcher)
		from.ProxyStatsMatcher = matcher
	}
	Override(into, from)
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
