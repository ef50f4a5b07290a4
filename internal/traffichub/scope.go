package traffichub

import (
	"strings"
	"time"

	"github.com/meshctl/meshctl/internal/registry"
	"github.com/meshctl/meshctl/pkg/traffic"
)

// everybody is how often all proxies are asked for a viewer of one namespace, to find out who else has to do with it: more often than a
// proxy's numbers become too old for viewers (pkg/traffic).
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
	if sc == nil || now.Sub(sc.asked) >= everybody {
		for other, sc := range h.scopes { // whose viewers have gone
			if now.Sub(sc.asked) >= idle {
				delete(h.scopes, other)
			}
		}
		h.scopes[namespace] = &scope{asked: now}
		return sessions, true
	}
	for _, s := range sessions {
		if s.Proxy.Namespace == namespace || sc.neighbours[s.Proxy.Name+"."+s.Proxy.Namespace] {
			needed = append(needed, s)
		}
	}
	return needed, false
}

// learn notes who has to do with a namespace, by a report of everybody.
func (h *Hub) learn(namespace string, r traffic.Report) {
	neighbours := map[string]bool{}
	for _, p := range r.Proxies {
		own := strings.HasSuffix(p.ID, "."+namespace)
		for _, host := range p.Sample.Hosts {
			to := r.Addresses[host.Address]
			// A gateway into another network has no node of the namespace behind its address, but the cluster's name says whom it leads to.
			switch {
			case own && to.Proxy != "":
				neighbours[to.Proxy] = true
			case !own && (inNamespace(to.Node, namespace) || inNamespace(p.Clusters[host.Cluster].Node, namespace)):
				neighbours[p.ID] = true
			}
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if sc := h.scopes[namespace]; sc != nil {
		sc.neighbours = neighbours
	}
}

// inNamespace reads the id of a node, KIND/NAMESPACE/NAME.
func inNamespace(node, namespace string) bool {
	_, rest, _ := strings.Cut(node, "/")
	ns, _, _ := strings.Cut(rest, "/")
	return ns == namespace
}
