package destinations

import (
	"fmt"

	networking "istio.io/api/networking/v1alpha3"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// fewEndpoints may well all fail within one baseEjectionTime.
const fewEndpoints = 2

func ruleEjection() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "destinationrule-ejection",
		Doc:   "outlier detection that may leave no endpoint at all",
		Codes: []codes.Code{codes.EjectsEverything},
		Kinds: ruleKinds(append(analyze.WorkloadKinds(), config.Namespace, config.EndpointSlice)...),
		Run: func(p *analyze.Pass) {
			for _, r := range rules.Of(p) {
				check := func(field, what string, o *networking.OutlierDetection, labels map[string]string) {
					if !ejectsAll(o) {
						return
					}
					for _, s := range r.Services {
						if n := endpointCount(p, s, labels); n > 0 && n <= fewEndpoints {
							p.Report(ejection(r, field, what, s, n))
							return
						}
					}
				}
				policy := r.Spec.GetTrafficPolicy()
				check("spec.trafficPolicy.outlierDetection", "", policy.GetOutlierDetection(), nil)
				for i, s := range policy.GetPortLevelSettings() {
					check(fmt.Sprintf("spec.trafficPolicy.portLevelSettings[%d].outlierDetection", i), "", s.GetOutlierDetection(), nil)
				}
				for i, s := range r.Spec.GetSubsets() {
					check(fmt.Sprintf("spec.subsets[%d].trafficPolicy.outlierDetection", i), "the subset "+s.GetName()+" of ", s.GetTrafficPolicy().GetOutlierDetection(), s.GetLabels())
				}
			}
		},
	}
}

// ejectsAll reports whether all endpoints may be ejected at a time, and get no requests then.
func ejectsAll(o *networking.OutlierDetection) bool {
	return o.GetMaxEjectionPercent() >= 100 && o.GetMinHealthPercent() == 0
}

func ejection(r *rule, field, what string, s *mesh.Service, n int) analyze.Finding {
	every := "its only endpoint"
	if n > 1 {
		every = fmt.Sprintf("all of its %d endpoints", n)
	}
	return analyze.Finding{
		Code: codes.EjectsEverything, Object: r.Object, Field: field + ".maxEjectionPercent",
		Message: fmt.Sprintf("%s%s may lose %s at once: maxEjectionPercent is 100 and minHealthPercent 0, so that requests get 503 until one is taken back", what, s.Host, every),
	}
}

// endpointCount is how many endpoints a service has for labels; 0 when that is not known: as many as there are pods or replicas,
// whichever is more.
func endpointCount(p *analyze.Pass, s *mesh.Service, labels map[string]string) int {
	if len(selectors(p, s)) == 0 {
		return listed(p, s, labels)
	}
	var pods, replicas, sets int
	for _, w := range workloads(p, s, labels) {
		var wanted *int32
		count := &replicas
		switch spec := w.Object.Spec.(type) {
		case *corev1.Pod:
			pods++
			continue
		case *networking.WorkloadEntry:
			pods, replicas, sets = pods+1, replicas+1, sets+1
			continue
		case *appsv1.Deployment:
			wanted = spec.Spec.Replicas
		case *appsv1.StatefulSet:
			wanted = spec.Spec.Replicas
		case *appsv1.ReplicaSet: // most belong to a Deployment
			wanted, count = spec.Spec.Replicas, &sets
		}
		if wanted == nil { // somebody else decides
			return 0
		}
		*count += int(*wanted)
	}
	return max(pods, replicas, sets)
}

// listed counts the endpoints that a service lists by address: names may stand for any number.
func listed(p *analyze.Pass, s *mesh.Service, labels map[string]string) int {
	p.Reads(config.EndpointSlice)
	n := 0
	if len(s.Ports) == 0 || s.Resolution != mesh.Static {
		return 0
	}
	for _, e := range p.Mesh().Endpoints(s, s.Ports[0]).Endpoints {
		if mesh.Selects(labels, e.Labels) {
			n++
		}
	}
	return n
}
