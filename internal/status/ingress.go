package status

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/meshctl/meshctl/pkg/config"
)

// defaultIngressService is the Service in front of the gateway of Ingresses, unless MeshConfig.ingressService says otherwise.
const defaultIngressService = "istio-ingressgateway"

// ingress is the status of an Ingress of this mesh: where the gateway is reached, as MeshConfig.ingressService documents.
func (w world) ingress(o *config.Object) (map[string]any, bool) {
	in, ok := o.Spec.(*networkingv1.Ingress)
	if !ok || w.snapshot.Derived().Get(o.Key.Derive(config.Gateway)) == nil {
		return nil, false
	}
	want := w.ingressAddresses()
	if slices.EqualFunc(in.Status.LoadBalancer.Ingress, want, func(a, b networkingv1.IngressLoadBalancerIngress) bool {
		return a.IP == b.IP && a.Hostname == b.Hostname
	}) {
		return nil, false
	}
	list := []any{}
	for _, a := range want {
		list = append(list, plain(a))
	}
	return map[string]any{"loadBalancer": map[string]any{"ingress": list}}, true
}

func (w world) ingressAddresses() []networkingv1.IngressLoadBalancerIngress {
	settings := w.snapshot.Config()
	namespace, name := settings.SystemNamespace, cmp.Or(settings.Mesh.GetIngressService(), defaultIngressService)
	if before, after, qualified := strings.Cut(name, "/"); qualified {
		namespace, name = before, after
	}
	o := w.set.Get(config.Key{Kind: config.Service, Namespace: namespace, Name: name})
	if o == nil {
		return nil
	}
	svc, ok := o.Spec.(*corev1.Service)
	if !ok {
		return nil
	}
	if svc.Spec.Type == corev1.ServiceTypeExternalName {
		return []networkingv1.IngressLoadBalancerIngress{{Hostname: svc.Spec.ExternalName}}
	}
	var out []networkingv1.IngressLoadBalancerIngress
	for _, a := range svc.Status.LoadBalancer.Ingress {
		out = append(out, networkingv1.IngressLoadBalancerIngress{IP: a.IP, Hostname: a.Hostname})
	}
	for _, ip := range svc.Spec.ExternalIPs {
		out = append(out, networkingv1.IngressLoadBalancerIngress{IP: ip})
	}
	slices.SortFunc(out, func(a, b networkingv1.IngressLoadBalancerIngress) int {
		return cmp.Or(cmp.Compare(a.IP, b.IP), cmp.Compare(a.Hostname, b.Hostname))
	})
	return out
}
