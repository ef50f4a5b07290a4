package meshtest

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/meshctl/meshctl/internal/agent"
	"github.com/meshctl/meshctl/internal/agent/bootstrap"
	"github.com/meshctl/meshctl/internal/controlplane/controlplanetest"
	"github.com/meshctl/meshctl/internal/envoytest"
)

// Configured as the Concurrency of agent.Options leaves it to ProxyConfig; without it there is one worker thread.
const Configured = -2

// Workload is a running agent with its Envoy.
type Workload struct {
	Name string
	// Log is what the agent and its Envoy wrote.
	Log controlplanetest.Log

	mesh  *Mesh
	admin string
	// dial connects from where the workload is.
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	// state is what the agent says.
	state func() (agent.State, error)
}

// Sidecar are the options of a sidecar in namespace default with the service account NAME and labels "KEY=VALUE"; without labels,
// app=NAME.
func Sidecar(name string, labels ...string) agent.Options {
	if len(labels) == 0 {
		labels = []string{"app=" + name}
	}
	return agent.Options{Namespace: "default", Name: name, ServiceAccount: name, Labels: labelled(labels), Mode: bootstrap.ModeNone}
}

// Gateway are the options of a gateway in istio-system with the service account NAME and labels "KEY=VALUE"; without labels, those of
// Istio's ingress gateway.
func Gateway(name string, labels ...string) agent.Options {
	if len(labels) == 0 {
		labels = []string{"app=istio-ingressgateway", "istio=ingressgateway"}
	}
	return agent.Options{
		Type: bootstrap.TypeRouter, Namespace: "istio-system", Name: name, ServiceAccount: name, Labels: labelled(labels), Mode: bootstrap.ModeNone,
	}
}

func labelled(labels []string) map[string]string {
	out := map[string]string{}
	for _, l := range labels {
		k, v, _ := strings.Cut(l, "=")
		out[k] = v
	}
	return out
}

// Start runs an agent on loopback until the test ends and waits until its Envoy is ready. Envoy records every statistic, unless o asks for
// some by their prefixes: then those, and what proxies of users record.
func (m *Mesh) Start(o agent.Options) *Workload {
	m.t.Helper()
	w := &Workload{Name: o.Name, mesh: m, dial: (&net.Dialer{}).DialContext}
	c := m.credentials(o.Namespace, o.ServiceAccount)
	o.RootFile, o.TokenFile, o.StateDir, o.XDSAddress, o.EnvoyPath = c.root, c.token, c.state, m.Plane.Secure, envoytest.Binary(m.t)
	if o.DrainDuration = -1; o.Concurrency == 0 {
		o.Concurrency = 1
	} else if o.Concurrency == Configured {
		o.Concurrency = 0
	}
	if len(o.Stats.Matcher.Prefixes) == 0 {
		o.Stats = bootstrap.Stats{Matcher: bootstrap.Matcher{Regexps: []string{".*"}}}
	}
	o.Stdout, o.Stderr, o.Log = &w.Log, &w.Log, slog.New(slog.NewTextHandler(&w.Log, nil))
	var mu sync.Mutex
	var last agent.State
	o.Changed = func(s agent.State) {
		mu.Lock()
		defer mu.Unlock()
		last = s
	}
	w.state = func() (agent.State, error) {
		mu.Lock()
		defer mu.Unlock()
		return last, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx, o) }()
	m.add(w, func() error { cancel(); return <-done })
	return w
}

// add makes w one of the mesh's workloads once its Envoy is ready; stop ends it with the test.
func (m *Mesh) add(w *Workload, stop func() error) {
	t := m.t
	t.Helper()
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("agent of %s: %v", w.Name, err)
		}
		if t.Failed() {
			t.Logf("agent of %s:\n%s", w.Name, &w.Log)
		}
	})
	envoytest.Eventually(t, w.Name+" to be ready", func() error {
		s, err := w.state()
		if err == nil && (!s.Ready || s.WorkloadEntry == "" && s.Type == bootstrap.TypeSidecar) {
			err = fmt.Errorf("%s %s", s.Reason, s.RegistrationError)
		}
		w.admin = s.AdminAddress
		return err
	})
	m.workloads = append(m.workloads, w)
}

// credentials are the files of an agent.
type credentials struct{ root, token, state string }

func (m *Mesh) credentials(namespace, account string) credentials {
	m.t.Helper()
	token, err := m.Plane.Tokens.Issue(namespace, account, 0)
	check(m.t, err)
	dir := m.t.TempDir()
	c := credentials{filepath.Join(dir, "root.pem"), filepath.Join(dir, "token"), filepath.Join(dir, "state")}
	check(m.t, os.WriteFile(c.root, m.Plane.Authority.TrustBundle(), 0o600))
	check(m.t, os.WriteFile(c.token, []byte(token), 0o600))
	return c
}

// State is what the agent says of itself now.
func (w *Workload) State() agent.State {
	w.mesh.t.Helper()
	s, err := w.state()
	check(w.mesh.t, err)
	return s
}

// Port waits for a port on loopback by its binding, e.g. "http_proxy", "outbound|80|web.default.svc.cluster.local", "gateway|8080".
func (w *Workload) Port(binding string) uint32 {
	w.mesh.t.Helper()
	var port uint32
	envoytest.Eventually(w.mesh.t, binding, func() error {
		bindings := w.State().Bindings
		if port = bindings[binding]; port == 0 {
			return fmt.Errorf("only %v", bindings)
		}
		return nil
	})
	return port
}

// Local is the address at which the program of w reaches a port of a service, by its full name.
func (w *Workload) Local(host string, port int) string {
	w.mesh.t.Helper()
	return w.address(fmt.Sprintf("outbound|%d|%s", port, host))
}

func (w *Workload) address(binding string) string {
	w.mesh.t.Helper()
	return "127.0.0.1:" + strconv.Itoa(int(w.Port(binding)))
}

// Client sends requests through the sidecar as the HTTP proxy and follows no redirect.
func (w *Workload) Client() *http.Client {
	w.mesh.t.Helper()
	proxy := &url.URL{Scheme: "http", Host: w.address("http_proxy")}
	return w.ClientOf(&http.Transport{Proxy: http.ProxyURL(proxy)})
}

// ClientAt sends every request to one listener, by its binding (see Port), whatever the URL says, and follows no redirect.
func (w *Workload) ClientAt(binding string) *http.Client {
	w.mesh.t.Helper()
	return w.ClientOf(&http.Transport{DialContext: w.DialTo(w.address(binding))})
}

// DialTo connects from where w is to an address, whatever it is asked for.
func (w *Workload) DialTo(address string) func(ctx context.Context, network, _ string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) { return w.dial(ctx, network, address) }
}

// ClientOf bounds requests over a transport, which is closed with the test, and follows no redirect.
func (w *Workload) ClientOf(transport *http.Transport) *http.Client {
	w.mesh.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport: transport, Timeout: envoytest.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// WaitLog waits until the agent or its Envoy wrote a text.
func (w *Workload) WaitLog(part string) {
	w.mesh.t.Helper()
	envoytest.Eventually(w.mesh.t, "the log of "+w.Name, func() error {
		if !strings.Contains(w.Log.String(), part) {
			return fmt.Errorf("it does not say %q", part)
		}
		return nil
	})
}
