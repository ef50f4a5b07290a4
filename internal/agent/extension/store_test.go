package extension

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// shop serves a module and counts how often.
func shop(t *testing.T) (module []byte, url string, served *atomic.Int32) {
	t.Helper()
	module, served = append(bytes.Clone(wasmHeader), "content"...), &atomic.Int32{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		served.Add(1)
		_, _ = w.Write(module)
	}))
	t.Cleanup(server.Close)
	return module, server.URL + "/x.wasm", served
}

func none() []string { return nil }

func TestStoreFetchesOnce(t *testing.T) {
	module, url, served := shop(t)
	dir := t.TempDir()
	fetch := func(r Request) string {
		t.Helper()
		r.URL = url
		path, _, err := NewStore(dir, none).Fetch(t.Context(), r) // as after a restart
		if data, _ := os.ReadFile(path); err != nil || !bytes.Equal(data, module) {
			t.Fatalf("%s: %v", path, err)
		}
		return path
	}
	for i, r := range []struct {
		request Request
		served  int32
	}{
		{Request{}, 1}, {Request{}, 1}, {Request{Name: "a", Version: "1"}, 2}, {Request{Name: "a", Version: "1"}, 2}, {Request{Name: "b", Version: "1"}, 3},
		{Request{Name: "a", Version: "2"}, 4}, {Request{SHA256: sumOf(module)}, 4},
	} {
		if fetch(r.request); served.Load() != r.served {
			t.Errorf("%d: served %d times, want %d", i, served.Load(), r.served)
		}
	}
	path := fetch(Request{})
	if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if fetch(Request{}); served.Load() != 5 {
		t.Errorf("a broken file was not fetched again")
	}
	if files, _ := filepath.Glob(filepath.Join(dir, ".fetch-*")); len(files) > 0 {
		t.Errorf("left %v", files)
	}
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func TestStoreRefusesOtherContent(t *testing.T) {
	_, url, _ := shop(t)
	dir := t.TempDir()
	want := strings.Repeat("0", 64)
	if _, _, err := NewStore(dir, none).Fetch(t.Context(), Request{URL: url, SHA256: want}); err == nil || !strings.Contains(err.Error(), "not "+want) {
		t.Errorf("Fetch = %v", err)
	}
	if files, _ := os.ReadDir(dir); len(files) > 0 {
		t.Errorf("left %v", files)
	}
}

func TestStorePrunes(t *testing.T) {
	module, url, _ := shop(t)
	dir := t.TempDir()
	s := NewStore(dir, none)
	path, digest, err := s.Fetch(t.Context(), Request{URL: url})
	if err != nil || digest != sumOf(module) {
		t.Fatal(digest, err)
	}
	fresh := filepath.Join(dir, "fresh.json")
	if err := os.WriteFile(fresh, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-2 * keepUnused)
	for _, used := range []bool{true, false} {
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
		s.Prune(map[string]bool{digest: used})
		if _, err := os.Stat(path); (err == nil) != used {
			t.Errorf("used %t: %v", used, err)
		}
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Error(err)
	}
}

func TestStorePlain(t *testing.T) {
	s := NewStore("", func() []string { return []string{"registry.local", "other:5000"} })
	for host, want := range map[string]bool{
		"127.0.0.1:5000": true, "localhost:5000": true, "[::1]:5000": true, "registry.local:80": true, "registry.local": true, "other:5000": true,
		"other:5001": false, "registry.example.com": false, "10.0.0.1:5000": false,
	} {
		if s.plain(host) != want {
			t.Errorf("%s", host)
		}
	}
}
