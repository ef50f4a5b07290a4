package mesh

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	extensions "istio.io/api/extensions/v1alpha1"
	networking "istio.io/api/networking/v1alpha3"
	security "istio.io/api/security/v1beta1"
	telemetry "istio.io/api/telemetry/v1alpha1"
	typev1beta1 "istio.io/api/type/v1beta1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/meshctl/meshctl/internal/digest"
	"github.com/meshctl/meshctl/pkg/config"
)

// generator makes random objects from few names, so that they meet often.
type generator struct{ *rand.Rand }

func pick[T any](g generator, list ...T) T { return list[g.IntN(len(list))] }

func (g generator) maybe(percent int) bool { return g.IntN(100) < percent }

func (g generator) namespace() string { return pick(g, "a", "b", "istio-system") }

func (g generator) name() string { return pick(g, "x", "y", "z") }

func (g generator) labels() map[string]string {
	out := map[string]string{}
	if g.maybe(80) {
		out["app"] = pick(g, "x", "y", "z")
	}
	if g.maybe(50) {
		out["version"] = pick(g, "v1", "v2")
	}
	if g.maybe(20) {
		out[labelTLSMode] = pick(g, "istio", "disabled")
	}
	return out
}

func (g generator) selector() map[string]string {
	if g.maybe(25) {
		return map[string]string{"app": pick(g, "x", "y", "z"), "version": pick(g, "v1", "v2")}
	}
	return map[string]string{"app": pick(g, "x", "y", "z")}
}

func (g generator) host() string {
	return pick(g, "x", "y", "z", "x.a.svc.cluster.local", "y.b.svc.cluster.local", "one.example.com", "two.example.com",
		"three.other.org", "*.example.com", "*.a.svc.cluster.local")
}

func (g generator) exportTo() []string {
	return pick(g, nil, nil, nil, []string{"*"}, []string{"."}, []string{"a"}, []string{"b", "."}, []string{"~"})
}

func (g generator) address() string { return fmt.Sprintf("10.0.0.%d", 1+g.IntN(6)) }

func (g generator) object() *config.Object {
	o := &config.Object{Key: config.Key{Namespace: g.namespace(), Name: g.name()}}
	o.Meta.Created = time.Unix(int64(g.IntN(3)), 0)
	makers := []func(generator, *config.Object){
		generator.service, generator.service, generator.serviceEntry, generator.workloadEntry, generator.workloadEntry, generator.pod,
		generator.slice, generator.virtualService, generator.virtualService, generator.destinationRule, generator.destinationRule,
		generator.gateway, generator.sidecar, generator.peerAuthn, generator.secret, generator.node, generator.envoyFilter,
		generator.authzPolicy, generator.requestAuthn, generator.telemetry, generator.wasmPlugin,
	}
	if g.maybe(30) {
		makers = convertedKinds()
	}
	makers[g.IntN(len(makers))](g, o)
	if g.maybe(2) {
		generator.meshConfig(g, o)
	}
	o.Digest = digest.Of(struct {
		Key  config.Key
		Meta config.Meta
		Spec any
	}{o.Key, o.Meta, o.Spec})
	return o
}

func (g generator) service(o *config.Object) {
	o.Key.Kind = config.Service
	s := &corev1.Service{}
	o.Spec = s
	if g.maybe(20) {
		o.Meta.Annotations = map[string]string{annotationExportTo: strings.Join(g.exportTo(), ",")}
	}
	switch g.IntN(6) {
	case 0:
		s.Spec.Type, s.Spec.ExternalName = corev1.ServiceTypeExternalName, pick(g, "e1.example.org", "e2.example.org")
	case 1:
		s.Spec.ClusterIP = "None"
	default:
		s.Spec.ClusterIP = g.address()
	}
	s.Spec.PublishNotReadyAddresses = g.maybe(10)
	if g.maybe(85) {
		s.Spec.Selector = g.selector()
	}
	for i, port := range []int32{80, 90} {
		if i == 0 || g.maybe(40) {
			s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{
				Name: fmt.Sprint(pick(g, "http", "grpc", "tcp"), "-", port), Port: port,
				TargetPort: pick(g, intstr.FromInt32(8080), intstr.FromString("web"), intstr.IntOrString{}),
			})
		}
	}
}

