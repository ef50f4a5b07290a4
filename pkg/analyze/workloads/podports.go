package workloads

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

func podPorts() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "pod-ports",
		Doc:   "programs and Services that use the proxy's own ports",
		Codes: []codes.Code{codes.ProxyPort},
		Kinds: podKinds(config.Service, config.ReplicaSet, config.WorkloadEntry, config.WorkloadGroup),
		Run: func(p *analyze.Pass) {
			eachPod(p, func(w *analyze.Workload) {
				if w.Meshed && !w.Gateway && !controlPlane(w.Object) {
					judgeContainerPorts(p, w)
				}
			})
			for _, o := range p.All(config.Service) {
				if service, ok := o.Spec.(*corev1.Service); ok && !controlPlane(o) {
					judgeServicePorts(p, o, service)
				}
			}
		},
	}
}

func judgeContainerPorts(p *analyze.Pass, w *analyze.Workload) {
	for i, c := range w.Pod.Spec.Containers {
		if c.Name == analyze.ProxyContainer {
			continue
		}
		for j, port := range c.Ports {
			if use := reserved(port.ContainerPort); use != "" && port.Protocol != corev1.ProtocolUDP {
				p.Report(analyze.Finding{
					Code: codes.ProxyPort, Object: w.Object, Field: fmt.Sprintf("%sspec.containers[%d].ports[%d].containerPort", w.Path, i, j),
					Message: fmt.Sprintf("port %d is reserved for the pod's proxy (%s): the program and the proxy cannot both listen there", port.ContainerPort, use),
					Fix:     "let the program listen on another port",
				})
			}
		}
	}
}

// reserved says what the proxy's container uses a port for; empty for other ports. See
// https://istio.io/latest/docs/ops/deployment/application-requirements/#ports-used-by-istio.
func reserved(port int32) string {
	switch port {
	case 15000:
		return "administration"
	case 15001:
		return "outbound traffic"
	case 15004:
		return "debugging"
	case 15006:
		return "inbound traffic"
	case 15008:
		return "tunnels"
	case 15020:
		return "merged metrics"
	case 15021:
		return "health"
	case 15053:
		return "DNS"
	case 15090:
		return "metrics"
	}
	return ""
}

// private reports whether the proxy answers nobody outside of its pod on one of its ports. The others may well be the target of a Service:
// that of a monitor, or of a load balancer that asks for health.
func private(port int32) bool {
	switch port {
	case 15000, 15001, 15004, 15006, 15053:
		return true
	}
	return false
}

func judgeServicePorts(p *analyze.Pass, o *config.Object, service *corev1.Service) {
	for i, port := range service.Spec.Ports {
		target, field := port.TargetPort.IntVal, "targetPort"
		if port.TargetPort.StrVal == "" && target == 0 {
			target, field = port.Port, "port"
		}
		if port.Protocol == corev1.ProtocolUDP || !private(target) || !selectsSidecar(p, o, service.Spec.Selector) {
			continue
		}
		p.Report(analyze.Finding{
			Code: codes.ProxyPort, Object: o, Field: fmt.Sprintf("spec.ports[%d].%s", i, field),
			Message: fmt.Sprintf("port %d leads to the proxy's own port %d (%s), which answers nobody outside of the pod", port.Port, target, reserved(target)),
			Fix:     "set targetPort to the port of the program, and let it listen on none of the proxy's",
		})
	}
}

// selectsSidecar reports whether a Service selects a workload with a sidecar.
func selectsSidecar(p *analyze.Pass, o *config.Object, selector map[string]string) bool {
	if len(selector) == 0 {
		return false
	}
	for _, w := range analyze.AllWorkloads(p).Selected(o.Key.Namespace, selector) {
		if w.Pod != nil && w.Meshed && !w.Gateway && !controlPlane(w.Object) {
			return true
		}
	}
	return false
}
