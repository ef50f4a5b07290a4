package destinations

import (
	"fmt"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

func ruleSubsets() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "destinationrule-subsets",
		Doc:   "subsets for which the service has no workload",
		Codes: []codes.Code{codes.SubsetEmpty},
		Kinds: ruleKinds(append(analyze.WorkloadKinds(), config.Namespace, config.EndpointSlice)...),
		Run: func(p *analyze.Pass) {
			for _, r := range rules.Of(p) {
				if len(r.Services) == 0 {
					continue // said by destinationrule-host
				}
				for i, s := range r.Spec.GetSubsets() {
					checkSubset(p, r, fmt.Sprintf("spec.subsets[%d]", i), s)
				}
			}
		},
	}
}

func checkSubset(p *analyze.Pass, r *rule, field string, s *networking.Subset) {
	labels := map[string]string{}
	for k, v := range s.GetLabels() {
		if !ofPlace(k) {
			labels[k] = v
		}
	}
	if len(labels) == 0 || slices.ContainsFunc(r.Services, func(svc *mesh.Service) bool { return populated(p, svc, labels) }) {
		return
	}
	for _, svc := range r.Services {
		kinds := analyze.WorkloadKinds()
		if svc.From.Kind == config.Service && len(selectors(p, svc)) == 0 {
			kinds = []config.Kind{config.EndpointSlice}
		} else if len(selectors(p, svc)) == 0 {
			continue // lists its endpoints itself, or has none
		}
		if !p.Knows(kinds...) {
			p.Open(codes.SubsetEmpty, r.Object, fmt.Sprintf("a workload of %s for the subset %s", svc.From, s.GetName()), kinds...)
			return
		}
	}
	f := analyze.Finding{
		Code: codes.SubsetEmpty, Object: r.Object, Field: field + ".name",
		Message: fmt.Sprintf("the subset %s selects no workload of %s: nothing with %s; requests to it get 503", s.GetName(), r.Reach.Host, written(labels)),
	}
	if len(r.Services) == 1 {
		if others := values(p, r.Services[0], labels); others != "" {
			f.Fix = "use labels that the workloads have (" + others + "), or remove the subset"
		}
	}
	p.Report(f)
}

// ofPlace reports whether a label is one that the mesh gives endpoints by where they run.
func ofPlace(label string) bool {
	return strings.HasPrefix(label, "topology.") || strings.HasPrefix(label, "kubernetes.io/") || label == "istio-locality"
}

// populated reports whether a service has a workload, or an endpoint, with labels.
func populated(p *analyze.Pass, s *mesh.Service, labels map[string]string) bool {
	if len(workloads(p, s, labels)) > 0 {
		return true
	}
	p.Reads(config.EndpointSlice)
	for _, port := range s.Ports {
		for _, e := range p.Mesh().Endpoints(s, port).Endpoints {
			if mesh.Selects(labels, e.Labels) {
				return true
			}
		}
	}
	return false
}

func written(labels map[string]string) string {
	var out []string
	for k, v := range labels {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}

// values lists what the workloads of a service have for the labels in question.
func values(p *analyze.Pass, s *mesh.Service, labels map[string]string) string {
	const most = 5
	var out []string
	for _, w := range workloads(p, s, nil) {
		for k := range labels {
			if v, ok := w.Labels[k]; ok && !slices.Contains(out, k+"="+v) {
				out = append(out, k+"="+v)
			}
		}
	}
	slices.Sort(out)
	if len(out) > most {
		out = append(out[:most], "...")
	}
	return strings.Join(out, ", ")
}
