package traffichub

import (
	"cmp"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/registry"
	"github.com/meshctl/meshctl/internal/taphub"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/traffic"
)

// nodeID is the node that a proxy stands beside. It is the same in all pictures.
func nodeID(s registry.Session) string {
	return id(s.Proxy.Type == agentapi.ProxyType_ROUTER, s.Proxy.Namespace, cmp.Or(s.Proxy.Group, s.Proxy.Name))
}

func id(gateway bool, namespace, name string) string {
	kind := topology.Workload
	if gateway {
		kind = topology.Gateway
	}
	return string(kind) + "/" + namespace + "/" + name
}

// know is a round without samples: the workloads and where they are.
func (h *Hub) know(sessions []registry.Session) traffic.Round {
	snapshot := h.o.Snapshot()
	instances, addresses := taphub.Parties(snapshot, sessions)
	nodes, of := map[string]*topology.Node{}, map[string]string{}
	for name, p := range instances {
		key := id(p.Gateway, p.Namespace, cmp.Or(p.Workload, p.Instance))
		of[name] = key
		n := nodes[key]
		if n == nil {
			n = newNode(key, p)
			nodes[key] = n
		}
		n.Instances++
		if p.Proxied {
			n.Proxies++
		}
	}
	for _, p := range h.o.Proxies() {
		if n := nodes[of[p.Namespace+"/"+p.Name]]; n != nil {
			count(n, p)
		}
	}
	r := traffic.Round{Places: make(map[string]string, len(addresses))}
	for address, name := range addresses {
		r.Places[address] = of[name]
	}
	for _, n := range nodes {
		r.Nodes = append(r.Nodes, *n)
	}
	slices.SortFunc(r.Nodes, func(a, b topology.Node) int { return strings.Compare(a.ID, b.ID) })
	facts := h.factsOf(snapshot)
	r.Splits, r.Marks = facts.splits, facts.marks
	return r
}

func newNode(id string, p taphub.Party) *topology.Node {
	n := &topology.Node{
		ID: id, Kind: topology.Workload, Name: cmp.Or(p.Workload, p.Instance), Namespace: p.Namespace, Version: p.Version, Identity: p.Identity,
	}
	if p.Gateway {
		n.Kind = topology.Gateway
	}
	if len(p.Services) > 0 {
		n.Service, _, _ = strings.Cut(slices.Min(p.Services), ".")
	}
	return n
}

// count adds what a proxy's configuration is like.
func count(n *topology.Node, p adminapi.Proxy) {
	stale := false
	for _, t := range p.Sync {
		switch t.State {
		case adminapi.Rejected:
			n.Rejected++
			return
		case adminapi.Stale:
			stale = true
		}
	}
	if stale {
		n.Stale++
	}
}
