package certs

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meshctl/meshctl/internal/ca"
)

type signer func() ([]string, error)

func (s signer) Sign(context.Context, []byte, time.Duration, *Certificate) ([]string, error) {
	return s()
}

// A time with a reading of the monotonic clock, which stands still while the machine sleeps, would be compared by that.
func TestRenewalIsDueByTheWallClock(t *testing.T) {
	id := ca.Identity{TrustDomain: "cluster.local", Namespace: "default", ServiceAccount: "sa"}
	store, err := ca.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	authority, err := ca.Open(store, ca.Options{})
	if err != nil {
		t.Fatal(err)
	}
	key, request, err := ca.NewRequest(id)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := authority.Sign(request, id, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	m := New(Options{Identity: id})
	if m.state.Certificate, _, err = join(key, []string{string(chain)}, time.Now()); err != nil {
		t.Fatal(err)
	}
	due := m.halfLife()
	if strings.Contains(due.String(), "m=") {
		t.Errorf("renewal is due at %s, by the monotonic clock", due)
	}
	if wait := time.Until(due); wait < 25*time.Minute || wait > 35*time.Minute {
		t.Errorf("renewal is due in %s, want about half an hour", wait)
	}
}

// What State.Err says is the last reason, also when the one before was another.
func TestAnotherReasonIsNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reasons := []string{"connection refused", "token expired"}
		ctx, cancel := context.WithCancel(t.Context())
		m := New(Options{Signer: signer(func() ([]string, error) {
			reason := reasons[0]
			if len(reasons) > 1 {
				reasons = reasons[1:]
			}
			return nil, errors.New(reason)
		})})
		done := make(chan error, 1)
		go func() { done <- m.Run(ctx) }()
		timeout := time.After(time.Minute)
		for {
			state, changed := m.Current()
			if state.Err != nil && state.Err.Error() == "token expired" {
				break
			}
			select {
			case <-changed:
			case <-timeout:
				t.Fatalf("nobody was told that the reason is another now")
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
