package analyze

import (
	"slices"

	"github.com/meshctl/meshctl/internal/digest"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// ProxyKinds are the kinds that decide what is generated for a proxy, and which proxies there are.
func ProxyKinds() []config.Kind {
	var out []config.Kind
	for _, list := range [][]config.Kind{ScopeKinds(), InboundKinds(), WorkloadKinds(), {config.Secret, config.ProxyConfig, config.EndpointSlice}} {
		for _, k := range list {
			if !slices.Contains(out, k) {
				out = append(out, k)
			}
		}
	}
	return out
}

// Proxies are workloads that stand for all that have a proxy.
type Proxies struct {
	// Scopes has one workload for each distinct view of the mesh.
	Scopes []*Workload
	// Others are further ones of the same views, that differ in what only they serve.
	Others []*Workload
}

// NewProxies chooses among workloads, in their order.
func NewProxies(m *mesh.Snapshot, list []*Workload) *Proxies {
	out := &Proxies{}
	scopes, own := map[mesh.ScopeKey]bool{}, map[config.Digest]bool{}
	for _, w := range list {
		if !w.Meshed || w.Object.Meta.Annotations[mesh.AnnotationBoundPorts] != "" { // what that one listens at, nobody but itself knows
			continue
		}
		scope := m.ScopeKey(w.Proxy())
		if !scopes[scope] {
			scopes[scope], own[ownDigest(m, scope, w)] = true, true
			out.Scopes = append(out.Scopes, w)
			continue
		}
		if d := ownDigest(m, scope, w); !own[d] {
			own[d] = true
			out.Others = append(out.Others, w)
		}
	}
	return out
}

// ownDigest covers what may make a proxy's own resources differ from those of others of its scope.
func ownDigest(m *mesh.Snapshot, scope mesh.ScopeKey, w *Workload) config.Digest {
	type port struct {
		Number   uint32
		Protocol mesh.Protocol
		Service  string
	}
	in := m.Workload(w.Proxy())
	var ports []port
	for _, p := range in.Ports {
		one := port{p.Target, p.Protocol, ""}
		if p.Service != nil {
			one.Service = p.Service.Host
		}
		ports = append(ports, one)
	}
	var attached []config.Digest
	for _, list := range []mesh.Attached{in.AuthzPolicies, in.RequestAuthns, in.Telemetries, in.WasmPlugins, in.TrafficExtensions} {
		for _, o := range list {
			attached = append(attached, o.Digest)
		}
	}
	return digest.Of(struct {
		Scope    mesh.ScopeKey
		Ports    []port
		Attached []config.Digest
		Authn    mesh.PeerAuthn
		Settings string
	}{scope, ports, attached, in.PeerAuthn, w.Annotations[config.ProxyConfigAnnotation]})
}

// AllProxies is the fact of the proxies of the mesh.
func AllProxies(p *Pass) *Proxies { return allProxies.Of(p) }

var allProxies = NewFact(func(p *Pass) *Proxies {
	p.Reads(ProxyKinds()...)
	return NewProxies(p.Mesh(), AllWorkloads(p).All)
})
