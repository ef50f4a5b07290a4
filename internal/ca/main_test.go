package ca

import (
	"crypto/x509"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a hand-driven clock.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Now().Truncate(time.Second)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

var reviews = Identity{TrustDomain: "cluster.local", Namespace: "default", ServiceAccount: "bookinfo-reviews"}

func testStore(t testing.TB) *Store {
	t.Helper()
	store, err := OpenStore(t.TempDir() + "/state")
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func testAuthority(t testing.TB, c *clock) *Authority {
	t.Helper()
	a, err := Open(testStore(t), Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func testTokens(t testing.TB, c *clock) *Tokens {
	t.Helper()
	tokens, err := OpenTokens(testStore(t), Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func testRequest(t testing.TB, id Identity) (PrivateKey, []byte) {
	t.Helper()
	key, csr, err := NewRequest(id)
	if err != nil {
		t.Fatal(err)
	}
	return key, csr
}

// leaf returns the first certificate of a PEM chain.
func leaf(t testing.TB, chain []byte) *x509.Certificate {
	t.Helper()
	certs, err := decodeCerts(chain)
	if err != nil {
		t.Fatal(err)
	}
	return certs[0]
}
