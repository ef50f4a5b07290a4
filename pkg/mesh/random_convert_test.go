package mesh

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/meshctl/meshctl/pkg/config"
)

// convertedKinds makes objects of the APIs that are converted, and of what conversions read.
func convertedKinds() []func(generator, *config.Object) {
	return []func(generator, *config.Object){
		generator.k8sGateway, generator.k8sGateway, generator.listenerSet, generator.httpRoute, generator.httpRoute, generator.streamRoute,
		generator.grant, generator.namespaceObject, generator.gatewayClass, generator.ingress, generator.ingressClass, generator.trafficSplit, generator.trafficTarget, generator.routeGroup, generator.backendTLS,
	}
}

func ptr[T any](v T) *T { return &v }

func (g generator) listener(name string) gatewayv1.Listener {
	l := gatewayv1.Listener{
		Name: gatewayv1.SectionName(name), Port: pick[int32](g, 80, 443), Protocol: pick(g, gatewayv1.HTTPProtocolType, gatewayv1.HTTPProtocolType, gatewayv1.HTTPSProtocolType, gatewayv1.TCPProtocolType, gatewayv1.TLSProtocolType),
		Hostname: pick(g, nil, ptr[gatewayv1.Hostname]("*.example.com"), ptr[gatewayv1.Hostname]("one.example.com")),
	}
	if l.Protocol == gatewayv1.HTTPSProtocolType || l.Protocol == gatewayv1.TLSProtocolType {
		l.TLS = &gatewayv1.ListenerTLSConfig{Mode: pick(g, nil, ptr(gatewayv1.TLSModePassthrough)), CertificateRefs: []gatewayv1.SecretObjectReference{{
			Name: gatewayv1.ObjectName(g.name()), Namespace: pick(g, nil, ptr[gatewayv1.Namespace]("a")),
		}}}
	}
	if g.maybe(60) {
		l.AllowedRoutes = &gatewayv1.AllowedRoutes{Namespaces: &gatewayv1.RouteNamespaces{
			From:     ptr(pick(g, gatewayv1.NamespacesFromAll, gatewayv1.NamespacesFromSame, gatewayv1.NamespacesFromSelector)),
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "t"}},
		}}
	}
	return l
}

func (g generator) k8sGateway(o *config.Object) {
	o.Key.Kind = config.K8sGateway
	gw := &gatewayv1.Gateway{Spec: gatewayv1.GatewaySpec{GatewayClassName: pick[gatewayv1.ObjectName](g, "istio", "istio", "x")}}
	for _, name := range []string{"one", "two"} {
		gw.Spec.Listeners = append(gw.Spec.Listeners, g.listener(name))
	}
	if g.maybe(20) {
		gw.Spec.Addresses = []gatewayv1.GatewaySpecAddress{{Type: ptr(gatewayv1.HostnameAddressType), Value: pick(g, "x", "x.istio-system", "y.a.svc.cluster.local")}}
	}
	if g.maybe(60) {
		gw.Spec.AllowedListeners = &gatewayv1.AllowedListeners{Namespaces: &gatewayv1.ListenerNamespaces{From: ptr(gatewayv1.NamespacesFromAll)}}
	}
	o.Spec = gw
}

func (g generator) listenerSet(o *config.Object) {
	o.Key.Kind = config.ListenerSet
	l := g.listener("more")
	o.Spec = &gatewayv1.ListenerSet{Spec: gatewayv1.ListenerSetSpec{
		ParentRef: gatewayv1.ParentGatewayReference{Name: gatewayv1.ObjectName(g.name()), Namespace: pick(g, nil, ptr[gatewayv1.Namespace]("a"))},
		Listeners: []gatewayv1.ListenerEntry{{Name: l.Name, Port: l.Port, Protocol: l.Protocol, Hostname: l.Hostname, TLS: l.TLS, AllowedRoutes: l.AllowedRoutes}},
	}}
}

