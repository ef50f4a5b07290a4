package agent_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/internal/agent"
	"github.com/meshctl/meshctl/internal/agent/agenttest"
	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/internal/envoytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running is an agent under test with a program behind its Envoy.
type running struct {
	t       testing.TB
	o       agent.Options
	plane   *agenttest.ControlPlane
	program *httptest.Server
	stop    func() error

	mu    sync.Mutex
	state agent.State
	// lost is set when there ever was no stream to the control plane.
	lost bool
}

func (r *running) changed(s agent.State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = s
	r.lost = r.lost || s.RegistrationError != ""
}

func (r *running) now() agent.State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// until waits for a state.
func (r *running) until(what string, ok func(agent.State) bool) agent.State {
	r.t.Helper()
	var found agent.State
	envoytest.Eventually(r.t, what, func() error {
		if found = r.now(); !ok(found) {
			return fmt.Errorf("state is %+v", found)
		}
		return nil
	})
	return found
}

// start runs an agent whose Envoy has one inbound listener, and waits until requests pass.
func start(t *testing.T, change func(*agent.Options)) *running {
	t.Helper()
	return startWith(t, agenttest.Start(t), change)
}

func startWith(t *testing.T, plane *agenttest.ControlPlane, change func(*agent.Options)) *running {
	t.Helper()
	r := &running{t: t, plane: plane}
	r.program = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	t.Cleanup(r.program.Close)
	r.plane.Agents.Want("", &agentapi.Listen{Name: "inbound|9080", Port: 9080})
	r.o = agent.Options{
		Namespace: "default", Name: "reviews-v1", ServiceAccount: "sa", Labels: map[string]string{"app": "reviews"},
		XDSAddress: r.plane.Address, RootFile: r.plane.RootFile, TokenFile: r.plane.TokenFile,
		StateDir: t.TempDir(), EnvoyPath: envoytest.Binary(t), Concurrency: 1,
		Stdout: t.Output(), Stderr: t.Output(), Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Changed: r.changed,
	}
	if change != nil {
		change(&r.o)
	}
	r.run()
	state := r.until("bindings", func(s agent.State) bool { return s.Bindings["inbound|9080"] != 0 })
	r.serve(state.Bindings["inbound|9080"])
	r.until("ready", func(s agent.State) bool { return s.Ready })
	return r
}

func (r *running) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx, r.o) }()
	r.stop = sync.OnceValue(func() error { cancel(); return <-done })
	r.t.Cleanup(func() { _ = r.stop() })
}

func (r *running) serve(port uint32) {
	r.t.Helper()
	program := uint32(r.program.Listener.Addr().(*net.TCPAddr).Port)
	r.plane.Set(r.t, strconv.Itoa(int(port)),
		[]types.Resource{agenttest.HTTPListener("inbound", port, "program", true)},
		[]types.Resource{agenttest.Cluster("program", program)})
}

