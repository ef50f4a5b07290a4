package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/meshctl/meshctl/internal/ca"
)

// Options of a Manager.
type Options struct {
	Identity ca.Identity
	Signer   Signer
	// TTL to ask for; zero leaves it to the authority.
	TTL time.Duration
	// RootFile holds PEM roots that peers may have besides those that the authority names; looked at again every minute.
	RootFile string
	// Jitter returns a number in [0, 1) that spreads renewals; rand.Float64 when nil.
	Jitter func() float64
	// Log may be nil.
	Log *slog.Logger
}

const (
	retryFirst = 250 * time.Millisecond
	retryMost  = 10 * time.Second
	rootsEvery = time.Minute
)

// State is what the Manager has at one moment.
type State struct {
	// Certificate is nil until the first one is issued.
	Certificate *Certificate
	// Roots is the PEM trust bundle; empty when none is known yet.
	Roots []byte
	// Issued are those of the roots that came with the certificate.
	Issued []byte
	// Err is why the last request failed, nil when it did not.
	Err error
}

// Manager owns the workload's certificate. All methods may be called from any goroutine.
type Manager struct {
	o      Options
	rotate chan struct{}

	mu      sync.Mutex
	state   State
	issued  []byte // roots in the authority's last answer
	changed chan struct{}
}

// New returns a Manager without a certificate; Run gets one.
func New(o Options) *Manager {
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	m := &Manager{o: o, rotate: make(chan struct{}, 1), changed: make(chan struct{})}
	m.readRoots()
	return m
}

// Current returns the state and a channel that closes when it changes.
func (m *Manager) Current() (State, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state, m.changed
}

// ClientCertificate is the certificate for TLS handshakes of the agent itself.
func (m *Manager) ClientCertificate() (*tls.Certificate, error) {
	state, _ := m.Current()
	if !state.Certificate.validAt(time.Now()) {
		return nil, errors.New("the workload has no valid certificate yet")
	}
	return state.Certificate.Pair, nil
}

// Rotate asks for a new certificate now.
func (m *Manager) Rotate() {
	select {
	case m.rotate <- struct{}{}:
	default:
	}
}

// Run gets the first certificate, renews it at half of its life, and returns when ctx ends. The last certificate stays
// until there is a new one, however long the authority is away.
func (m *Manager) Run(ctx context.Context) error {
	retry := retryFirst
	for {
		err := m.renew(ctx)
		if ctx.Err() != nil {
			return nil
		}
		var next time.Time
		if err != nil {
			m.o.Log.Warn("no new workload certificate, trying again", "in", retry, "error", err)
			next = time.Now().Add(m.spread(retry))
			retry = min(2*retry, retryMost)
		} else {
			retry = retryFirst
			next = m.halfLife()
		}
		if !m.sleep(ctx, next) {
			return nil
		}
	}
}

// sleep waits until next or a call of Rotate, and looks at the root file in between; false means that ctx ended.
func (m *Manager) sleep(ctx context.Context, next time.Time) bool {
	for {
		wait := time.Until(next)
		if wait <= 0 {
			return ctx.Err() == nil
		}
		timer := time.NewTimer(min(wait, rootsEvery))
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-m.rotate:
			timer.Stop()
			return true
		case <-timer.C:
			m.readRoots()
		}
	}
}

// halfLife is when to renew: 45 to 55 % into the certificate's life, so that a thousand workloads started together do not
// come back together.
func (m *Manager) halfLife() time.Time {
	state, _ := m.Current()
	leaf := state.Certificate.Leaf()
	// From now rather than from NotBefore, which authorities set back for clocks that are late. By the wall clock: the
	// monotonic one stands still while a laptop sleeps, certificates do not.
	now := time.Now().Round(0)
	life := leaf.NotAfter.Sub(now)
	return now.Add(time.Duration(float64(life) * (0.45 + 0.1*m.o.Jitter())))
}

func (m *Manager) spread(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.75 + 0.5*m.o.Jitter()))
}

func (m *Manager) renew(ctx context.Context) error {
	key, request, err := ca.NewRequest(m.o.Identity)
	if err != nil {
		return err
	}
	answer, err := m.sign(ctx, request)
	var cert *Certificate
	var roots []byte
	if err == nil {
		cert, roots, err = join(key, answer, time.Now())
	}
	if err == nil && cert.ID() != m.o.Identity.String() {
		err = fmt.Errorf("asked for %s, got a certificate of %q: the token belongs to another service account", m.o.Identity, cert.ID())
	}
	m.update(func(s *State) {
		if s.Err = err; err == nil {
			s.Certificate, s.Issued, m.issued = cert, roots, roots
		}
	})
	m.readRoots()
	if err == nil {
		m.o.Log.Info("workload certificate issued", "identity", cert.ID(), "expires", cert.Leaf().NotAfter)
	}
	return err
}

// sign goes by the present certificate, then by the token: after a change of root the certificate is worth nothing.
func (m *Manager) sign(ctx context.Context, request []byte) ([]string, error) {
	state, _ := m.Current()
	if state.Certificate.validAt(time.Now()) {
		answer, err := m.o.Signer.Sign(ctx, request, m.o.TTL, state.Certificate)
		if err == nil || ctx.Err() != nil {
			return answer, err
		}
		m.o.Log.Debug("renewal by certificate refused, trying the token", "error", err)
		if byToken, tokenErr := m.o.Signer.Sign(ctx, request, m.o.TTL, nil); tokenErr == nil {
			return byToken, nil
		}
		return nil, err
	}
	return m.o.Signer.Sign(ctx, request, m.o.TTL, nil)
}

func (m *Manager) readRoots() {
	var file []byte
	if m.o.RootFile != "" {
		var err error
		if file, err = os.ReadFile(m.o.RootFile); err != nil {
			m.o.Log.Warn("trust bundle not read", "error", err)
		}
	}
	m.update(func(s *State) {
		if roots := union(file, m.issued); len(roots) > 0 {
			s.Roots = roots
		}
	})
}

// update changes the state and wakes whoever waits for what the change touched.
func (m *Manager) update(change func(*State)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.state
	change(&m.state)
	if before.Certificate != m.state.Certificate || !bytes.Equal(before.Roots, m.state.Roots) || text(before.Err) != text(m.state.Err) {
		close(m.changed)
		m.changed = make(chan struct{})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