func (g generator) parents() gatewayv1.CommonRouteSpec {
	var out gatewayv1.CommonRouteSpec
	for range 1 + g.IntN(2) {
		out.ParentRefs = append(out.ParentRefs, gatewayv1.ParentReference{
			Kind:  ptr(pick[gatewayv1.Kind](g, "Gateway", "Gateway", "ListenerSet")),
			Group: pick(g, nil, ptr[gatewayv1.Group](gatewayv1.GroupName)),
			Name:  gatewayv1.ObjectName(g.name()), Namespace: pick(g, nil, ptr[gatewayv1.Namespace]("a")),
			SectionName: pick(g, nil, nil, ptr[gatewayv1.SectionName]("one")),
		})
	}
	if g.maybe(40) {
		out.ParentRefs[0] = gatewayv1.ParentReference{Kind: ptr[gatewayv1.Kind]("Service"), Group: ptr[gatewayv1.Group](""),
			Name: gatewayv1.ObjectName(g.name()), Namespace: pick(g, nil, ptr[gatewayv1.Namespace]("a")), Port: pick(g, nil, ptr[int32](80))}
	}
	return out
}

func (g generator) backendRef() gatewayv1.BackendRef {
	return gatewayv1.BackendRef{Weight: pick(g, nil, ptr[int32](0), ptr[int32](3)), BackendObjectReference: gatewayv1.BackendObjectReference{
		Name: gatewayv1.ObjectName(g.name()), Namespace: pick(g, nil, ptr[gatewayv1.Namespace]("a"), ptr[gatewayv1.Namespace]("b")), Port: ptr(pick[int32](g, 80, 90)),
	}}
}

func (g generator) httpRoute(o *config.Object) {
	o.Key.Kind = config.HTTPRoute
	r := &gatewayv1.HTTPRoute{Spec: gatewayv1.HTTPRouteSpec{CommonRouteSpec: g.parents(), Hostnames: pick(g, nil, []gatewayv1.Hostname{"one.example.com"}, []gatewayv1.Hostname{"three.other.org"})}}
	for range 1 + g.IntN(2) {
		rule := gatewayv1.HTTPRouteRule{Matches: []gatewayv1.HTTPRouteMatch{{Path: &gatewayv1.HTTPPathMatch{Value: ptr(pick(g, "/", "/a", "/a/b"))}}}}
		for range g.IntN(3) {
			rule.BackendRefs = append(rule.BackendRefs, gatewayv1.HTTPBackendRef{BackendRef: g.backendRef()})
		}
		r.Spec.Rules = append(r.Spec.Rules, rule)
	}
	o.Spec = r
}

func (g generator) streamRoute(o *config.Object) {
	if g.maybe(50) {
		o.Key.Kind = config.TCPRoute
		o.Spec = &gatewayv1.TCPRoute{Spec: gatewayv1.TCPRouteSpec{CommonRouteSpec: g.parents(), Rules: []gatewayv1.TCPRouteRule{{BackendRefs: []gatewayv1.BackendRef{g.backendRef()}}}}}
		return
	}
	o.Key.Kind = config.TLSRoute
	o.Spec = &gatewayv1.TLSRoute{Spec: gatewayv1.TLSRouteSpec{CommonRouteSpec: g.parents(), Hostnames: pick(g, nil, []gatewayv1.Hostname{"one.example.com"}),
		Rules: []gatewayv1.TLSRouteRule{{BackendRefs: []gatewayv1.BackendRef{g.backendRef()}}}}}
}

func (g generator) grant(o *config.Object) {
	o.Key.Kind = config.ReferenceGrant
	o.Spec = &gatewayv1.ReferenceGrant{Spec: gatewayv1.ReferenceGrantSpec{
		From: []gatewayv1.ReferenceGrantFrom{{Group: gatewayv1.GroupName, Kind: pick[gatewayv1.Kind](g, "HTTPRoute", "Gateway", "TCPRoute"), Namespace: pick[gatewayv1.Namespace](g, "a", "b")}},
		To:   []gatewayv1.ReferenceGrantTo{{Kind: pick[gatewayv1.Kind](g, "Service", "Secret")}},
	}}
}

func (g generator) namespaceObject(o *config.Object) {
	o.Key = config.Key{Kind: config.Namespace, Name: pick(g, "a", "b")}
	o.Meta.Labels = pick(g, nil, map[string]string{"team": "t"})
	o.Spec = &corev1.Namespace{}
}