// client is another workload of the mesh.
func (r *running) client() *http.Client {
	r.t.Helper()
	id := ca.Identity{TrustDomain: "cluster.local", Namespace: "default", ServiceAccount: "client"}
	key, request, err := ca.NewRequest(id)
	if err != nil {
		r.t.Fatal(err)
	}
	chain, err := r.plane.Authority.Sign(request, id, time.Hour)
	if err != nil {
		r.t.Fatal(err)
	}
	pair, err := ca.KeyPair(chain, key)
	if err != nil {
		r.t.Fatal(err)
	}
	// The server has a SPIFFE ID and no DNS name: the test looks at the serial number instead.
	transport := &http.Transport{TLSClientConfig: &tls.Config{Certificates: []tls.Certificate{*pair}, InsecureSkipVerify: true}}
	r.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

func (r *running) get(c *http.Client) (*http.Response, error) {
	resp, err := c.Get(fmt.Sprintf("https://127.0.0.1:%d/", r.now().Bindings["inbound|9080"]))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && string(body) != "hello" {
		err = fmt.Errorf("%s: %q", resp.Status, body)
	}
	return resp, err
}

func TestLifeOfAWorkload(t *testing.T) {
	r := start(t, nil)
	resp, err := r.get(r.client())
	if err != nil {
		t.Fatal(err)
	}
	const id = "spiffe://cluster.local/ns/default/sa/sa"
	if got := resp.TLS.PeerCertificates[0].URIs; len(got) != 1 || got[0].String() != id {
		t.Errorf("the workload's certificate is for %v, want %s", got, id)
	}
	// Bindings of the last message and the peer that sent them.
	registered, bindings, _, peer := r.plane.Agents.Seen()
	state := r.now()
	if len(registered) != 1 || registered[0].GetAdminAddress() != state.AdminAddress || registered[0].GetNodeId() != state.NodeID {
		t.Errorf("registered %v, state %+v", registered, state)
	}
	if bindings["inbound|9080"] != state.Bindings["inbound|9080"] || peer.String() != id {
		t.Errorf("server has bindings %v from %s, agent has %v", bindings, peer, state.Bindings)
	}
	data, err := os.ReadFile(filepath.Join(r.o.StateDir, agent.StateFile))
	var saved agent.State
	if err = errors.Join(err, json.Unmarshal(data, &saved)); err != nil || saved.NodeID != state.NodeID || saved.Certificate.ID != id {
		t.Errorf("%s holds %s, error %v", agent.StateFile, data, err)
	}
	if body, err := envoytest.Get(state.StatusAddress, "/healthz/ready"); err != nil || string(body) != "ready\n" {
		t.Errorf("/healthz/ready: %q, %v", body, err)
	}
	if err := r.stop(); err != nil {
		t.Errorf("Run = %v", err)
	}
	if err := syscall.Kill(state.EnvoyPID, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("Envoy is still there after Run: %v", err)
	}
}

func TestSecondAgentInTheSameDirectory(t *testing.T) {
	r := start(t, nil)
	if err := agent.Run(t.Context(), r.o); err == nil || !strings.Contains(err.Error(), "another agent") {
		t.Errorf("Run = %v", err)
	}
}

// Rotation gives Envoy a new certificate without a failed request or a closed connection.
func TestRotation(t *testing.T) {
	r := start(t, func(o *agent.Options) { o.DrainDuration = -1 })
	old, fresh := r.client(), r.client()
	if _, err := r.get(old); err != nil {
		t.Fatal(err)
	}
	before := r.now()
	opened := func() int {
		stats, err := envoytest.Stats(before.AdminAddress)
		if err != nil {
			t.Fatal(err)
		}
		return stats[fmt.Sprintf("listener.127.0.0.1_%d.downstream_cx_active", before.Bindings["inbound|9080"])]
	}
	r.plane.Agents.Rotate()
	after := r.until("a new certificate", func(s agent.State) bool { return s.Certificate.Serial != before.Certificate.Serial })
	envoytest.Eventually(t, "the new certificate in Envoy", func() error {
		body, err := envoytest.Get(after.AdminAddress, "/certs")
		if err == nil && (!strings.Contains(string(body), after.Certificate.Serial) || strings.Contains(string(body), before.Certificate.Serial)) {
			err = fmt.Errorf("no %s in %s", after.Certificate.Serial, body)
		}
		return err
	})
	envoytest.Eventually(t, "the report of the new certificate", func() error {
		if got := r.plane.Agents.Serial(); got != after.Certificate.Serial {
			return fmt.Errorf("the control plane knows %s", got)
		}
		return nil
	})
	if _, err := r.get(old); err != nil {
		t.Errorf("the old connection: %v", err)
	}
	if n := opened(); n != 1 {
		t.Errorf("%d open connections, want the old one", n)
	}
	resp, err := r.get(fresh)
	if err != nil {
		t.Fatal(err)
	}
	if got := resp.TLS.PeerCertificates[0].SerialNumber.Text(16); got != after.Certificate.Serial {
		t.Errorf("a new connection sees %s, want %s", got, after.Certificate.Serial)
	}
}

// A workload whose certificates live for three seconds serves without a failed request and never shows an expired one.
func TestShortLivedCertificates(t *testing.T) {
	plane := agenttest.StartLate(t, 57*time.Second)
	r := startWith(t, plane, func(o *agent.Options) { o.CertificateTTL, o.DrainDuration = time.Minute, -1 })
	kept := r.client()
	serials, requests := map[string]bool{}, 0
	for deadline := time.Now().Add(envoytest.Timeout); len(serials) < 4 && time.Now().Before(deadline); requests++ {
		if _, err := r.get(kept); err != nil {
			t.Fatalf("request %d on the old connection: %v", requests, err)
		}
		fresh := r.client()
		resp, err := r.get(fresh)
		if err != nil {
			t.Fatalf("request %d on a new connection: %v", requests, err)
		}
		leaf := resp.TLS.PeerCertificates[0]
		if time.Now().After(leaf.NotAfter) {
			t.Fatalf("request %d: the certificate ended at %s", requests, leaf.NotAfter)
		}
		serials[leaf.SerialNumber.Text(16)] = true
		fresh.CloseIdleConnections()
	}
	t.Logf("%d requests, %d certificates", requests, len(serials))
	if len(serials) < 4 {
		t.Errorf("only %d certificates", len(serials))
	}
}

func TestEnvoyCrash(t *testing.T) {
	r := start(t, func(o *agent.Options) { o.DrainDuration = -1 })
	before := r.now()
	if err := syscall.Kill(before.EnvoyPID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	after := r.until("another Envoy", func(s agent.State) bool { return s.Ready && s.EnvoyPID != before.EnvoyPID })
	if after.Restarts != 1 || after.AdminAddress != before.AdminAddress {
		t.Errorf("restarts %d, admin address %s, was %s", after.Restarts, after.AdminAddress, before.AdminAddress)
	}
	if _, err := r.get(r.client()); err != nil {
		t.Error(err)
	}
}

// The control plane may go and come back; a restarted agent finds its ports again.
func TestRestarts(t *testing.T) {
	r := start(t, func(o *agent.Options) { o.DrainDuration = -1 })
	port := r.now().Bindings["inbound|9080"]
	r.plane.Restart(t)
	r.until("a new stream", func(s agent.State) bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.lost && s.RegistrationError == ""
	})
	envoytest.Eventually(t, "a second registration", func() error {
		if registered, _, _, _ := r.plane.Agents.Seen(); len(registered) < 2 {
			return errors.New("not yet")
		}
		return nil
	})
	if _, err := r.get(r.client()); err != nil {
		t.Error(err)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r.run()
	state := r.until("ready again", func(s agent.State) bool { return s.Ready && s.Bindings != nil })
	if state.Bindings["inbound|9080"] != port {
		t.Errorf("the port was %d, is %d", port, state.Bindings["inbound|9080"])
	}
	if _, err := r.get(r.client()); err != nil {
		t.Error(err)
	}
}

// A request under way when the agent is told to stop is answered.
func TestDrain(t *testing.T) {
	arrived, answer := make(chan struct{}), make(chan struct{})
	r := start(t, func(o *agent.Options) { o.DrainDuration = 20 * time.Second })
	r.program.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-answer
		_, _ = io.WriteString(w, "hello")
	})
	result := make(chan error, 1)
	go func() { _, err := r.get(r.client()); result <- err }()
	<-arrived
	stopped := make(chan error, 1)
	go func() { stopped <- r.stop() }()
	r.until("draining", func(s agent.State) bool { return s.Draining })
	envoytest.Eventually(t, "health", func() error {
		if _, _, health, _ := r.plane.Agents.Seen(); health == nil || health.GetHealthy() {
			return fmt.Errorf("health is %v", health)
		}
		return nil
	})
	if _, err := envoytest.Get(r.now().StatusAddress, "/healthz/ready"); err == nil {
		t.Error("ready while draining")
	}
	close(answer)
	if err := <-result; err != nil {
		t.Error(err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestProbeMetricsAndQuit(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "app_up 1") }))
	defer app.Close()
	r := start(t, func(o *agent.Options) { o.ApplicationMetrics = app.URL; o.DrainDuration = -1 })
	r.plane.Agents.Want(fmt.Sprintf(`{"httpGet":{"port":%d}}`, app.Listener.Addr().(*net.TCPAddr).Port))
	r.plane.Restart(t)
	envoytest.Eventually(t, "health", func() error {
		if _, _, health, _ := r.plane.Agents.Seen(); !health.GetHealthy() {
			return fmt.Errorf("health is %v", health)
		}
		return nil
	})
	body, err := envoytest.Get(r.now().StatusAddress, "/stats/prometheus")
	for _, want := range []string{"app_up 1\n", "envoy_server_live{} 1\n", "istio_agent_cert_expiry_seconds", `{type="envoy"} 0`} {
		if err != nil || !strings.Contains(string(body), want) {
			t.Errorf("metrics hold no %q (%v):\n%s", want, err, body)
		}
	}
	if _, err := envoytest.Post(r.now().StatusAddress, "/quitquitquit"); err != nil {
		t.Error(err)
	}
	r.until("end", func(s agent.State) bool { return s.Reason == "stopped" })
}

