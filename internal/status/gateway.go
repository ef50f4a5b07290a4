package status

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh/convert"
)

// The statuses of the Gateway API are those of https://gateway-api.sigs.k8s.io/reference/spec/. An object of another controller has none
// of us.

func (w world) class(o *config.Object) (map[string]any, bool) {
	class, ok := o.Spec.(*gatewayv1.GatewayClass)
	if !ok || class.Spec.ControllerName != convert.Controller {
		return nil, false
	}
	list := []config.Condition{{Type: "Accepted", Status: "True", Reason: "Accepted", Message: "of this mesh"}}
	if holds(class.Status.Conditions, list, o.Meta.Generation) {
		return nil, false
	}
	return map[string]any{"conditions": conditions(list, o.Meta.Generation)}, true
}

// ours reports whether a Gateway is of a class of this mesh.
func (w world) ours(g *gatewayv1.Gateway) bool {
	o := w.set.Get(config.Key{Kind: config.GatewayClass, Name: string(g.Spec.GatewayClassName)})
	if o == nil {
		return g.Spec.GatewayClassName == "istio"
	}
	class, ok := o.Spec.(*gatewayv1.GatewayClass)
	return ok && class.Spec.ControllerName == convert.Controller
}

func (w world) gateway(o *config.Object) (map[string]any, bool) {
	g, ok := o.Spec.(*gatewayv1.Gateway)
	if !ok || !w.ours(g) {
		return nil, false
	}
	failed := errorsOf(w.problems[o.Key], "")
	accepted := verdict("Accepted", "Accepted", "Invalid", errorsOf(failed, "spec.gatewayClassName"))
	if wrong := errorsOf(failed, "spec.infrastructure"); len(wrong) > 0 {
		accepted = verdict("Accepted", "Accepted", "InvalidParameters", wrong)
	}
	addresses := w.addresses(g)
	programmed := verdict("Programmed", "Programmed", "AddressNotAssigned", errorsOf(failed, "spec.addresses"))
	if len(addresses) == 0 && programmed.Status == "True" {
		programmed.Status, programmed.Reason, programmed.Message = "False", "AddressNotAssigned", "no Service in front of its proxies has an address yet"
	}
	list := []config.Condition{accepted, programmed}
	listeners, same := []any{}, holds(g.Status.Conditions, list, o.Meta.Generation)
	for i, l := range g.Spec.Listeners {
		status, unchanged := w.listener(o, g, l, errorsOf(failed, fmt.Sprintf("spec.listeners[%d]", i)))
		listeners, same = append(listeners, status), same && unchanged
	}
	same = same && len(g.Status.Listeners) == len(listeners) && len(addresses) == len(g.Status.Addresses)
	for i, a := range addresses {
		same = same && g.Status.Addresses[i].Value == a.(map[string]any)["value"]
	}
	return map[string]any{"conditions": conditions(list, o.Meta.Generation), "listeners": listeners, "addresses": addresses}, !same
}

func (w world) listener(o *config.Object, g *gatewayv1.Gateway, l gatewayv1.Listener, failed []config.Problem) (status map[string]any, same bool) {
	references := slices.DeleteFunc(slices.Clone(failed), func(p config.Problem) bool { return p.Needs[0] == (config.Kind{}) })
	list := []config.Condition{
		verdict("Accepted", "Accepted", "UnsupportedProtocol", nil),
		verdict("Programmed", "Programmed", "Invalid", failed),
		verdict("ResolvedRefs", "ResolvedRefs", "InvalidCertificateRef", references),
	}
	attached := w.attached(o.Key, string(l.Name))
	kinds := []any{}
	for _, k := range routesOf(l.Protocol) {
		kinds = append(kinds, map[string]any{"group": k.Group, "kind": k.Name})
	}
	for _, had := range g.Status.Listeners {
		if had.Name == l.Name {
			same = holds(had.Conditions, list, o.Meta.Generation) && int(had.AttachedRoutes) == attached
		}
	}
	return map[string]any{
		"name": string(l.Name), "attachedRoutes": int64(attached), "supportedKinds": kinds, "conditions": conditions(list, o.Meta.Generation),
	}, same
}

func routesOf(p gatewayv1.ProtocolType) []config.Kind {
	switch p {
	case gatewayv1.TLSProtocolType:
		return []config.Kind{config.TLSRoute, config.TCPRoute}
	case gatewayv1.TCPProtocolType:
		return []config.Kind{config.TCPRoute}
	}
	return []config.Kind{config.HTTPRoute, config.GRPCRoute}
}

// attached counts the routes that a listener takes.
func (w world) attached(gateway config.Key, listener string) int {
	n := 0
	for _, kind := range []config.Kind{config.HTTPRoute, config.GRPCRoute, config.TCPRoute, config.TLSRoute} {
		for o := range w.set.All(kind) {
			parents, _ := parentsOf(o)
			for i, ref := range parents {
				if parentKey(o, ref) == gateway && (ref.SectionName == nil || string(*ref.SectionName) == listener) &&
					len(errorsOf(w.problems[o.Key], fmt.Sprintf("spec.parentRefs[%d]", i))) == 0 {
					n++
					break
				}
			}
		}
	}
	return n
}

// addresses are those of the Services in front of a Gateway's proxies: what a load balancer gave them, or their names where none is asked.
func (w world) addresses(g *gatewayv1.Gateway) []any {
	out := []any{}
	for _, a := range g.Spec.Addresses {
		if a.Type != nil && *a.Type == gatewayv1.HostnameAddressType {
			out = append(out, map[string]any{"type": "Hostname", "value": a.Value})
		}
	}
	for o := range w.set.All(config.Service) {
		svc, ok := o.Spec.(*corev1.Service)
		if !ok || o.Key.Namespace != g.Namespace || svc.Spec.Selector[convert.LabelGatewayName] != g.Name {
			continue
		}
		if svc.Spec.Type != corev1.ServiceTypeLoadBalancer {
			out = append(out, map[string]any{"type": "Hostname", "value": o.Key.Name + "." + o.Key.Namespace + ".svc." + w.snapshot.Config().DomainSuffix})
		}
		for _, in := range svc.Status.LoadBalancer.Ingress {
			kind := "IPAddress"
			if in.IP == "" {
				kind = "Hostname"
			}
			out = append(out, map[string]any{"type": kind, "value": cmp.Or(in.IP, in.Hostname)})
		}
	}
	return out
}

// verdict is a condition that is true when nothing failed.
func verdict(kind, reason, otherwise string, failed []config.Problem) config.Condition {
	if len(failed) == 0 {
		return config.Condition{Type: kind, Status: "True", Reason: reason}
	}
	return config.Condition{Type: kind, Status: "False", Reason: otherwise, Message: told(failed)}
}

func conditions(list []config.Condition, generation int64) []any {
	out := []any{}
	for _, c := range list {
		out = append(out, condition(c, generation))
	}
	return out
}

// holds reports whether conditions are already as they should be.
func holds(had []metav1.Condition, want []config.Condition, generation int64) bool {
	return !slices.ContainsFunc(want, func(c config.Condition) bool {
		return !slices.ContainsFunc(had, func(h metav1.Condition) bool {
			return h.Type == c.Type && string(h.Status) == c.Status && h.Reason == c.Reason && h.Message == c.Message && h.ObservedGeneration == generation
		})
	})
}
