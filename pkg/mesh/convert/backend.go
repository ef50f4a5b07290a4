package convert

import (
	"fmt"

	networking "istio.io/api/networking/v1alpha3"
	corev1 "k8s.io/api/core/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/meshctl/meshctl/pkg/config"
)

// hostnameKind is how Istio lets backends be named by a host of the mesh, whatever declares it.
var hostnameKind = config.Kind{Group: "networking.istio.io", Name: "Hostname"}

// unresolved is a host that no service has: what is sent there is answered with an error.
const unresolved = "unresolved.backend.invalid"

// fqdn is the host of a Service.
func (c *converter) fqdn(name, namespace string) string {
	return name + "." + namespace + ".svc." + c.settings.DomainSuffix
}

// backend resolves a reference to a backend, or reports why nothing can be sent there.
func (c *converter) backend(field string, ref gatewayv1.BackendObjectReference) (*networking.Destination, bool) {
	kind := config.Kind{Group: coreGroup(string(or(ref.Group, ""))), Name: string(or(ref.Kind, "Service"))}
	namespace := string(or(ref.Namespace, gatewayv1.Namespace(c.namespace())))
	port := uint32(or(ref.Port, 0))
	const lost = "; its share of requests gets 500"
	switch {
	case kind != config.Service && kind != hostnameKind:
		c.fail(field, "a "+kind.String()+" is no backend of this mesh"+lost, "name a Service")
	case port < 1 || port > 65535:
		c.invalid(field+".port", "a backend needs a port"+lost, "write the number of a port of the Service")
	case kind == hostnameKind:
		return &networking.Destination{Host: string(ref.Name), Port: &networking.PortSelector{Number: port}}, true
	case !c.granted(kind, namespace, string(ref.Name)):
		c.missing(field, fmt.Sprintf("no ReferenceGrant allows the use of the Service %s/%s", namespace, ref.Name)+lost, c.grantFix(kind, namespace), config.ReferenceGrant)
	default:
		svc := get[corev1.Service](c, kind, namespace, string(ref.Name))
		if svc == nil {
			c.missing(field, fmt.Sprintf("there is no Service %s/%s", namespace, ref.Name)+lost, "create it, or correct the name", config.Service)
			break
		}
		if !hasPort(svc, port) {
			c.missing(field+".port", fmt.Sprintf("the Service %s/%s has no port %d", namespace, ref.Name, port)+lost, "use a port of the Service")
			break
		}
		return &networking.Destination{Host: c.fqdn(string(ref.Name), namespace), Port: &networking.PortSelector{Number: port}}, true
	}
	return &networking.Destination{Host: unresolved, Port: &networking.PortSelector{Number: max(port, 1)}}, false
}

func hasPort(svc *corev1.Service, port uint32) bool {
	for _, p := range svc.Spec.Ports {
		if uint32(p.Port) == port {
			return true
		}
	}
	return false
}

// streams resolves the backends of connections.
func (c *converter) streams(field string, refs []gatewayv1.BackendRef) []*networking.RouteDestination {
	var out []*networking.RouteDestination
	for i, ref := range refs {
		d, _ := c.backend(fmt.Sprintf("%s.backendRefs[%d]", field, i), ref.BackendObjectReference)
		if weight := or(ref.Weight, 1); weight > 0 {
			out = append(out, &networking.RouteDestination{Destination: d, Weight: weight})
		}
	}
	if len(out) == 0 {
		c.weightless(field+".backendRefs", "there is no backend with any weight; connections are refused", "add a backend")
		out = []*networking.RouteDestination{{Destination: &networking.Destination{Host: unresolved, Port: &networking.PortSelector{Number: 1}}}}
	}
	return out
}
