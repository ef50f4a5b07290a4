package policies

import (
	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

func workloads() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "authorizationpolicy-workloads",
		Doc:   "AuthorizationPolicies that hold for no workload of the mesh",
		Codes: []codes.Code{codes.PolicySelectsNothing},
		Kinds: workloadKinds(config.ConfigMap, config.AuthzPolicy),
		Run: func(p *analyze.Pass) {
			root := p.Config().Mesh.GetRootNamespace()
			for _, o := range p.All(config.AuthzPolicy) {
				labels := mesh.SelectorOf(o)
				if o.Key.Derived() || targeted(o) || o.Key.Namespace == root && len(labels) == 0 {
					continue
				}
				if len(holdsFor(p, o)) > 0 {
					continue
				}
				f := analyze.Finding{Code: codes.PolicySelectsNothing, Object: o}
				switch {
				case len(labels) == 0:
					f.Message = "the namespace " + o.Key.Namespace + " has no workload in the mesh: the policy holds for nothing"
					f.Fix = "move the policy to the namespace of the workloads, or let sidecars be injected there"
				case o.Key.Namespace == root:
					f.Field, f.Message = "spec.selector.matchLabels", "no workload of the mesh has the labels "+text(labels)+": the policy holds for nothing"
				default:
					f.Field = "spec.selector.matchLabels"
					f.Message = "no workload of the mesh in the namespace " + o.Key.Namespace + " has the labels " + text(labels) + ": the policy holds for nothing"
				}
				if !p.Knows(analyze.WorkloadKinds()...) {
					what := "a workload in the namespace " + o.Key.Namespace
					if len(labels) > 0 {
						what = "a workload with the labels " + text(labels)
					}
					p.Open(f.Code, o, what, config.Pod, config.Deployment)
					continue
				}
				p.Report(f)
			}
		},
	}
}

// selectors looks at the kinds of which Istio's analyzers say nothing.
func selectors() *analyze.Analyzer {
	kinds := []config.Kind{config.RequestAuthn, config.PeerAuthn, config.WasmPlugin, config.TrafficExtension}
	return &analyze.Analyzer{
		Name:  "policy-selectors",
		Doc:   "selectors of authentication policies and extensions that select no workload",
		Codes: []codes.Code{codes.SelectorMatchesNothing},
		Kinds: workloadKinds(append(kinds, config.ConfigMap)...),
		Run: func(p *analyze.Pass) {
			for _, kind := range kinds {
				for _, o := range p.All(kind) {
					if !o.Key.Derived() && !targeted(o) && len(mesh.SelectorOf(o)) > 0 {
						selects(p, o)
					}
				}
			}
		},
	}
}

func selects(p *analyze.Pass, o *config.Object) {
	root := p.Config().Mesh.GetRootNamespace()
	if o.Key.Namespace == root && o.Key.Kind == config.PeerAuthn || len(holdsFor(p, o)) > 0 {
		return
	}
	labels := text(mesh.SelectorOf(o))
	if !p.Knows(analyze.WorkloadKinds()...) || len(analyze.AllWorkloads(p).Selected(o.Key.Namespace, nil)) == 0 {
		p.Open(codes.SelectorMatchesNothing, o, "a workload with the labels "+labels, config.Pod, config.Deployment)
		return
	}
	where := "in the namespace " + o.Key.Namespace
	if o.Key.Namespace == root {
		where = "of the mesh"
	}
	p.Report(analyze.Finding{
		Code: codes.SelectorMatchesNothing, Object: o, Field: "spec.selector.matchLabels",
		Message: "no workload " + where + " has the labels " + labels + ": the object has no effect",
	})
}
