package registry

import (
	"maps"
	"slices"
	"strings"
	"time"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/ca"
)

type key struct{ namespace, name string }

func (k key) String() string { return k.namespace + "/" + k.name }

// workload is the record of one registered workload; it outlives its session for the grace period. The registry's
// mutex guards it; maps and messages in it are replaced, never edited.
type workload struct {
	standing
	register *agentapi.Register
	group    *networking.WorkloadGroup // as last seen, nil for none
	identity ca.Identity
	reason   string // of its health
	cert     *agentapi.Certificate
	since    time.Time
	// session is the live stream, nil while the agent is away.
	session   *session
	stopGrace func() bool
}

// Session describes a registered workload to operators and to the rest of the control plane.
type Session struct {
	Proxy    Proxy
	Identity ca.Identity
	// Connected is false while the agent is away and its grace period runs.
	Connected bool
	// Since is when the agent connected; when it was last connected for one that is away.
	Since time.Time
	// Bindings are the local ports by the name of their Listen; the map must not be changed.
	Bindings map[string]uint32
	Healthy  bool
	Reason   string // of the health; may be empty
	// AdminAddress is Envoy's admin interface, StatusAddress the agent's own server (host:port).
	AdminAddress, StatusAddress string
	AgentVersion                string
	// Certificate is the one that the workload reported last, nil before; it must not be changed.
	Certificate *agentapi.Certificate
}

// SameSessions reports whether two lists, each in the order of Registry.Sessions, are of the same registrations: no agent has come, gone or
// registered anew between them. What changes while an agent is registered (health, bindings, whether it is away) makes no difference.
func SameSessions(a, b []Session) bool {
	return slices.EqualFunc(a, b, func(x, y Session) bool { return x.Proxy.NodeID == y.Proxy.NodeID && x.Since.Equal(y.Since) })
}

func (w *workload) describe() Session {
	return Session{
		Proxy: w.proxy, Identity: w.identity, Connected: w.session != nil, Since: w.since, Bindings: w.bindings,
		Healthy: w.healthy, Reason: w.reason, AdminAddress: w.register.GetAdminAddress(),
		StatusAddress: w.register.GetStatusAddress(), AgentVersion: w.register.GetAgentVersion(), Certificate: w.cert,
	}
}

// Sessions returns every registered workload, those in their grace period included, by namespace and name.
func (r *Registry) Sessions() []Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Session, 0, len(r.workloads))
	for _, k := range r.sortedKeys() {
		out = append(out, r.workloads[k].describe())
	}
	return out
}

// Lookup returns the workload whose proxy has a node id.
func (r *Registry) Lookup(nodeID string) (Session, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.workloads[r.nodes[nodeID]]
	if w == nil {
		return Session{}, false
	}
	return w.describe(), true
}

// Bindings returns the local ports of the proxy with a node id, and whether they are known; the map must not be
// changed.
func (r *Registry) Bindings(nodeID string) (map[string]uint32, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.workloads[r.nodes[nodeID]]
	if w == nil || w.bindings == nil {
		return nil, false
	}
	return w.bindings, true
}

// sortedKeys is called with the mutex held.
func (r *Registry) sortedKeys() []key {
	return slices.SortedFunc(maps.Keys(r.workloads), func(a, b key) int {
		return strings.Compare(a.String(), b.String())
	})
}