func (g generator) entry() *networking.WorkloadEntry {
	return &networking.WorkloadEntry{
		Address: pick(g, g.address(), g.address(), g.address(), "vm.example.net"), Labels: g.labels(), Weight: uint32(g.IntN(3)), ServiceAccount: pick(g, "", "sa1", "sa2"),
		Ports: pick(g, nil, map[string]uint32{"http-80": 8000}, map[string]uint32{"8080": 9000}), Locality: pick(g, "", "r/z"),
	}
}

func (g generator) workloadEntry(o *config.Object) {
	o.Key.Kind, o.Spec = config.WorkloadEntry, g.entry()
	o.Meta.Labels = pick(g, nil, map[string]string{"team": "t"})
	if g.maybe(10) {
		o.Meta.Annotations = map[string]string{AnnotationUnhealthy: "probe"}
	}
}

func (g generator) serviceEntry(o *config.Object) {
	o.Key.Kind = config.ServiceEntry
	e := &networking.ServiceEntry{
		Location:   pick(g, networking.ServiceEntry_MESH_EXTERNAL, networking.ServiceEntry_MESH_INTERNAL),
		Resolution: pick(g, networking.ServiceEntry_STATIC, networking.ServiceEntry_DNS, networking.ServiceEntry_NONE),
		ExportTo:   g.exportTo(), SubjectAltNames: pick(g, nil, []string{"san"}),
	}
	for range 1 + g.IntN(2) {
		e.Hosts = append(e.Hosts, pick(g, "one.example.com", "two.example.com", "three.other.org", "x.a.svc.cluster.local", "*.example.com"))
	}
	for i, port := range []uint32{80, 443} {
		if i == 0 || g.maybe(40) {
			e.Ports = append(e.Ports, &networking.ServicePort{Number: port, Name: fmt.Sprint("p", port), Protocol: pick(g, "HTTP", "TLS", "TCP")})
		}
	}
	if g.maybe(40) {
		e.WorkloadSelector = &networking.WorkloadSelector{Labels: g.selector()}
	} else if g.maybe(60) {
		e.Endpoints = append(e.Endpoints, g.entry())
	}
	o.Spec = e
}

func (g generator) pod(o *config.Object) {
	o.Key.Kind = config.Pod
	p := &corev1.Pod{}
	o.Spec, o.Meta.Labels = p, g.labels()
	p.Status.PodIP = pick(g, "", g.address(), g.address())
	p.Spec.NodeName = pick(g, "", "n1", "n2")
	p.Spec.Containers = []corev1.Container{{Name: pick(g, "app", proxyContainer), Ports: []corev1.ContainerPort{{Name: "web", ContainerPort: int32(7000 + g.IntN(2))}}}}
	if g.maybe(20) {
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}}
	}
}

func (g generator) node(o *config.Object) {
	o.Key = config.Key{Kind: config.Node, Name: pick(g, "n1", "n2")}
	o.Spec, o.Meta.Labels = &corev1.Node{}, map[string]string{corev1.LabelTopologyZone: pick(g, "z1", "z2")}
}

func (g generator) slice(o *config.Object) {
	o.Key.Kind = config.EndpointSlice
	o.Meta.Labels = map[string]string{discoveryv1.LabelServiceName: g.name()}
	s := &discoveryv1.EndpointSlice{AddressType: discoveryv1.AddressTypeIPv4}
	for _, port := range []int32{80, 90} {
		name, number := fmt.Sprint(pick(g, "http", "tcp"), "-", port), int32(8080)
		s.Ports = append(s.Ports, discoveryv1.EndpointPort{Name: &name, Port: &number})
	}
	for range g.IntN(3) {
		e := discoveryv1.Endpoint{Addresses: []string{g.address()}}
		if g.maybe(50) {
			e.TargetRef = &corev1.ObjectReference{Kind: "Pod", Name: g.name(), Namespace: o.Key.Namespace}
		}
		if g.maybe(30) {
			node := pick(g, "n1", "n2")
			e.NodeName = &node
		}
		s.Endpoints = append(s.Endpoints, e)
	}
	o.Spec = s
}