// Without a control plane the agent says why it is not ready, runs on, and stops at once when told to.
func TestControlPlaneAway(t *testing.T) {
	plane := agenttest.Start(t)
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	forged := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(forged, []byte("a.b.c"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*agent.Options)
		reason string
	}{
		"unreachable": {func(o *agent.Options) { o.XDSAddress = nobody.Addr().String() }, "connection refused"},
		"no token":    {func(o *agent.Options) { o.TokenFile = filepath.Join(t.TempDir(), "token") }, "no such file"},
		"not a token": {func(o *agent.Options) { o.TokenFile = plane.RootFile }, "holds something else"},
		"bad token":   {func(o *agent.Options) { o.TokenFile = forged }, "Unauthenticated"},
		"other root":  {func(o *agent.Options) { o.RootFile = agenttest.Start(t).RootFile }, "certificate"},
		"other name":  {func(o *agent.Options) { o.ServerName = "elsewhere" }, "elsewhere"},
		"not allowed": {func(o *agent.Options) { o.ServiceAccount = "other" }, "another service account"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &running{t: t, plane: plane, o: agent.Options{
				Namespace: "default", Name: "a", ServiceAccount: "sa", XDSAddress: plane.Address, RootFile: plane.RootFile,
				TokenFile: plane.TokenFile, StateDir: t.TempDir(), EnvoyPath: envoytest.Binary(t), Concurrency: 1,
			}}
			r.o.Changed = r.changed
			c.change(&r.o)
			r.run()
			state := r.until("the reason", func(s agent.State) bool {
				return strings.Contains(s.CertificateError, c.reason) && strings.Contains(s.Reason, "no clusters")
			})
			if state.Ready || state.Certificate != nil {
				t.Errorf("state %+v", state)
			}
			if err := r.stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A long state directory does not fit into the name of a socket.
func TestLongStateDirectory(t *testing.T) {
	start(t, func(o *agent.Options) {
		o.StateDir = filepath.Join(t.TempDir(), strings.Repeat("long/", 30))
		o.DrainDuration = -1
	})
}
