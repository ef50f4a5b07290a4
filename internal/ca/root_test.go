package ca

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestRootIsKept(t *testing.T) {
	store, c := testStore(t), newClock()
	first, err := Open(store, Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	c.add(365 * 24 * time.Hour)
	second, err := Open(store, Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.TrustBundle(), second.TrustBundle()) {
		t.Error("a second start made another root")
	}
	if left := second.Expires().Sub(c.now()); left < 8*365*24*time.Hour {
		t.Errorf("the root ends in %s", left)
	}
}

func TestRootIsOneForAllWhoOpenAtOnce(t *testing.T) {
	store := testStore(t)
	bundles := make([]string, 8)
	var wg sync.WaitGroup
	for i := range bundles {
		wg.Go(func() {
			if a, err := Open(store, Options{}); err == nil {
				bundles[i] = string(a.TrustBundle())
			}
		})
	}
	wg.Wait()
	for _, b := range bundles {
		if b == "" || b != bundles[0] {
			t.Fatal("openers at the same time got different roots, or none")
		}
	}
}

func TestDamagedRootIsNeverReplaced(t *testing.T) {
	store, c := testStore(t), newClock()
	if _, err := Open(store, Options{Now: c.now}); err != nil {
		t.Fatal(err)
	}
	whole, err := store.Read(rootFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, damaged := range []string{"", "x", string(whole[:len(whole)/2]), string(whole[len(whole)/2:])} {
		if err := os.WriteFile(store.Path(rootFile), []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(store, Options{Now: c.now}); err == nil || !strings.Contains(err.Error(), store.Path(rootFile)) || !strings.Contains(err.Error(), "restore") {
			t.Errorf("error of a damaged root: %v", err)
		}
		if got, _ := os.ReadFile(store.Path(rootFile)); string(got) != damaged {
			t.Error("the damaged root was replaced")
		}
	}
}

func TestRootOnFullDisk(t *testing.T) {
	store := testStore(t)
	store.fill()
	if _, err := Open(store, Options{}); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), rootFile) {
		t.Errorf("error: %v", err)
	}
	if _, err := OpenTokens(store, Options{}); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), tokenFile) {
		t.Errorf("error: %v", err)
	}
	if got := entries(t, store); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}

func TestExpiredRoot(t *testing.T) {
	store, c := testStore(t), newClock()
	a, err := Open(store, Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	c.add(rootTTL + time.Hour)
	if _, err := Open(store, Options{Now: c.now}); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("open: %v", err)
	}
	_, csr := testRequest(t, reviews)
	if _, err := a.Sign(csr, reviews, 0); err == nil || !strings.Contains(err.Error(), "ended") {
		t.Errorf("sign: %v", err)
	}
}
