package policies

import (
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/inject"
)

func ambientSidecars() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "sidecar-ambient",
		Doc:   "Sidecars for workloads in ambient mode, which have no sidecar",
		Codes: []codes.Code{codes.PolicyWithoutEffect},
		Kinds: workloadKinds(config.Sidecar, config.ConfigMap),
		Run: func(p *analyze.Pass) {
			p.Reads(config.Namespace)
			for _, o := range p.All(config.Sidecar) {
				spec, _ := o.Spec.(*networking.Sidecar)
				labels := spec.GetWorkloadSelector().GetLabels()
				f := analyze.Finding{Code: codes.PolicyWithoutEffect, Object: o}
				if len(labels) == 0 && ambientNamespace(p.Mesh().NamespaceLabels(o.Key.Namespace)) {
					f.Message = "the namespace " + o.Key.Namespace + " is in ambient mode, where there are no sidecars: the Sidecar has no effect"
					p.Report(f)
				}
				if len(labels) == 0 {
					continue
				}
				for _, w := range analyze.AllWorkloads(p).Selected(o.Key.Namespace, labels) {
					if ambient(w) {
						f.Field = "spec.workloadSelector.labels"
						f.Message = w.Object.Key.String() + ", which the Sidecar selects, is in ambient mode and has no sidecar: the Sidecar has no effect on it"
						p.Report(f)
						break
					}
				}
			}
		},
	}
}

func ambientNamespace(labels map[string]string) bool {
	return labels[ambientLabel] == "ambient" && labels[inject.NamespaceLabel] != "enabled" && labels[inject.RevisionLabel] == ""
}
