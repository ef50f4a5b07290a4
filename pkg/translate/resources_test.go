package translate

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// decode reads objects from YAML; a problem in the text fails the test.
func decode(t testing.TB, text string) []*config.Object {
	t.Helper()
	objects, problems := config.Decode("test.yaml", strings.NewReader(text))
	for _, p := range problems {
		t.Fatalf("the test's own YAML: %v", p)
	}
	return objects
}

// build resolves YAML.
func build(t testing.TB, text string) *mesh.Snapshot {
	t.Helper()
	return mesh.Build(config.Set{}.With(config.Batch{Full: true, Upserts: decode(t, text)}), mesh.Options{})
}

// resources is everything that one proxy gets.
type resources struct {
	clusters  []*clusterv3.Cluster
	endpoints []*endpointv3.ClusterLoadAssignment
	listeners []*listenerv3.Listener
	routes    []*routev3.RouteConfiguration
	secrets   []*tlsv3.Secret
	problems  []config.Problem
}

// resourcesFor translates all that a proxy needs, as a control plane does it.
func resourcesFor(s *mesh.Snapshot, p mesh.Proxy) *resources {
	key := s.ScopeKey(p)
	scope := s.Scope(key, p)
	r := &resources{clusters: StaticClusters(StaticClustersInput{Config: s.Config(), Proxy: p.Type, Mode: p.Mode})}
	for _, svc := range scope.Services {
		for _, port := range svc.Ports {
			if port.Protocol != mesh.UDP {
				r.service(s, p, svc, port)
			}
		}
	}
	switch p.Type {
	case mesh.Router:
		r.gateway(s, p, scope)
	case mesh.Proxyless:
		r.proxyless(s, p, scope)
	default:
		r.sidecar(s, p, scope)
	}
	return r.sorted()
}

func (r *resources) service(s *mesh.Snapshot, p mesh.Proxy, svc *mesh.ScopedService, port mesh.Port) {
	set := s.Endpoints(svc.Service, port)
	inputs := ClusterInputs(ClusterInput{
		Config: s.Config(), Proxy: p.Type, Mode: p.Mode, Service: svc.Service, Port: port, Rule: svc.Rule, Identities: set.Identities,
	})
	for _, in := range append(inputs, PassesThrough(s.Scope(s.ScopeKey(p), p).Servers, inputs)...) {
		in.MutualTLS = set.MutualTLS() && KeepsDestination(in)
		if InlineEndpoints(svc.Service) {
			in.Endpoints, in.Client = set, clientOf(s, p, in)
		}
		c, notes := Cluster(in)
		r.clusters, r.problems = append(r.clusters, c), append(r.problems, notes...)
		if NeedsAssignment(in) {
			r.endpoints = append(r.endpoints, Assignment(NewAssignment(in, set, clientOf(s, p, in))))
		}
	}
}

func (r *resources) sidecar(s *mesh.Snapshot, p mesh.Proxy, scope *mesh.Scope) {
	policies, notes := ScopePolicies(scope)
	r.problems = append(r.problems, notes...)
	inputs, notes := OutboundListeners(OutboundInput{
		Config: s.Config(), Mode: p.Mode, Services: scope.Services, Hosts: scope.Hosts, Policies: policies, AllowAny: scope.AllowAny, Bindings: p.Bindings,
		Endpoints: s.Endpoints,
	})
	r.problems = append(r.problems, notes...)
	for _, in := range inputs {
		r.listeners = append(r.listeners, Listener(in))
	}
	w := s.Workload(p)
	for _, port := range WorkloadPorts(w, p) {
		r.clusters = append(r.clusters, InboundCluster(NewInboundCluster(s.Config(), p, port)))
	}
	r.listeners = append(r.listeners, Inbound(NewInbound(s.Config(), w, r.policies(s, scope, w, p), p))...)
	r.serviceRoutes(s, p, scope)
}

