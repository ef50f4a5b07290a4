package envoytest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Get fetches a path of the admin interface, e.g. "/config_dump?include_eds"; any status but 200 is an error.
func Get(admin, path string) ([]byte, error) { return request(http.MethodGet, admin, path) }

// Post does the same with POST, e.g. "/logging?level=debug".
func Post(admin, path string) ([]byte, error) { return request(http.MethodPost, admin, path) }

func request(method, admin, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+admin+path, nil)
	if err != nil {
		return nil, err
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %.200s", method, path, resp.Status, body)
	}
	return body, err
}

// ConfigDump returns /config_dump with endpoints.
func (e *Envoy) ConfigDump(t testing.TB) []byte {
	t.Helper()
	body, err := Get(e.Admin, "/config_dump?include_eds")
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// Stat returns one counter or gauge; 0 when Envoy does not have it.
func (e *Envoy) Stat(t testing.TB, name string) int {
	t.Helper()
	stats, err := Stats(e.Admin)
	if err != nil {
		t.Fatal(err)
	}
	return stats[name]
}

// Stats returns every counter and gauge by its full name.
func Stats(admin string) (map[string]int, error) {
	body, err := Get(admin, "/stats")
	if err != nil {
		return nil, err
	}
	return ParseStats(body), nil
}

// ParseStats reads what /stats answered.
func ParseStats(body []byte) map[string]int {
	stats := map[string]int{}
	for line := range strings.Lines(string(body)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if n, err := strconv.Atoi(value); err == nil {
			stats[name] = n
		}
	}
	return stats
}

// WaitReady waits until Envoy is LIVE: every configuration that it waits for has come.
func (e *Envoy) WaitReady(t testing.TB) {
	t.Helper()
	Eventually(t, "envoy to be ready", func() error { _, err := Get(e.Admin, "/ready"); return err })
}

// WaitStat waits until a counter or gauge is at least min.
func (e *Envoy) WaitStat(t testing.TB, name string, min int) {
	t.Helper()
	Eventually(t, name, func() error {
		stats, err := Stats(e.Admin)
		if err == nil && stats[name] < min {
			err = fmt.Errorf("%s is %d, want at least %d", name, stats[name], min)
		}
		return err
	})
}

// Eventually calls check until it returns nil; after Timeout the test fails with what and the last error.
func Eventually(t testing.TB, what string, check func() error) {
	t.Helper()
	deadline := time.NewTimer(Timeout)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("waited %s for %s: %v", Timeout, what, err)
		case <-tick.C:
		}
	}
}
