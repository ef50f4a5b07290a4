package certs_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/internal/agent/certs"
	"github.com/meshctl/meshctl/internal/ca"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var id = ca.Identity{TrustDomain: "cluster.local", Namespace: "default", ServiceAccount: "sa"}

// call is one request that the fake authority saw.
type call struct {
	at      time.Duration
	byToken bool
}

// authority signs with the real one, without a network: time inside a synctest bubble stands still while it waits.
type authority struct {
	*ca.Authority
	began time.Time
	id    ca.Identity

	mu    sync.Mutex
	calls []call
	fail  func(byToken bool) error
}

// failing makes the authority answer with errors.
func (a *authority) failing(fail func(byToken bool) error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fail = fail
}

func (a *authority) seen() []call {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.calls)
}

func (a *authority) Sign(_ context.Context, request []byte, ttl time.Duration, present *certs.Certificate) ([]string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, call{time.Since(a.began), present == nil})
	if a.fail != nil {
		if err := a.fail(present == nil); err != nil {
			return nil, err
		}
	}
	chain, err := a.Authority.Sign(request, a.id, ttl)
	return []string{string(chain), string(a.TrustBundle())}, err
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	store, err := ca.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a, err := ca.Open(store, ca.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &authority{Authority: a, began: time.Now(), id: id}
}

func manage(t *testing.T, a *authority, rootFile string) *certs.Manager {
	m := certs.New(certs.Options{Identity: id, Signer: a, TTL: 2 * time.Hour, RootFile: rootFile, Jitter: func() float64 { return 0.5 }})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = m.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return m
}

// pass lets the bubble's clock run; no real time passes.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// Renewals come at half life by the certificate; the first certificate comes by the token.
func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuthority(t)
		m := manage(t, a, "")
		pass(3*time.Hour + time.Minute)
		calls := a.seen()
		if len(calls) != 4 {
			t.Fatalf("%d certificates in three hours of two-hour certificates: %v", len(calls), calls)
		}
		for i, c := range calls {
			if c.byToken != (i == 0) || c.at.Round(5*time.Minute) != time.Duration(i)*time.Hour {
				t.Errorf("call %d: %+v", i, c)
			}
		}
		state, _ := m.Current()
		if state.Certificate.ID() != id.String() || len(state.Roots) == 0 || state.Err != nil {
			t.Errorf("state %+v", state)
		}
		serial := state.Certificate.Leaf().SerialNumber
		m.Rotate()
		synctest.Wait()
		if state, _ := m.Current(); state.Certificate.Leaf().SerialNumber.Cmp(serial) == 0 {
			t.Error("Rotate changed nothing")
		}
	})
}

// The last certificate stays while the authority is away, also past its end; the token is tried when the certificate fails.
func TestAuthorityAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuthority(t)
		m := manage(t, a, "")
		synctest.Wait()
		first, _ := m.Current()
		a.failing(func(bool) error { return errors.New("away") })
		pass(90 * time.Minute)
		if state, _ := m.Current(); state.Certificate != first.Certificate || state.Err == nil {
			t.Errorf("state %+v", state)
		}
		if _, err := m.ClientCertificate(); err != nil {
			t.Error(err)
		}
		for i, c := range a.seen()[1:5] {
			if c.byToken != (i%2 == 1) {
				t.Errorf("call %d: %+v, want the certificate, then the token", i, c)
			}
		}
		if n := len(a.seen()); n < 100 || n > 1000 {
			t.Errorf("%d requests in half an hour of failures", n)
		}
		pass(time.Hour)
		if _, err := m.ClientCertificate(); err == nil {
			t.Error("an expired certificate is used")
		}
		a.failing(func(byToken bool) error {
			if !byToken {
				return errors.New("root changed")
			}
			return nil
		})
		pass(time.Minute)
		if state, _ := m.Current(); state.Certificate == first.Certificate || state.Err != nil {
			t.Errorf("no recovery: %+v", state)
		}
	})
}

func TestTokenOfSomebodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuthority(t)
		a.id.ServiceAccount = "other"
		m := manage(t, a, "")
		synctest.Wait()
		if state, _ := m.Current(); state.Certificate != nil || state.Err == nil {
			t.Errorf("state %+v", state)
		}
	})
}

// Roots of the file and of the authority are trusted both; a changed file is seen within a minute.
func TestRoots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, other := newAuthority(t), newAuthority(t)
		file := filepath.Join(t.TempDir(), "root.pem")
		write := func(data []byte) {
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write(a.TrustBundle())
		m := manage(t, a, file)
		synctest.Wait()
		count := func() int {
			state, _ := m.Current()
			return bytes.Count(state.Roots, []byte("BEGIN CERTIFICATE"))
		}
		if n := count(); n != 1 {
			t.Errorf("%d roots, want 1", n)
		}
		write(append(a.TrustBundle(), other.TrustBundle()...))
		pass(2 * time.Minute)
		if n := count(); n != 2 {
			t.Errorf("%d roots after the file changed, want 2", n)
		}
		write(nil)
		pass(2 * time.Minute)
		if n := count(); n != 1 {
			t.Errorf("%d roots with an empty file, want the authority's", n)
		}
	})
}
