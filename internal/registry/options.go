package registry

import (
	"log/slog"
	"time"

	meshconfig "istio.io/api/mesh/v1alpha1"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/pkg/config"
)

const (
	// DefaultGrace is how long the WorkloadEntry of an agent that went away stays.
	DefaultGrace = 10 * time.Second
	// NoGrace removes it at once.
	NoGrace time.Duration = -1

	registerTimeout = 10 * time.Second // from the start of a stream to Register
	sendTimeout     = 10 * time.Second // for an agent to take one message
	readyWait       = 30 * time.Second // for the first configuration of a control plane that starts
	takeoverWait    = 2 * time.Second  // for the stream of a restarted agent's predecessor to end
)

// Emitter takes the WorkloadEntries, as increments; memory.Source is one.
type Emitter interface {
	Update(batch config.Batch)
}

// State keeps the registrations across a restart of the control plane; ca.File is one.
type State interface {
	Save(data []byte) error
	// Load returns nil when nothing was saved yet.
	Load() ([]byte, error)
}

// Clock is time as the registry sees it.
type Clock interface {
	Now() time.Time
	// AfterFunc calls f in its own goroutine once d has passed, unless stop is called before; stop reports whether it
	// was in time.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// Options are the parts of a Registry. The functions are called without a lock held, from several goroutines at once,
// and must not call Refresh.
type Options struct {
	// TrustDomain that every agent must be of; default ca.DefaultTrustDomain.
	TrustDomain string
	// Emitter takes the WorkloadEntries; nil for none (where another source describes the workloads).
	Emitter Emitter
	// GroupsOnly means that workloads without a WorkloadGroup get no WorkloadEntry: another source describes them (the pods of a cluster).
	GroupsOnly bool
	// Stale reports whether an agent should ask for another certificate than the one that it has, e.g. because the authority has changed;
	// nil for never.
	Stale func(*agentapi.Certificate) bool
	// State keeps the registrations; nil forgets them at the end of the process.
	State State
	// Ready is closed once the first configuration is applied; until then agents wait, or one that comes back after a
	// restart of the control plane would be told to close the ports of services not yet known. Nil: ready now.
	Ready <-chan struct{}
	// Group returns a WorkloadGroup, nil when there is none of that name; nil for no groups at all.
	Group func(namespace, name string) *networking.WorkloadGroup
	// PortNames returns the names under which services know a target port of a workload; nil for none.
	PortNames func(p Proxy, target uint32) []string
	// Wanted returns the local ports that a proxy should listen on; nil for one inbound port per port registered.
	Wanted func(p Proxy) []*agentapi.Listen
	// ProxyConfig returns what a proxy is started with, and what is wrong with its annotation; nil for nothing to say.
	ProxyConfig func(p Proxy) (*meshconfig.ProxyConfig, []config.Problem)
	// Bootstrap returns what EnvoyFilters change in a proxy's bootstrap (ProxyConfigResponse.bootstrap_patches_json), and what is
	// wrong with it; nil for nothing.
	Bootstrap func(p Proxy) (string, []config.Problem)
	// OnChange hears of the node id whose bindings, health, description or connection changed; what they are now, Lookup says.
	OnChange func(nodeID string)
	// Tapped hears of the requests that the proxy with a node id reports; what the message holds is that proxy's word. It must not wait.
	Tapped func(nodeID string, m *agentapi.Tapped)
	// Sampled hears what the proxy with a node id has counted, in that proxy's word. It must not wait.
	Sampled func(nodeID string, m *agentapi.Sampled)
	// Grace is how long the WorkloadEntry of an agent that went away, or that has not come back after a restart of the
	// control plane, stays; default DefaultGrace, NoGrace (or any negative value) for not at all.
	Grace time.Duration
	// Clock is the time; default the system's.
	Clock Clock
	// Log is told what operators should see; default nothing.
	Log *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.TrustDomain == "" {
		o.TrustDomain = ca.DefaultTrustDomain
	}
	if o.Ready == nil {
		ready := make(chan struct{})
		close(ready)
		o.Ready = ready
	}
	if o.Group == nil {
		o.Group = func(string, string) *networking.WorkloadGroup { return nil }
	}
	if o.PortNames == nil {
		o.PortNames = func(Proxy, uint32) []string { return nil }
	}
	if o.Wanted == nil {
		o.Wanted = inboundOnly
	}
	if o.ProxyConfig == nil {
		o.ProxyConfig = func(Proxy) (*meshconfig.ProxyConfig, []config.Problem) { return nil, nil }
	}
	if o.Bootstrap == nil {
		o.Bootstrap = func(Proxy) (string, []config.Problem) { return "", nil }
	}
	if o.Stale == nil {
		o.Stale = func(*agentapi.Certificate) bool { return false }
	}
	if o.OnChange == nil {
		o.OnChange = func(string) {}
	}
	if o.Tapped == nil {
		o.Tapped = func(string, *agentapi.Tapped) {}
	}
	if o.Sampled == nil {
		o.Sampled = func(string, *agentapi.Sampled) {}
	}
	if o.Grace == 0 {
		o.Grace = DefaultGrace
	}
	if o.Clock == nil {
		o.Clock = systemClock{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }
