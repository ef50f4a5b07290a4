package meshtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/pkg/proxyconfig"
)

// Admin fetches a path of Envoy's admin interface, e.g. "/clusters".
func (w *Workload) Admin(path string) []byte {
	w.mesh.t.Helper()
	body, err := w.get(w.admin, path)
	check(w.mesh.t, err)
	return body
}

// Metrics is the page that the agent gives to Prometheus.
func (w *Workload) Metrics() string {
	w.mesh.t.Helper()
	body, err := w.get(w.State().StatusAddress, "/stats/prometheus")
	check(w.mesh.t, err)
	return string(body)
}

// get asks a server where the workload is.
func (w *Workload) get(address, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), envoytest.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{DialContext: w.dial, DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %.200s", path, resp.Status, body)
	}
	return body, err
}

// Stat returns a counter or gauge of the Envoy; 0 when Envoy does not have it.
func (w *Workload) Stat(name string) int {
	w.mesh.t.Helper()
	return envoytest.ParseStats(w.Admin("/stats"))[name]
}

// WaitStat waits until a counter or gauge is at least min.
func (w *Workload) WaitStat(name string, min int) {
	w.mesh.t.Helper()
	envoytest.Eventually(w.mesh.t, name, func() error {
		if got := w.Stat(name); got < min {
			return fmt.Errorf("%s is %d, want at least %d", name, got, min)
		}
		return nil
	})
}

// WaitRequests waits until no request of a cluster waits for a connection, and returns how many were sent.
func (w *Workload) WaitRequests(cluster string) (sent int) {
	w.mesh.t.Helper()
	envoytest.Eventually(w.mesh.t, "requests of "+cluster, func() error {
		stats := envoytest.ParseStats(w.Admin("/stats"))
		sent = stats["cluster."+cluster+".upstream_rq_total"]
		if n := stats["cluster."+cluster+".upstream_rq_pending_active"]; n > 0 {
			return fmt.Errorf("%d wait for a connection", n)
		}
		return nil
	})
	return sent
}

// accepted looks at Envoy's own count of what it refused.
func (w *Workload) accepted() {
	w.mesh.t.Helper()
	for name, n := range envoytest.ParseStats(w.Admin("/stats")) {
		if n > 0 && strings.HasSuffix(name, ".update_rejected") {
			w.mesh.t.Errorf("the Envoy of %s says %s: %d", w.Name, name, n)
		}
	}
}

// Config is the configuration that the Envoy runs.
func (w *Workload) Config() *proxyconfig.Dump {
	w.mesh.t.Helper()
	dump, err := proxyconfig.Parse(bytes.NewReader(w.Admin("/config_dump?include_eds")))
	check(w.mesh.t, err)
	return dump
}