func (g generator) gatewayClass(o *config.Object) {
	o.Key = config.Key{Kind: config.GatewayClass, Name: g.name()}
	o.Spec = &gatewayv1.GatewayClass{Spec: gatewayv1.GatewayClassSpec{ControllerName: pick[gatewayv1.GatewayController](g, "istio.io/gateway-controller", "example.com/other")}}
}

func (g generator) ingress(o *config.Object) {
	o.Key.Kind = config.Ingress
	backend := networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: g.name(), Port: networkingv1.ServiceBackendPort{Number: 80}}}
	i := &networkingv1.Ingress{Spec: networkingv1.IngressSpec{IngressClassName: pick(g, nil, ptr("istio"), ptr("x"))}}
	i.Spec.Rules = []networkingv1.IngressRule{{Host: pick(g, "", "one.example.com"), IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
		Paths: []networkingv1.HTTPIngressPath{{Path: pick(g, "/", "/a"), PathType: ptr(networkingv1.PathTypePrefix), Backend: backend}},
	}}}}
	if g.maybe(40) {
		i.Spec.TLS = []networkingv1.IngressTLS{{Hosts: []string{"one.example.com"}, SecretName: g.name()}}
	}
	if g.maybe(30) {
		i.Spec.DefaultBackend = &backend
	}
	o.Spec = i
}

func (g generator) ingressClass(o *config.Object) {
	o.Key = config.Key{Kind: config.IngressClass, Name: g.name()}
	o.Spec = &networkingv1.IngressClass{Spec: networkingv1.IngressClassSpec{Controller: pick(g, "istio.io/ingress-controller", "other")}}
}

func (g generator) trafficSplit(o *config.Object) {
	o.Key.Kind = config.TrafficSplit
	s := &config.SMITrafficSplit{Spec: config.SMITrafficSplitSpec{Service: g.name()}}
	for range 1 + g.IntN(2) {
		s.Spec.Backends = append(s.Spec.Backends, config.SMITrafficSplitBackend{Service: g.name(), Weight: *resource.NewQuantity(int64(g.IntN(3)), resource.DecimalSI)})
	}
	if g.maybe(40) {
		s.Spec.Matches = []config.SMIReference{{Kind: "HTTPRouteGroup", Name: g.name()}}
	}
	o.Spec = s
}

func (g generator) trafficTarget(o *config.Object) {
	o.Key.Kind = config.TrafficTarget
	t := &config.SMITrafficTarget{Spec: config.SMITrafficTargetSpec{
		Destination: config.SMISubject{Kind: "ServiceAccount", Name: pick(g, "sa1", "sa2"), Namespace: pick(g, "", "a")},
		Sources:     []config.SMISubject{{Kind: "ServiceAccount", Name: pick(g, "sa1", "sa2"), Namespace: g.namespace()}},
	}}
	if g.maybe(60) {
		t.Spec.Rules = []config.SMIRule{{Kind: "HTTPRouteGroup", Name: g.name()}}
	}
	o.Spec = t
}

func (g generator) backendTLS(o *config.Object) {
	o.Key.Kind = config.BackendTLSPolicy
	ref := gatewayv1.LocalPolicyTargetReferenceWithSectionName{SectionName: pick(g, nil, ptr[gatewayv1.SectionName]("http-80"))}
	ref.Kind, ref.Name = "Service", gatewayv1.ObjectName(g.name())
	o.Spec = &gatewayv1.BackendTLSPolicy{Spec: gatewayv1.BackendTLSPolicySpec{TargetRefs: []gatewayv1.LocalPolicyTargetReferenceWithSectionName{ref},
		Validation: gatewayv1.BackendTLSPolicyValidation{Hostname: "b.example.com", CACertificateRefs: pick(g, nil, []gatewayv1.LocalObjectReference{{Kind: "ConfigMap", Name: gatewayv1.ObjectName(g.name())}})}}}
}

func (g generator) routeGroup(o *config.Object) {
	o.Key.Kind = config.HTTPRouteGroup
	o.Spec = &config.SMIHTTPRouteGroup{Spec: config.SMIHTTPRouteGroupSpec{Matches: []config.SMIHTTPMatch{{Name: "m", Methods: []string{pick(g, "GET", "*")}, PathRegex: pick(g, "/a", "/.*", "(")}}}}
}
