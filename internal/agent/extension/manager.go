package extension

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
)

// Options of a Manager.
type Options struct {
	// Connect returns a connection to the control plane's discovery; it is closed after each stream.
	Connect func() (*grpc.ClientConn, error)
	// Node is who Envoy says it is.
	Node  func() (*corev3.Node, error)
	Store *Store
	Judge *Judge
	// Retry is the pause after the first failure of an extension, which doubles up to a minute; 1 s when zero.
	Retry time.Duration
	// Log may be nil.
	Log *slog.Logger
}

const retryMost = time.Minute

// Manager keeps the extensions that Envoy wants. Make one with New; Run connects it.
type Manager struct {
	o Options

	mu sync.Mutex
	// extensions by name: those that Envoy wants.
	extensions map[string]*extension
	// secrets by name: nil data says that the control plane has none of that name.
	secrets map[string][]byte
	answers Answers
	// changed closes and is replaced when anything above changes.
	changed chan struct{}
	work    sync.WaitGroup
}

// Answers are what Envoy is to be told, by name. What is not among them is not known yet.
type Answers map[string]*discoveryv3.Resource

// extension is one that Envoy wants.
type extension struct {
	name  string
	users int // subscriptions
	// asked is what the control plane said last, nil when it has none; stop ends the work on it.
	asked *discoveryv3.Resource
	stop  context.CancelFunc
	// plan is what asked means.
	plan  *plan
	state state
	// problem is why it failed.
	problem string
	// digest of the module that Envoy has.
	digest string
}

type state uint8

const (
	pending state = iota
	loaded
	failed
)

// New returns a Manager.
func New(o Options) *Manager {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Retry <= 0 {
		o.Retry = time.Second
	}
	return &Manager{o: o, extensions: map[string]*extension{}, secrets: map[string][]byte{}, answers: Answers{}, changed: make(chan struct{})}
}

// Current implements discovery.Source.
func (m *Manager) Current() (Answers, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.answers, m.changed
}

// update changes the state and wakes everybody.
func (m *Manager) update(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
	close(m.changed)
	m.changed = make(chan struct{})
}

// answer sets what Envoy is told; m.mu is held.
func (m *Manager) answer(name string, resource *discoveryv3.Resource) {
	m.answers = maps.Clone(m.answers)
	m.answers[name] = resource
}

// want notes a subscription of Envoy's.
func (m *Manager) want(name string) {
	m.update(func() {
		if m.extensions[name] == nil {
			m.extensions[name] = &extension{name: name, stop: func() {}}
		}
		m.extensions[name].users++
	})
}

// unwant takes one back.
func (m *Manager) unwant(name string) {
	m.update(func() {
		x := m.extensions[name]
		if x.users--; x.users > 0 {
			return
		}
		x.stop()
		delete(m.extensions, name)
		m.answers = maps.Clone(m.answers)
		delete(m.answers, name)
	})
}

// refused notes that Envoy refused what it was told of an extension.
func (m *Manager) refused(name, version, text string) {
	m.o.Log.Error("Envoy refuses an extension", "extension", name, "error", text)
	m.update(func() {
		x, told := m.extensions[name], m.answers[name]
		if x == nil || told.GetVersion() != version {
			return
		}
		x.state, x.problem = failed, "Envoy refuses it: "+text
		m.answer(name, x.plan.standIn(name))
	})
}

// ask takes in what the control plane says of an extension.
func (m *Manager) ask(ctx context.Context, name string, resource *discoveryv3.Resource) {
	m.update(func() {
		x := m.extensions[name]
		if x == nil || x.asked != nil && x.asked.GetVersion() == resource.GetVersion() {
			return
		}
		x.stop()
		x.asked, x.plan, x.state, x.problem = resource, parse(resource), pending, ""
		ctx, x.stop = context.WithCancel(ctx)
		m.work.Go(func() { m.keepLoading(ctx, x, resource) })
	})
}

// keepLoading tries until what the control plane asked for is loaded, or it asks for something else.
func (m *Manager) keepLoading(ctx context.Context, x *extension, asked *discoveryv3.Resource) {
	for pause := m.o.Retry; ; pause = min(2*pause, retryMost) {
		p := parse(asked) // loading changes it
		resource, digest, err := m.load(ctx, p)
		if ctx.Err() != nil {
			return
		}
		m.settle(x, asked, resource, digest, err)
		if err == nil {
			m.o.Log.Info("extension loaded", "extension", x.name)
			m.o.Store.Prune(m.inUse())
			return
		}
		m.o.Log.Warn("extension not loaded, trying again", "extension", x.name, "in", pause, "error", err)
		if !m.pause(ctx, pause, p) {
			return
		}
	}
}

// settle notes what became of an attempt. The version that Envoy has stays while the first attempt for a new one goes on, not longer.
func (m *Manager) settle(x *extension, asked, resource *discoveryv3.Resource, digest string, err error) {
	m.update(func() {
		if x.asked != asked || m.extensions[x.name] != x {
			return
		}
		x.state, x.problem, x.digest = loaded, "", digest
		if err != nil {
			x.state, x.problem = failed, err.Error()
			resource = x.plan.standIn(x.name)
		}
		m.answer(x.name, resource)
	})
}

func (m *Manager) inUse() map[string]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]bool{}
	for _, x := range m.extensions {
		out[x.digest] = true
	}
	return out
}

// pause waits before the next attempt, which comes at once when the credentials change; false when there is to be none.
func (m *Manager) pause(ctx context.Context, d time.Duration, p *plan) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	before, changed := m.credentials(p)
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return true
		case <-changed:
			var now string
			if now, changed = m.credentials(p); now != before {
				return true
			}
		}
	}
}

func (m *Manager) credentials(p *plan) (string, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return string(m.secrets[p.secret]), m.changed
}

// secret waits until the control plane has said which credentials a name stands for.
func (m *Manager) secret(ctx context.Context, name string) ([]byte, error) {
	for {
		m.mu.Lock()
		data, known := m.secrets[name]
		changed := m.changed
		m.mu.Unlock()
		switch {
		case data != nil:
			return data, nil
		case known:
			return nil, fmt.Errorf("the pull secret %s does not exist, or has no credentials", name)
		}
		select {
		case <-ctx.Done():
			return nil, errors.New("the control plane does not say what the pull secret is")
		case <-changed:
		}
	}
}
