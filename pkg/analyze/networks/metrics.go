package networks

import (
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/inject"
)

const (
	// mergedPort is where the proxy's agent offers the metrics of the proxy and of the program; healthPort is where gateways tell load
	// balancers that they are ready.
	mergedPort = 15020
	healthPort = 15021
)

func metrics() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "networkpolicy-health",
		Doc:   "NetworkPolicies that shut out who reads metrics, or who checks the health of gateways",
		Codes: []codes.Code{codes.BlocksHealth},
		Kinds: kinds(analyze.InboundKinds()...),
		Run: func(p *analyze.Pass) {
			readers := readers(p)
			g := newGroup(p, codes.BlocksHealth, ingress)
			for _, s := range subjects.Of(p) {
				if s.workload == nil || !s.isolated(ingress) {
					continue
				}
				if port := metricsPort(p, s); port != 0 && len(readers) > 0 && !s.admitsAny(readers, port) {
					g.add(s, fmt.Sprintf("have metrics at port %d that %s cannot read: no ingress rule admits it", port, readers[0].pods[0].Object.Key))
				}
				if healthService(p, s) && !s.passes(ingress, func(r rule) bool {
					return r.at(corev1.ProtocolTCP, healthPort, portNames(s.containers(), healthPort))
				}) {
					g.add(s, "cannot tell load balancers that they are ready: no ingress rule admits anybody to port 15021, which their Service has")
				}
			}
			g.report()
		},
	}
}

// readers are the workloads that read metrics: those that are called Prometheus.
func readers(p *analyze.Pass) []end {
	var out []end
	for _, w := range analyze.AllWorkloads(p).All {
		if w.Pod == nil || w.Pod.Spec.HostNetwork || w.Labels["app"] != "prometheus" && w.Labels["app.kubernetes.io/name"] != "prometheus" {
			continue
		}
		e := newEnd(p, w.Namespace)
		e.pods = []*analyze.Workload{w}
		out = append(out, e)
	}
	return out
}

// metricsPort is the port at which the pods say that their metrics are read; 0 where they say nothing.
func metricsPort(p *analyze.Pass, s *subject) int32 {
	annotations := s.workload.Annotations
	if annotations["prometheus.io/scrape"] != "true" {
		return 0
	}
	merged, said := inject.ParseBool(annotations["prometheus.istio.io/merge-metrics"])
	if given := p.Config().Mesh.GetEnablePrometheusMerge(); !said && given != nil {
		merged, said = given.GetValue(), true
	}
	if meshed, known := inMesh(p, s); !known {
		return 0
	} else if meshed && (merged || !said) {
		return mergedPort
	}
	port, err := strconv.ParseUint(annotations["prometheus.io/port"], 10, 16)
	if err != nil {
		return 0
	}
	return int32(port)
}

func (s *subject) admitsAny(ends []end, port int32) bool {
	return s.passes(ingress, func(r rule) bool {
		for _, e := range ends {
			if r.at(corev1.ProtocolTCP, port, portNames(s.containers(), port)) && r.to(e) {
				return true
			}
		}
		return false
	})
}

// healthService reports whether a Service outside of the mesh's control leads to the health port of a gateway.
func healthService(p *analyze.Pass, s *subject) bool {
	if !s.workload.Gateway {
		return false
	}
	for _, port := range p.Inbound(s.workload).Ports {
		if o := p.Get(config.Key{Kind: config.Service, Namespace: s.namespace, Name: port.Service.Name}); port.Target == healthPort && o != nil {
			if svc, ok := o.Spec.(*corev1.Service); ok && (svc.Spec.Type == corev1.ServiceTypeLoadBalancer || svc.Spec.Type == corev1.ServiceTypeNodePort) {
				return true
			}
		}
	}
	return false
}
