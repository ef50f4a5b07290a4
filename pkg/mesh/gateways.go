package mesh

import (
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/internal/digest"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh/convert"
)

// gateway is one Gateway object.
type gateway struct {
	Object *config.Object
	Spec   *networking.Gateway
	Hosts  [][]GatewayHost // by server
	// Namespace of the proxies that serve it; "" is any.
	Namespace string
	Digest    config.Digest
}

func (g *gateway) name() string { return g.Object.Key.Namespace + "/" + g.Object.Key.Name }

// readGateway takes in a changed Gateway.
func (t *update) readGateway(d delta) {
	key := d.key()
	before := t.gateways.get(key)
	var after *gateway
	if d.after != nil {
		var problems []config.Problem
		after, problems = parseGateway(d.after)
		t.report(key, problems)
	}
	if after == nil {
		t.gateways.delete(key)
	} else {
		t.gateways.set(key, after)
	}
	if before != nil && after != nil && before.Digest == after.Digest {
		return
	}
	t.change.Gateways = true
	if before != nil {
		t.useCredential(before.credentials(), key, false)
	}
	if after != nil {
		t.useCredential(after.credentials(), key, true)
	}
	if before == nil || after == nil || !sameLabels(before.Spec.Selector, after.Spec.Selector) || before.Namespace != after.Namespace {
		t.change.Rekey[""] = true
		for _, v := range t.toGateway.get(key.Namespace + "/" + key.Name) {
			t.staleChecks[v.key()] = true
		}
	}
}

func parseGateway(o *config.Object) (*gateway, []config.Problem) {
	spec, ok := o.Spec.(*networking.Gateway)
	if !ok {
		return nil, nil
	}
	g := &gateway{Object: o, Spec: spec}
	if o.Key.Derived() {
		g.Namespace = o.Meta.Annotations[convert.NoteNamespace]
	}
	c := &gatewayCheck{object: o}
	for i, s := range spec.Servers {
		g.Hosts = append(g.Hosts, c.server(i, s))
	}
	c.whole(spec)
	g.Digest = digest.Of(struct {
		Key       config.Key
		Meta      config.Meta
		Spec      *networking.Gateway
		Namespace string
	}{o.Key, config.Meta{Created: o.Meta.Created}, spec, g.Namespace})
	return g, c.problems
}

// gatewayHost splits "namespace/host"; "." is the Gateway's own namespace and "*" is any.
func gatewayHost(entry, own string) GatewayHost {
	namespace, host, found := strings.Cut(entry, "/")
	switch {
	case !found:
		return GatewayHost{Host: strings.ToLower(entry)}
	case namespace == ".":
		namespace = own
	case namespace == "*":
		namespace = ""
	}
	return GatewayHost{Host: strings.ToLower(host), Namespace: namespace}
}

// gatewaysOf lists the Gateways that select a router by its labels, oldest first.
func (t *tables) gatewaysOf(p Proxy) []*gateway {
	var out []*gateway
	for _, g := range t.gateways.all() {
		if Selects(g.Spec.Selector, p.Labels) && (g.Namespace == "" || g.Namespace == p.Namespace) {
			out = append(out, g)
		}
	}
	slices.SortFunc(out, func(a, b *gateway) int { return older(a.Object, b.Object) })
	return out
}

// servers resolves the servers of a router, keeping what is equal in old.
func (r *resolver) servers(old []*GatewayServer) []*GatewayServer {
	if r.key.Type != Router {
		return nil
	}
	kept := make(map[config.Digest]*GatewayServer, len(old))
	for _, s := range old {
		kept[s.Digest] = s
	}
	var out []*GatewayServer
	for _, g := range r.gatewaysOf(Proxy{Labels: r.proxy.Labels, Namespace: r.key.Namespace}) {
		for i, hosts := range g.Hosts {
			if len(hosts) == 0 {
				continue
			}
			s := r.server(g, i)
			if same := kept[s.Digest]; same != nil {
				s = same
			}
			out = append(out, s)
		}
	}
	return out
}

func (r *resolver) server(g *gateway, i int) *GatewayServer {
	s := &GatewayServer{Gateway: g.Object.Key, Server: g.Spec.Servers[i], Index: i, Hosts: g.Hosts[i]}
	from := source{gateway: g.name(), namespace: r.key.Namespace, labels: r.proxy.Labels}
	for _, v := range r.toGateway.get(g.name()) {
		if !v.Visibility.In(r.key.Namespace) || !s.binds(v) {
			continue
		}
		if g.Object.Key.Derived() && !v.key().Derived() { // its listeners say which routes they take
			continue
		}
		if n := v.narrow(from); n != nil {
			s.Virtual = append(s.Virtual, n)
		}
	}
	s.Credentials, s.Authorities = r.credentials(s.Server.GetTls(), g.Object.Key.Derived())
	s.Digest = digest.Of(struct {
		Gateway     config.Key
		Server      *networking.Server
		Index       int
		Hosts       []GatewayHost
		Virtual     []*VirtualService
		Credentials []Credential
		Authorities Credential
	}{s.Gateway, s.Server, i, s.Hosts, s.Virtual, s.Credentials, s.Authorities})
	return s
}

// binds reports whether the server takes a VirtualService: one of its hosts meets one of the server's, in a namespace that the
// server allows.
func (s *GatewayServer) binds(v *virtual) bool {
	for _, h := range s.Hosts {
		if h.Namespace != "" && h.Namespace != v.key().Namespace {
			continue
		}
		for _, host := range v.Spec.Hosts {
			if hostsMeet(h.Host, host) {
				return true
			}
		}
	}
	return false
}
