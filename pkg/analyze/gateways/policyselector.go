package gateways

import (
	"fmt"
	"slices"

	typev1beta1 "istio.io/api/type/v1beta1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh/convert"
)

// policyKinds are those that are bound to a Kubernetes Gateway by targetRefs.
func policyKinds() []config.Kind {
	return []config.Kind{config.AuthzPolicy, config.RequestAuthn, config.Telemetry, config.WasmPlugin}
}

func policySelectors() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "kubernetes-gateway-selector",
		Doc:   "policies that select the proxies of a Kubernetes Gateway by labels",
		Codes: []codes.Code{codes.IneffectiveSelector},
		Kinds: append(policyKinds(), append(analyze.WorkloadKinds(), config.Namespace, config.ConfigMap)...),
		Run: func(p *analyze.Pass) {
			all := analyze.AllWorkloads(p)
			for _, kind := range policyKinds() {
				for _, o := range p.All(kind) {
					judgeSelector(p, all, o)
				}
			}
		},
	}
}

// policy is what these kinds have in common.
type policy interface {
	GetSelector() *typev1beta1.WorkloadSelector
	GetTargetRef() *typev1beta1.PolicyTargetReference
	GetTargetRefs() []*typev1beta1.PolicyTargetReference
}

func judgeSelector(p *analyze.Pass, all *analyze.Workloads, o *config.Object) {
	spec, ok := o.Spec.(policy)
	if !ok || spec.GetTargetRef() != nil || len(spec.GetTargetRefs()) > 0 || len(spec.GetSelector().GetMatchLabels()) == 0 {
		return
	}
	var told []string
	for _, w := range all.Selected(o.Key.Namespace, spec.GetSelector().GetMatchLabels()) {
		name := w.Labels[convert.LabelGatewayName]
		if name == "" || slices.Contains(told, name) {
			continue
		}
		told = append(told, name)
		p.Report(analyze.Finding{
			Code: codes.IneffectiveSelector, Object: o, Field: "spec.selector",
			Message: fmt.Sprintf("the selector matches the proxies of the Kubernetes Gateway %s, to which policies are bound by targetRefs; Istio may not apply it there", name),
			Fix:     fmt.Sprintf("write targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: %s}] instead of selector", name),
		})
	}
}
