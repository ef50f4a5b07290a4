package policies

import (
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	security "istio.io/api/security/v1beta1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/translate"
)

func requestAuthentications() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "requestauthentication-rules",
		Doc:   "rules of RequestAuthentications that are refused, or by which every token is",
		Codes: []codes.Code{codes.SchemaError, codes.UntranslatedError, codes.UntranslatedPart},
		Kinds: []config.Kind{config.RequestAuthn},
		Run:   func(p *analyze.Pass) { check(p, config.RequestAuthn, translate.CheckRequestAuthentication) },
	}
}

func keyFetching() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "requestauthentication-keys",
		Doc:   "a control plane of Istio that fetches keys of tokens from anywhere",
		Codes: []codes.Code{codes.UnrestrictedJWKS},
		Kinds: []config.Kind{config.RequestAuthn, config.Deployment},
		Run: func(p *analyze.Pass) {
			var fetching []string
			for _, o := range p.All(config.RequestAuthn) {
				spec, _ := o.Spec.(*security.RequestAuthentication)
				if slices.ContainsFunc(spec.GetJwtRules(), func(r *security.JWTRule) bool { return r.GetJwks() == "" }) {
					fetching = append(fetching, o.Key.Namespace+"/"+o.Key.Name)
				}
			}
			for _, o := range p.All(config.Deployment) {
				spec, ok := o.Spec.(*appsv1.Deployment)
				if !ok || len(fetching) == 0 || o.Meta.Labels["app"] != "istiod" || restricted(spec) {
					continue
				}
				p.Report(analyze.Finding{
					Code: codes.UnrestrictedJWKS, Object: o, Field: "spec.template.spec.containers",
					Message: "BLOCKED_CIDRS_IN_JWKS_URIS is not set, and keys are fetched for " + few(fetching) + ": from internal addresses too",
				})
			}
		},
	}
}

func restricted(d *appsv1.Deployment) bool {
	return slices.ContainsFunc(d.Spec.Template.Spec.Containers, func(c corev1.Container) bool {
		return slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool {
			return e.Name == "BLOCKED_CIDRS_IN_JWKS_URIS" && (e.Value != "" || e.ValueFrom != nil)
		})
	})
}

// few names the first of a list.
func few(list []string) string {
	const most = 3
	if len(list) > most {
		return strings.Join(list[:most], ", ") + " and others"
	}
	return strings.Join(list, ", ")
}

func tokens() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "requestauthentication-demanded",
		Doc:   "RequestAuthentications that no AuthorizationPolicy completes",
		Codes: []codes.Code{codes.TokenNotDemanded},
		Kinds: []config.Kind{config.RequestAuthn, config.AuthzPolicy, config.ConfigMap},
		Run: func(p *analyze.Pass) {
			root := p.Config().Mesh.GetRootNamespace()
			holding := map[string]*selectorIndex{}
			for _, o := range p.All(config.AuthzPolicy) {
				spec, _ := o.Spec.(*security.AuthorizationPolicy)
				if spec.GetAction() == security.AuthorizationPolicy_AUDIT {
					continue
				}
				if holding[o.Key.Namespace] == nil {
					holding[o.Key.Namespace] = &selectorIndex{}
				}
				holding[o.Key.Namespace].add(mesh.SelectorOf(o))
			}
			for _, o := range p.All(config.RequestAuthn) {
				spec, _ := o.Spec.(*security.RequestAuthentication)
				labels := mesh.SelectorOf(o)
				if len(spec.GetJwtRules()) == 0 || holding[o.Key.Namespace].meets(labels) || holding[root].meets(labels) {
					continue
				}
				if o.Key.Namespace == root && len(holding) > 0 { // of whatever namespace the workloads are
					continue
				}
				p.Report(analyze.Finding{
					Code: codes.TokenNotDemanded, Object: o, Field: "spec.jwtRules",
					Message: "wrong tokens get 401, but requests without a token pass: no AuthorizationPolicy demands one",
				})
			}
		},
	}
}

// selectorIndex finds out whether any of many selectors can select a workload that another one selects.
type selectorIndex struct {
	any     bool
	byLabel map[string][]map[string]string
	// byKeys has one selector for each set of keys.
	byKeys map[string]map[string]string
}

func (x *selectorIndex) add(labels map[string]string) {
	if len(labels) == 0 {
		x.any = true
		return
	}
	if x.byLabel == nil {
		x.byLabel, x.byKeys = map[string][]map[string]string{}, map[string]map[string]string{}
	}
	var keys []string
	for k, v := range labels {
		x.byLabel[k+"="+v] = append(x.byLabel[k+"="+v], labels)
		keys = append(keys, k)
	}
	slices.Sort(keys)
	x.byKeys[strings.Join(keys, ",")] = labels
}

func (x *selectorIndex) meets(labels map[string]string) bool {
	if x == nil {
		return false
	}
	if x.any || len(labels) == 0 {
		return true
	}
	for k, v := range labels {
		if slices.ContainsFunc(x.byLabel[k+"="+v], func(other map[string]string) bool { return compatible(labels, other) }) {
			return true
		}
	}
	for _, other := range x.byKeys {
		if disjoint(labels, other) {
			return true
		}
	}
	return false
}

// compatible reports whether a workload can have the labels of both.
func compatible(a, b map[string]string) bool {
	for k, v := range a {
		if other, ok := b[k]; ok && other != v {
			return false
		}
	}
	return true
}

// disjoint reports whether two selectors ask for different labels altogether.
func disjoint(a, b map[string]string) bool {
	for k := range a {
		if _, ok := b[k]; ok {
			return false
		}
	}
	return true
}