// policies are those of a workload; the clusters that they need are added.
func (r *resources) policies(s *mesh.Snapshot, scope *mesh.Scope, w *mesh.Workload, p mesh.Proxy) Policies {
	out, notes := WorkloadPolicies(scope.Config, p.Type, w, scope.Service)
	r.problems = append(r.problems, notes...)
	for _, in := range KeysClusters(AddressClusterInput{Config: s.Config(), Proxy: p.Type, Mode: p.Mode}, out.JWT) {
		r.clusters = append(r.clusters, AddressCluster(in))
	}
	return out
}

func (r *resources) serviceRoutes(s *mesh.Snapshot, p mesh.Proxy, scope *mesh.Scope) {
	var routed []Routed
	for _, svc := range scope.Services {
		routed = append(routed, ServiceRoutes(ServiceRoutesInput{
			Config: s.Config(), Proxy: p.Type, Mode: p.Mode, Namespace: p.Namespace, Service: svc, Lookup: scope.Service,
		})...)
	}
	for _, h := range scope.Hosts {
		routed = append(routed, HostRoutes(HostRoutesInput{Config: s.Config(), Mode: p.Mode, Host: h, Lookup: scope.Service})...)
	}
	byName := map[string][]VirtualHostInput{}
	if p.Mode == mesh.Explicit && p.Type == mesh.Sidecar {
		byName[HTTPProxy] = nil
	}
	for _, r := range routed {
		byName[r.Route] = append(byName[r.Route], r.Host)
	}
	for name, hosts := range byName {
		settings, last, closed := RouteSettings(RouteSettingsInput{Name: name, Proxy: p.Type, Mode: p.Mode, AllowAny: scope.AllowAny})
		r.route(settings, hosts, last, closed)
	}
}

func (r *resources) route(settings RouteConfigInput, hosts []VirtualHostInput, last CatchAllInput, closed bool) {
	rc := RouteConfig(settings)
	lists := make([][]string, len(hosts))
	for i, h := range hosts {
		lists[i] = h.Domains
	}
	for i, domains := range UniqueDomains(lists) {
		if hosts[i].Domains = domains; len(domains) > 0 {
			vh, notes := VirtualHost(hosts[i])
			rc.VirtualHosts, r.problems = append(rc.VirtualHosts, vh), append(r.problems, notes...)
			closed = closed || slices.Contains(domains, "*")
		}
	}
	if !closed {
		rc.VirtualHosts = append(rc.VirtualHosts, CatchAll(last))
	}
	r.routes = append(r.routes, rc)
}

func (r *resources) gateway(s *mesh.Snapshot, p mesh.Proxy, scope *mesh.Scope) {
	w := s.Workload(p)
	policies := r.policies(s, scope, w, p)
	in := GatewayInput{
		Config: s.Config(), Mode: p.Mode, Bindings: p.Bindings, Servers: scope.Servers, Services: scope.Services, Lookup: scope.Service, Ports: ServicePorts(w),
		Policies: policies,
	}
	inputs, notes := GatewayListeners(in)
	r.problems = append(r.problems, notes...)
	for _, l := range inputs {
		r.listeners = append(r.listeners, GatewayListener(l))
		for _, c := range l.Secure {
			for _, server := range scope.Servers {
				if c.TLS != server.Server.GetTls() {
					continue
				}
				for _, named := range server.Credentials {
					r.secret(SecretInput{Name: named.Name, Secret: named.Object})
				}
				if c.CA != "" {
					r.secret(SecretInput{Name: c.CA, Secret: server.Authorities.Object, CA: true})
				}
			}
		}
	}
	for _, route := range GatewayRoutes(in) {
		r.route(route.Config, route.Hosts, CatchAllInput{Gateway: true}, false)
	}
}

func (r *resources) secret(in SecretInput) {
	secret, notes := Secret(in)
	r.problems = append(r.problems, notes...)
	if secret != nil {
		r.secrets = append(r.secrets, secret)
	}
}

