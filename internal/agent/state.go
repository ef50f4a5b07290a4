package agent

import (
	"encoding/json"
	"log/slog"
	"maps"
	"path/filepath"
	"reflect"
	"sync"
	"time"

	"github.com/meshctl/meshctl/internal/meshstate"
)

// StateFile is the name of the file in Options.StateDir that holds the State as JSON, replaced atomically at each change.
const StateFile = "state.json"

// State is what others may want to know of a running agent. It holds no secrets.
type State struct {
	PID       int    `json:"pid"`
	NodeID    string `json:"nodeId"`
	Type      string `json:"type"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// StatusAddress is host:port of the agent's own HTTP server.
	StatusAddress string `json:"statusAddress"`
	// EnvoyPID and AdminAddress (host:port) are of the running Envoy; 0 and empty while there is none.
	EnvoyPID     int    `json:"envoyPid,omitempty"`
	AdminAddress string `json:"adminAddress,omitempty"`
	// Restarts counts how often Envoy ended by itself.
	Restarts int `json:"restarts,omitempty"`
	// Ready says that Envoy is live with clusters and listeners from the control plane; Reason why not.
	Ready  bool   `json:"ready"`
	Reason string `json:"reason,omitempty"`
	// Draining says that the agent is about to stop.
	Draining bool `json:"draining,omitempty"`
	// WorkloadEntry is "namespace/name" of the registration; empty while there never was one.
	WorkloadEntry string `json:"workloadEntry,omitempty"`
	// RegistrationError says why there is no stream to the control plane; empty while there is one.
	RegistrationError string `json:"registrationError,omitempty"`
	// Bindings are the ports of Envoy's listeners by name, e.g. "http_proxy", "inbound|9080".
	Bindings map[string]uint32 `json:"bindings,omitempty"`
	// Services are those of the Bindings at which the program reaches services, in the order of the control plane.
	Services []ServicePort `json:"services,omitempty"`
	// Health of the program by its readiness probe; nil without a probe or before its first verdict.
	Health      *Health      `json:"health,omitempty"`
	Certificate *Certificate `json:"certificate,omitempty"`
	// CertificateError says why the last request for a certificate failed.
	CertificateError string `json:"certificateError,omitempty"`
}

// ServicePort is one port of a service on loopback.
type ServicePort struct {
	Host string `json:"host"`           // e.g. "reviews.default.svc.cluster.local"
	Port uint32 `json:"port"`           // of the service
	Name string `json:"name,omitempty"` // of the service's port
	// Protocol as Istio's port names: http, grpc, tcp, ...
	Protocol string `json:"protocol,omitempty"`
	Local    uint32 `json:"local"` // on 127.0.0.1
}

// Health is the verdict of the readiness probe.
type Health struct {
	Healthy bool   `json:"healthy"`
	Reason  string `json:"reason,omitempty"`
}

// Certificate is the workload's, without its key.
type Certificate struct {
	ID       string    `json:"id"`
	Serial   string    `json:"serial"`
	Issuer   string    `json:"issuer"`
	NotAfter time.Time `json:"notAfter"`
}

// board is the agent's one mutable State.
type board struct {
	path    string
	changed func(State)
	log     *slog.Logger

	mu    sync.Mutex
	state State
	// next closes at the next change.
	next chan struct{}
	// failed remembers that the file could not be written, to say it once.
	failed bool
}

func newBoard(dir string, first State, changed func(State), log *slog.Logger) *board {
	b := &board{path: filepath.Join(dir, StateFile), changed: changed, log: log, next: make(chan struct{})}
	b.update(func(s *State) { *s = first })
	return b
}

func (b *board) get() State {
	state, _ := b.watch()
	return state
}

// watch returns the state and a channel that closes when it changes.
func (b *board) watch() (State, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state, b.next
}

// update changes the state and, when it differs, tells the file and the callback. Values that the State points to are
// replaced, never modified.
func (b *board) update(change func(*State)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.state
	change(&b.state)
	if reflect.DeepEqual(before, b.state) {
		return
	}
	close(b.next)
	b.next = make(chan struct{})
	data, err := json.MarshalIndent(b.state, "", "  ")
	if err == nil {
		err = meshstate.WriteFile(b.path, append(data, '\n'))
	}
	if err != nil && !b.failed {
		b.log.Warn("state not written, the agent goes on without", "error", err)
	}
	b.failed = err != nil
	out := b.state
	out.Bindings = maps.Clone(out.Bindings)
	b.changed(out)
}