func (g generator) destination() *networking.Destination {
	return &networking.Destination{Host: strings.TrimPrefix(g.host(), "*."), Subset: pick(g, "", "", "v1", "v2")}
}

func (g generator) virtualService(o *config.Object) {
	o.Key.Kind = config.VirtualService
	v := &networking.VirtualService{ExportTo: g.exportTo(), Gateways: pick(g, nil, nil, []string{"x"}, []string{"mesh", "a/x"}, []string{"a/y"})}
	for range 1 + g.IntN(2) {
		v.Hosts = append(v.Hosts, g.host())
	}
	for range 1 + g.IntN(2) {
		r := &networking.HTTPRoute{Route: []*networking.HTTPRouteDestination{{Destination: g.destination()}}}
		if g.maybe(40) {
			m := &networking.HTTPMatchRequest{SourceNamespace: pick(g, "", "a"), Gateways: pick(g, nil, []string{"mesh"}, []string{"a/x"})}
			if g.maybe(60) {
				m.SourceLabels = g.selector()
			}
			r.Match = append(r.Match, m)
		}
		v.Http = append(v.Http, r)
	}
	if g.maybe(15) { // a delegate, or a mistake
		v.Hosts = nil
	}
	if g.maybe(20) {
		v.Http[0].Route, v.Http[0].Delegate = nil, &networking.Delegate{Name: g.name(), Namespace: pick(g, "", "a", "b")}
	}
	if g.maybe(20) {
		v.Tcp = append(v.Tcp, &networking.TCPRoute{Route: []*networking.RouteDestination{{Destination: g.destination()}}})
	}
	o.Spec = v
}

func (g generator) destinationRule(o *config.Object) {
	o.Key.Kind = config.DestinationRule
	r := &networking.DestinationRule{Host: g.host(), ExportTo: g.exportTo()}
	if g.maybe(50) {
		r.TrafficPolicy = &networking.TrafficPolicy{LoadBalancer: &networking.LoadBalancerSettings{
			LbPolicy: &networking.LoadBalancerSettings_Simple{Simple: networking.LoadBalancerSettings_SimpleLB(1 + g.IntN(4))}}}
	}
	if g.maybe(60) {
		r.Subsets = append(r.Subsets, &networking.Subset{Name: pick(g, "v1", "v2")})
	}
	if g.maybe(25) {
		r.WorkloadSelector = &typev1beta1.WorkloadSelector{MatchLabels: g.selector()}
	}
	if g.maybe(15) {
		r.TrafficPolicy = &networking.TrafficPolicy{Tls: &networking.ClientTLSSettings{CredentialName: g.name()}}
	}
	o.Spec = r
}

func (g generator) gateway(o *config.Object) {
	o.Key.Kind = config.Gateway
	gw := &networking.Gateway{Selector: pick(g, nil, map[string]string{"istio": "ingressgateway"}, map[string]string{"app": "x"})}
	for i := range 1 + g.IntN(2) {
		s := &networking.Server{Port: &networking.Port{Number: uint32(80 + i), Name: "http", Protocol: "HTTP"}, Hosts: []string{pick(g, "*", "a/*", "./*.example.com", "one.example.com")}}
		if g.maybe(40) {
			s.Tls = &networking.ServerTLSSettings{CredentialName: g.name()}
		}
		gw.Servers = append(gw.Servers, s)
	}
	o.Spec = gw
}