func (r *resources) proxyless(s *mesh.Snapshot, p mesh.Proxy, scope *mesh.Scope) {
	for _, svc := range scope.Services {
		for _, port := range svc.Ports {
			r.listeners = append(r.listeners, ProxylessListener(ProxylessListenerInput{Host: svc.Host, Port: port.Number}))
		}
	}
	r.serviceRoutes(s, p, scope)
}

func (r *resources) sorted() *resources {
	slices.SortFunc(r.clusters, func(a, b *clusterv3.Cluster) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(r.endpoints, func(a, b *endpointv3.ClusterLoadAssignment) int { return cmp.Compare(a.ClusterName, b.ClusterName) })
	slices.SortFunc(r.listeners, func(a, b *listenerv3.Listener) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(r.routes, func(a, b *routev3.RouteConfiguration) int { return cmp.Compare(a.Name, b.Name) })
	return r
}

// each calls visit with every message.
func (r *resources) each(visit func(proto.Message)) {
	for _, m := range r.clusters {
		visit(m)
	}
	for _, m := range r.endpoints {
		visit(m)
	}
	for _, m := range r.listeners {
		visit(m)
	}
	for _, m := range r.routes {
		visit(m)
	}
	for _, m := range r.secrets {
		visit(m)
	}
}

func (r *resources) cluster(t testing.TB, name string) *clusterv3.Cluster {
	t.Helper()
	for _, c := range r.clusters {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("there is no cluster %s", name)
	return nil
}

func (r *resources) vhost(t testing.TB, route, name string) *routev3.VirtualHost {
	t.Helper()
	for _, rc := range r.routes {
		for _, v := range rc.VirtualHosts {
			if rc.Name == route && v.Name == name {
				return v
			}
		}
	}
	t.Fatalf("there is no virtual host %s in route %s", name, route)
	return nil
}

func (r *resources) listener(t testing.TB, name string) *listenerv3.Listener {
	t.Helper()
	for _, l := range r.listeners {
		if l.Name == name {
			return l
		}
	}
	t.Fatalf("there is no listener %s", name)
	return nil
}

func clientOf(s *mesh.Snapshot, p mesh.Proxy, in ClusterInput) Client {
	return ClientOf(in, p.Locality, func(label string) string { return s.Topology(p, label) })
}

// The proxies of the tests.
func redirected(labels ...string) mesh.Proxy {
	return proxy("sidecar", mesh.Proxy{Mode: mesh.Redirected, Name: "client", Namespace: "default", Addresses: []string{"10.1.1.1"}}, labels)
}

func explicit(labels ...string) mesh.Proxy {
	return proxy("sidecar", mesh.Proxy{Mode: mesh.Explicit, Name: "client", Namespace: "default", Addresses: []string{loopback}}, labels)
}

func router(labels ...string) mesh.Proxy {
	return proxy("router", mesh.Proxy{Type: mesh.Router, Mode: mesh.Explicit, Name: "gateway", Namespace: "istio-system", Addresses: []string{loopback}, Trusted: true},
		append(labels, "istio=ingressgateway"))
}

func proxy(kind string, p mesh.Proxy, labels []string) mesh.Proxy {
	p.ID = kind + "~" + p.Addresses[0] + "~" + p.Name + "." + p.Namespace + "~" + p.Namespace + ".svc.cluster.local"
	p.ServiceAccount = p.Name
	p.Labels = map[string]string{}
	for _, l := range labels {
		k, v, _ := strings.Cut(l, "=")
		p.Labels[k] = v
	}
	return p
}

// bound gives an explicit proxy all the local ports that it wants.
func bound(s *mesh.Snapshot, p mesh.Proxy, port func(mesh.Listen) uint32) mesh.Proxy {
	p.Bindings = map[string]uint32{}
	for _, l := range s.Listens(p) {
		p.Bindings[l.Name] = port(l)
	}
	return p
}

// counting numbers ports from 20001.
func counting() func(mesh.Listen) uint32 {
	n := uint32(20000)
	return func(mesh.Listen) uint32 { n++; return n }
}
