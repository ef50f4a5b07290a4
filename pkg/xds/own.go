package xds

import (
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/envoyfilter"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/translate"
)

// ownSet is what one proxy does not share: its inbound side and, in explicit mode, everything that has a local port.
type ownSet struct {
	clusters, listeners, routes, secrets, extensions []*Resource

	problems []config.Problem
	parts    []*entry // keeps the memo's entries alive
	// needsServices: what is the proxy's own depends on what services there are.
	needsServices bool
}

// own makes a member's own resources.
func (b *builder) own(p mesh.Proxy) *ownSet {
	out := &ownSet{needsServices: p.Mode == mesh.Explicit || p.Type == mesh.Router} // local ports, a gateway's routes
	switch p.Type {
	case mesh.Proxyless:
		return out
	case mesh.Router:
		b.ownGateway(p, out)
		return out
	}
	w := b.snapshot.Workload(p)
	for _, port := range translate.WorkloadPorts(w, p) {
		in := translate.NewInboundCluster(b.scope.Config, p, port)
		e := b.memo.get("inbound cluster", in, func() *entry {
			c := translate.InboundCluster(in)
			return &entry{resources: []*Resource{encode(c.Name, ClusterType, c, servedBy(port)...)}}
		})
		out.add(b.patchedCluster(e, envoyfilter.Inbound, hostsOf(port)...), &out.clusters)
	}
	policies := b.policies(p, w, out)
	in := translate.NewInbound(b.scope.Config, w, policies, p)
	e := b.memo.get("inbound", in, func() *entry {
		e := &entry{}
		for _, l := range translate.Inbound(in) {
			e.resources = append(e.resources, encode(l.Name, ListenerType, l, append(policies.From(), w.PeerAuthn.From...)...))
		}
		return e
	})
	out.add(b.patchedListener(e, envoyfilter.InboundPlace), &out.listeners)
	b.ownExtensions(p, w, out)
	if p.Trusted {
		b.credentials(p, out)
	}
	if p.Mode == mesh.Explicit {
		out.add(b.outbound(p.Bindings), &out.listeners)
		out.add(b.addedListeners(out.listeners), &out.listeners)
	}
	return out
}

// hostsOf lists the services of a workload port.
func hostsOf(port mesh.WorkloadPort) []string {
	if port.Service == nil {
		return nil
	}
	return []string{port.Service.Host}
}

func servedBy(port mesh.WorkloadPort) []config.Key {
	if port.Service == nil {
		return nil
	}
	return []config.Key{port.Service.From}
}

func (o *ownSet) add(e *entry, to *[]*Resource) {
	o.parts = append(o.parts, e)
	*to = append(*to, e.resources...)
	o.problems = append(o.problems, e.problems...)
}

// viewWith joins what is shared and what is own. Tables that did not change keep their pointer, and so does the view.
func (v *scopeView) viewWith(o *ownSet, before *View) *View {
	after := &View{tables: v.shared}
	after.tables[clusters] = layered(v.shared[clusters], o.clusters)
	after.tables[listeners] = layered(v.shared[listeners], o.listeners)
	after.tables[routes] = layered(v.shared[routes], o.routes)
	after.tables[secrets] = layered(v.shared[secrets], o.secrets)
	after.tables[extensions] = layered(v.shared[extensions], o.extensions)
	if before == nil {
		return after
	}
	same := true
	for i := range after.tables {
		if sameTable(before.tables[i], after.tables[i]) {
			after.tables[i] = before.tables[i]
		}
		same = same && before.tables[i] == after.tables[i]
	}
	if same {
		return before
	}
	return after
}

func sameTable(a, b *Table) bool {
	if a == b || a == nil || b == nil {
		return a == b
	}
	if a.shared != b.shared || len(a.own) != len(b.own) {
		return false
	}
	for i := range a.own {
		if a.own[i] != b.own[i] && (a.own[i].Name != b.own[i].Name || a.own[i].Version != b.own[i].Version) {
			return false
		}
	}
	return true
}
