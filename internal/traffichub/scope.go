package traffichub

import (
	"slices"
	"strings"
	"time"

	"github.com/meshctl/meshctl/internal/registry"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/traffic"
)

// everybody is how often all proxies are asked for a viewer of one namespace, to find out who else has to do with it.
const everybody = 4 * time.Second

// scope is what a viewer of one namespace needs.
type scope struct {
	asked time.Time // when everybody was
	// neighbours are the proxies elsewhere that call those of the namespace, or are called by them, by NAME.NAMESPACE.
	neighbours map[string]bool
}

// needed are the sessions to ask for a viewer of a namespace, and whether they are all; the mutex is held.
func (h *Hub) needed(sessions []registry.Session, namespace string, now time.Time) (needed []registry.Session, all bool) {
	if namespace == "" {
		return sessions, true
	}
	sc := h.scopes[namespace]
	if sc == nil {
		for other, sc := range h.scopes { // whose viewers have gone
			if now.Sub(sc.asked) >= idle {
				delete(h.scopes, other)
			}
		}
		sc = &scope{}
		h.scopes[namespace] = sc
	}
	if now.Sub(sc.asked) >= everybody {
		sc.asked = now
		return sessions, true
	}
	for _, s := range sessions {
		if s.Proxy.Namespace == namespace || sc.neighbours[s.Proxy.Name+"."+s.Proxy.Namespace] {
			needed = append(needed, s)
		}
	}
	return needed, false
}

// narrow notes who has to do with a namespace, by a report of everybody, and leaves only these in it.
func (h *Hub) narrow(namespace string, r traffic.Report) traffic.Report {
	own := func(id string) bool { return strings.HasSuffix(id, "."+namespace) }
	neighbours := map[string]bool{}
	for _, p := range r.Proxies {
		for _, host := range p.Sample.Hosts {
			to := r.Addresses[host.Address]
			// A gateway into another network has no node of the namespace behind its address, but the cluster's name says whom it leads to.
			switch {
			case own(p.ID) && to.Proxy != "":
				neighbours[to.Proxy] = true
			case !own(p.ID) && (inNamespace(to.Node, namespace) || inNamespace(p.Clusters[host.Cluster].Node, namespace)):
				neighbours[p.ID] = true
			}
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if sc := h.scopes[namespace]; sc != nil {
		for _, s := range r.Silent { // what they would say now nobody knows
			neighbours[s.Proxy] = neighbours[s.Proxy] || sc.neighbours[s.Proxy]
		}
		sc.neighbours = neighbours
	}
	r.Proxies = slices.DeleteFunc(r.Proxies, func(p traffic.Proxy) bool { return !own(p.ID) && !neighbours[p.ID] })
	r.Silent = slices.DeleteFunc(r.Silent, func(s topology.Silent) bool { return !own(s.Proxy) && !neighbours[s.Proxy] })
	return r
}

// inNamespace reads the id of a node, KIND/NAMESPACE/NAME.
func inNamespace(node, namespace string) bool {
	_, rest, _ := strings.Cut(node, "/")
	ns, _, _ := strings.Cut(rest, "/")
	return ns == namespace
}
