package routing

import (
	"fmt"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// sidecarsBySpace is the fact of the Sidecars of each namespace: those that select workloads, and those for all.
var sidecarsBySpace = analyze.NewFact(func(p *analyze.Pass) map[string]*sidecars {
	out := map[string]*sidecars{}
	for _, o := range p.All(config.Sidecar) {
		spec, ok := o.Spec.(*networking.Sidecar)
		if !ok {
			continue
		}
		s := out[o.Key.Namespace]
		if s == nil {
			s = &sidecars{}
			out[o.Key.Namespace] = s
		}
		if len(spec.GetWorkloadSelector().GetLabels()) > 0 {
			s.selecting = append(s.selecting, o)
		} else {
			s.wide = append(s.wide, o)
		}
	}
	return out
})

type sidecars struct{ selecting, wide []*config.Object }

func selector(o *config.Object) map[string]string {
	return o.Spec.(*networking.Sidecar).GetWorkloadSelector().GetLabels()
}

// sidecarConflicts looks for workloads and namespaces with several Sidecars.
func sidecarConflicts() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "sidecar-conflicts",
		Doc:   "several Sidecars for one workload, or several without a selector in one namespace",
		Codes: []codes.Code{codes.SidecarConflict, codes.SidecarDefaults},
		Kinds: append(analyze.WorkloadKinds(), config.Sidecar, config.Namespace, config.ConfigMap),
		Run: func(p *analyze.Pass) {
			workloads := analyze.AllWorkloads(p)
			for namespace, s := range sidecarsBySpace.Of(p) {
				selectConflicts(p, workloads, s.selecting)
				if len(s.wide) < 2 || p.Mesh().NamespaceLabels(namespace)[dataplaneMode] == "ambient" {
					continue
				}
				for _, o := range s.wide {
					p.Report(analyze.Finding{
						Code: codes.SidecarDefaults, Object: o, Field: "metadata.name",
						Message: fmt.Sprintf("namespace %s has %d Sidecars without a workloadSelector (%s); only the oldest holds", namespace, len(s.wide), names(s.wide)),
						Fix:     "keep one of them, or give the others a workloadSelector",
						Related: others(s.wide, o, "has no workloadSelector either"),
					})
				}
			}
		},
	}
}

// What marks namespaces and pods without sidecars, see Istio's documentation of the ambient mode.
const (
	dataplaneMode      = "istio.io/dataplane-mode"
	ambientRedirection = "ambient.istio.io/redirection"
)

// selectConflicts looks at the Sidecars of one namespace that have selectors.
func selectConflicts(p *analyze.Pass, workloads *analyze.Workloads, list []*config.Object) {
	if len(list) < 2 {
		return
	}
	by := map[*analyze.Workload][]*config.Object{}
	var order []*analyze.Workload
	for _, o := range list {
		for _, w := range workloads.Selected(o.Key.Namespace, selector(o)) {
			if w.Annotations[ambientRedirection] == "enabled" {
				continue
			}
			if by[w] = append(by[w], o); len(by[w]) == 2 {
				order = append(order, w)
			}
		}
	}
	if len(order) == 0 && !p.Knows(analyze.WorkloadKinds()...) {
		for _, o := range list {
			p.Open(codes.SidecarConflict, o, "a pod that another Sidecar of the namespace selects, too", config.Pod, config.Deployment)
		}
	}
	told := map[*config.Object]bool{}
	for _, w := range order {
		for _, o := range by[w] {
			if told[o] {
				continue
			}
			told[o] = true
			p.Report(analyze.Finding{
				Code: codes.SidecarConflict, Object: o, Field: "spec.workloadSelector",
				Message: fmt.Sprintf("the Sidecars %s all select %s; only the oldest holds for it", names(by[w]), w.Object.Key),
				Fix:     "make the selectors exclude each other, or merge the Sidecars",
				Related: others(by[w], o, "selects the workload, too"),
			})
		}
	}
}

func names(list []*config.Object) string {
	var out []string
	for _, o := range list {
		out = append(out, o.Key.Name)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func others(list []*config.Object, but *config.Object, message string) []analyze.Related {
	var out []analyze.Related
	for _, o := range list {
		if o != but {
			out = append(out, related(o, "metadata.name", message)...)
		}
	}
	return out
}

// sidecarSelectors looks for Sidecars that select nothing.
func sidecarSelectors() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "sidecar-selectors",
		Doc:   "Sidecars whose selector matches no workload",
		Codes: []codes.Code{codes.ReferenceNotFound},
		Kinds: append(analyze.WorkloadKinds(), config.Sidecar, config.Namespace, config.ConfigMap),
		Run: func(p *analyze.Pass) {
			workloads := analyze.AllWorkloads(p)
			for _, s := range sidecarsBySpace.Of(p) {
				for _, o := range s.selecting {
					switch {
					case len(workloads.Selected(o.Key.Namespace, selector(o))) > 0:
					case !p.Knows(analyze.WorkloadKinds()...):
						p.Open(codes.ReferenceNotFound, o, "a pod with the labels of workloadSelector", config.Pod, config.Deployment)
					default:
						p.Report(analyze.Finding{
							Code: codes.ReferenceNotFound, Object: o, Field: "spec.workloadSelector.labels",
							Message: fmt.Sprintf("no workload of namespace %s has the labels that the Sidecar selects; it holds for none", o.Key.Namespace),
							Fix:     "correct the labels, or create the Sidecar in the namespace of the workloads",
						})
					}
				}
			}
		},
	}
}