func (g generator) sidecar(o *config.Object) {
	o.Key.Kind = config.Sidecar
	s := &networking.Sidecar{}
	if g.maybe(50) {
		s.WorkloadSelector = &networking.WorkloadSelector{Labels: g.selector()}
	}
	for range g.IntN(3) {
		l := &networking.IstioEgressListener{Hosts: []string{pick(g, "./*", "*/*", "~/*", "a/*", "*/*.example.com", "b/y.b.svc.cluster.local", "*/one.example.com")}}
		if g.maybe(20) {
			l.Port = &networking.SidecarPort{Number: 80}
		}
		s.Egress = append(s.Egress, l)
	}
	if g.maybe(20) {
		s.OutboundTrafficPolicy = &networking.OutboundTrafficPolicy{}
	}
	o.Spec = s
}

func (g generator) peerAuthn(o *config.Object) {
	o.Key.Kind = config.PeerAuthn
	mode := func() *security.PeerAuthentication_MutualTLS {
		return &security.PeerAuthentication_MutualTLS{Mode: security.PeerAuthentication_MutualTLS_Mode(g.IntN(4))}
	}
	p := &security.PeerAuthentication{Mtls: mode()}
	if g.maybe(60) {
		p.Selector = &typev1beta1.WorkloadSelector{MatchLabels: g.selector()}
		if g.maybe(50) {
			p.PortLevelMtls = map[uint32]*security.PeerAuthentication_MutualTLS{8080: mode()}
		}
	}
	o.Spec = p
}

func (g generator) secret(o *config.Object) {
	o.Key.Kind = config.Secret
	o.Spec = &corev1.Secret{ObjectMeta: metav1.ObjectMeta{}, Data: map[string][]byte{"tls.crt": []byte(pick(g, "1", "2"))}}
}

func (g generator) envoyFilter(o *config.Object) {
	o.Key.Kind = config.EnvoyFilter
	o.Spec = &networking.EnvoyFilter{WorkloadSelector: &networking.WorkloadSelector{Labels: pick(g, nil, g.selector())}, Priority: int32(g.IntN(3))}
}

func (g generator) workloads() *typev1beta1.WorkloadSelector {
	if g.maybe(40) {
		return nil
	}
	return &typev1beta1.WorkloadSelector{MatchLabels: g.selector()}
}

func (g generator) targets() []*typev1beta1.PolicyTargetReference {
	if g.maybe(80) {
		return nil
	}
	return []*typev1beta1.PolicyTargetReference{{Kind: pick(g, "Gateway", "Service"), Group: pick(g, "", "gateway.networking.k8s.io"), Name: g.name()}}
}

func (g generator) authzPolicy(o *config.Object) {
	o.Key.Kind = config.AuthzPolicy
	o.Spec = &security.AuthorizationPolicy{Selector: g.workloads(), TargetRefs: g.targets(), Action: security.AuthorizationPolicy_Action(g.IntN(3))}
}

func (g generator) requestAuthn(o *config.Object) {
	o.Key.Kind = config.RequestAuthn
	o.Spec = &security.RequestAuthentication{Selector: g.workloads(), JwtRules: []*security.JWTRule{{Issuer: g.name()}}}
}

func (g generator) telemetry(o *config.Object) {
	o.Key.Kind = config.Telemetry
	o.Spec = &telemetry.Telemetry{Selector: g.workloads(), TargetRefs: g.targets()}
}

func (g generator) wasmPlugin(o *config.Object) {
	o.Key.Kind = config.WasmPlugin
	o.Spec = &extensions.WasmPlugin{Selector: g.workloads(), TargetRefs: g.targets(), Url: pick(g, "file:///a.wasm", "file:///b.wasm")}
}

func (g generator) meshConfig(o *config.Object) {
	o.Key = configKey(Options{}.withDefaults())
	o.Spec = &corev1.ConfigMap{Data: map[string]string{"mesh": pick(g, "outboundTrafficPolicy: {mode: REGISTRY_ONLY}", "trustDomain: td.example",
		"defaultServiceExportTo: [\".\"]", "rootNamespace: b", "{}")}}
}
