package xds

import (
	"github.com/meshctl/meshctl/pkg/envoyfilter"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/translate"
)

// settleListeners makes what a scope's proxies share of listeners: the outbound ones of redirected sidecars, those of gRPC clients.
// Those of other proxies depend on their ports and are their own.
func (v *scopeView) settleListeners(b *builder) {
	switch {
	case v.key.Type == mesh.Proxyless:
		v.outbound = b.proxyless()
	case v.key.Type == mesh.Sidecar && v.key.Mode == mesh.Redirected:
		v.outbound = b.outbound(nil)
		v.outbound.take(b.addedListeners(v.outbound.resources, translate.VirtualInbound))
		if v.key.DNS.Capture {
			v.outbound.take(b.dns())
		}
	default:
		return
	}
	v.shared[listeners] = replaced(v.shared[listeners], NewTable(v.outbound.resources...))
}

// outbound makes the outbound listeners of sidecars; bindings are those of an explicit one.
func (b *builder) outbound(bindings map[string]uint32) *entry {
	policies, problems := translate.ScopePolicies(b.scope)
	inputs, more := translate.OutboundListeners(translate.OutboundInput{
		Config: b.scope.Config, Mode: b.scope.Key.Mode,
		Services: b.scope.Services, Hosts: b.scope.Hosts, AllowAny: b.scope.AllowAny, EgressProxy: translate.EgressCluster(b.scope.EgressProxy), Egress: b.scope.Egress, Policies: policies, Bindings: bindings,
		Endpoints: b.snapshot.Endpoints,
	})
	all := &entry{problems: append(problems, more...)}
	for _, in := range inputs {
		e := b.memo.get("listener", in, func() *entry {
			return &entry{resources: []*Resource{encode(in.Name, ListenerType, translate.Listener(in), in.From...)}}
		})
		e = b.patchedListener(e, func(name string) envoyfilter.Place { return envoyfilter.OutboundPlace(name, in.Port) })
		all.problems = append(all.problems, e.problems...)
		all.resources = append(all.resources, e.resources...)
		all.parts = append(all.parts, e)
	}
	return all
}

// dns makes the listeners that answer programs' DNS queries.
func (b *builder) dns() *entry {
	in := translate.DNSInput{Config: b.scope.Config, Names: translate.DNSNames(b.scope), IPv6: b.scope.Key.DNS.IPv6}
	return b.memo.get("dns", in, func() *entry {
		e := &entry{}
		for _, l := range translate.DNSListeners(in) {
			e.resources = append(e.resources, encode(l.Name, ListenerType, l))
		}
		return e
	})
}

// take makes an entry part of another one.
func (e *entry) take(part *entry) {
	e.resources, e.problems, e.parts = append(e.resources, part.resources...), append(e.problems, part.problems...), append(e.parts, part)
}

// proxyless makes the listeners that gRPC's own client asks for, one for each port of each service.
func (b *builder) proxyless() *entry {
	all := &entry{}
	for _, s := range b.scope.Services {
		for _, port := range s.Ports {
			if port.Protocol == mesh.UDP {
				continue
			}
			in := translate.ProxylessListenerInput{Host: s.Host, Port: port.Number}
			e := b.memo.get("proxyless", in, func() *entry {
				l := translate.ProxylessListener(in)
				return &entry{resources: []*Resource{encode(l.Name, ListenerType, l, s.From)}}
			})
			all.resources = append(all.resources, e.resources...)
			all.parts = append(all.parts, e)
		}
	}
	return all
}
