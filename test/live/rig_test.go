// Package live_test drives the real control plane, the real agent and live Envoys as one: what stands in a directory of YAML is what
// traffic meets.
package live_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/internal/agent"
	"github.com/meshctl/meshctl/internal/agent/bootstrap"
	"github.com/meshctl/meshctl/internal/controlplane/controlplanetest"
	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/pkg/xds"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a control plane with workloads.
type rig struct {
	t     *testing.T
	plane *controlplanetest.Plane
	// witness is a proxy that sees when the control plane has read the directory; round counts how often.
	witness *controlplanetest.Proxy
	round   int
}

func newRig(t *testing.T, files map[string]string) *rig {
	t.Helper()
	if testing.Short() {
		t.Skip("starts Envoys")
	}
	envoytest.Binary(t)
	r := &rig{t: t, plane: controlplanetest.Start(t, files)}
	node := controlplanetest.Node(t, "sidecar~127.0.0.2~witness.default~default.svc.cluster.local", nil)
	r.witness = controlplanetest.Connect(t, r.plane.DialPlaintext(t), node, nil)
	return r
}

// workload is a running agent with its Envoy.
type workload struct {
	t     *testing.T
	admin string

	mu    sync.Mutex
	state agent.State
	log   controlplanetest.Log
}

// start runs an agent until the test ends and waits until its Envoy is ready.
func (r *rig) start(o agent.Options) *workload {
	r.t.Helper()
	w := &workload{t: r.t}
	token, err := r.plane.Tokens.Issue(o.Namespace, o.ServiceAccount, 0)
	check(r.t, err)
	dir := r.t.TempDir()
	o.RootFile, o.TokenFile = filepath.Join(dir, "root.pem"), filepath.Join(dir, "token")
	check(r.t, os.WriteFile(o.RootFile, r.plane.Authority.TrustBundle(), 0o600))
	check(r.t, os.WriteFile(o.TokenFile, []byte(token), 0o600))
	o.XDSAddress, o.StateDir, o.EnvoyPath = r.plane.Secure, filepath.Join(dir, "state"), envoytest.Binary(r.t)
	o.Concurrency, o.DrainDuration = 1, -1
	o.Stats = bootstrap.Stats{Matcher: bootstrap.Matcher{Regexps: []string{".*"}}}
	o.Stdout, o.Stderr, o.Log = &w.log, &w.log, slog.New(slog.NewTextHandler(&w.log, nil))
	o.Changed = func(s agent.State) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.state = s
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx, o) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("agent of %s: %v", o.Name, err)
		}
		if r.t.Failed() {
			r.t.Logf("agent of %s:\n%s", o.Name, &w.log)
		}
	})
	envoytest.Eventually(r.t, o.Name+" to be ready", func() error {
		if s := w.now(); !s.Ready {
			return fmt.Errorf("%s", s.Reason)
		}
		return nil
	})
	w.admin = w.now().AdminAddress
	return w
}

func (w *workload) now() agent.State {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state
}

// port waits for a local port.
func (w *workload) port(name string) uint32 {
	w.t.Helper()
	var port uint32
	envoytest.Eventually(w.t, name, func() error {
		if port = w.now().Bindings[name]; port == 0 {
			return fmt.Errorf("only %v", w.now().Bindings)
		}
		return nil
	})
	return port
}

// stat returns a counter or gauge of the Envoy.
func (w *workload) stat(name string) int {
	w.t.Helper()
	stats, err := envoytest.Stats(w.admin)
	check(w.t, err)
	return stats[name]
}

// client sends requests through the sidecar as the HTTP proxy and follows no redirect.
func (w *workload) client() *http.Client {
	w.t.Helper()
	proxy := &url.URL{Scheme: "http", Host: "127.0.0.1:" + strconv.Itoa(int(w.port("http_proxy")))}
	return w.plainClient(&http.Transport{Proxy: http.ProxyURL(proxy)})
}

func (w *workload) plainClient(transport *http.Transport) *http.Client {
	w.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport: transport, Timeout: controlplanetest.Patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// settle returns once every proxy runs what is in the directory now, and fails the test when one refuses any of it.
func (r *rig) settle(workloads ...*workload) {
	r.t.Helper()
	r.round++
	name := fmt.Sprintf("marker-%d", r.round)
	r.plane.Write("marker.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: "+name+", namespace: default}\nspec: {ports: [{name: http, port: 9999}]}\n")
	r.witness.Await(xds.ClusterType, "outbound|9999||"+name+".default.svc.cluster.local", nil)
	ctx, cancel := context.WithTimeout(context.Background(), controlplanetest.Patience)
	defer cancel()
	r.synced(ctx)
	for _, w := range workloads {
		r.accepted(w)
	}
}

func (r *rig) synced(ctx context.Context) {
	r.t.Helper()
	report, err := r.plane.API.WaitSync(ctx, controlplanetest.Patience)
	check(r.t, err)
	if report.Synced {
		return
	}
	proxies, _ := r.plane.API.Proxies(ctx)
	for _, p := range proxies {
		for _, s := range p.Sync {
			if s.Nack != nil {
				r.t.Errorf("%s rejects %s: %s", p.ID, s.Nack.Resource, s.Nack.Error)
			}
		}
	}
	r.t.Errorf("not synced: %v", report.Waiting)
}

// accepted looks at Envoy's own count of what it refused.
func (r *rig) accepted(w *workload) {
	r.t.Helper()
	stats, err := envoytest.Stats(w.admin)
	check(r.t, err)
	for name, n := range stats {
		if n > 0 && strings.HasSuffix(name, ".update_rejected") {
			r.t.Errorf("envoy says %s: %d", name, n)
		}
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// get sends a GET with headers "NAME=VALUE" and returns the answer with its body.
func get(t *testing.T, client *http.Client, target string, headers ...string) (*http.Response, string) {
	t.Helper()
	resp, body, err := try(client, target, headers...)
	check(t, err)
	return resp, body
}

func try(client *http.Client, target string, headers ...string) (*http.Response, string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), controlplanetest.Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, "", err
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, "=")
		req.Header.Set(name, value)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}
