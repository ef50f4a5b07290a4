package standalone

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const webYAML = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8000}]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: all, namespace: default}
spec:
  selector: {istio: ingressgateway}
  servers: [{hosts: ["*"], port: {number: 8080, name: http, protocol: HTTP}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: default}
spec:
  hosts: ["*"]
  gateways: [all]
  http: [{route: [{destination: {host: web}}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: UDPRoute
metadata: {name: later, namespace: default}
spec: {}
`

// up starts a mesh on this configuration.
func (r *rig) up(yaml string, flags ...string) *process {
	r.t.Helper()
	config := filepath.Join(r.state, "config")
	if err := os.MkdirAll(config, 0o700); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(config, "mesh.yaml"), []byte(yaml), 0o600); err != nil {
		r.t.Fatal(err)
	}
	p := r.start(append([]string{"standalone", "up", "-f", config}, flags...)...)
	p.until("is up")
	return p
}

// freePort is one that was free a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// web starts the workload web and waits until it is ready.
func (r *rig) web(flags ...string) *process {
	r.t.Helper()
	port := freePort(r.t)
	args := append([]string{"workload", "run", "--name", "web", "--service-account", "web", "--labels", "app=web,version=v1", "--port", "8000:" + port}, flags...)
	p := r.start(append(append(args, "--"), program("serve", "127.0.0.1:"+port)...)...)
	eventually(r.t, "web healthy", patience, func() bool {
		s, err := GetStatus(r.t.Context(), r.dir())
		return err == nil && s.Synced && slices.ContainsFunc(s.Workloads, func(w Workload) bool { return w.Name == "web" && w.Healthy })
	})
	return p
}

func (r *rig) client(url string) (string, string, int) {
	r.t.Helper()
	args := []string{"workload", "run", "--name", "client", "--service-account", "client", "--drain", "1s", "--"}
	return r.run(append(args, program("get", url)...)...)
}

func TestWorkloads(t *testing.T) {
	r := newRig(t)
	mesh := r.up(webYAML)
	mesh.until("not enforced: " + filepath.Join(r.state, "config", "mesh.yaml") + ":29:1: UDPRoute default/later")
	web := r.web()
	// The receiver sees who calls, through the HTTP proxy and through the service's own port.
	const caller = "URI=spiffe://cluster.local/ns/default/sa/client"
	for _, url := range []string{"http://web/", "http://$WEB_SERVICE_HOST:$WEB_SERVICE_PORT_HTTP/"} {
		out, said, code := r.client(url)
		if code != 0 || !strings.Contains(out, caller) {
			t.Errorf("%s: exit code %d, answer %q, want %q\n%s", url, code, out, caller, said)
		}
	}
	r.refusesPlaintext()
	r.gateway()
	if _, said, code := r.run("workload", "run", "--name", "web", "--", "true"); code != 1 || !strings.Contains(said, "workload default/web is already running") {
		t.Errorf("a second web: %d, %s", code, said)
	}
	// Signals go to the program, its exit code comes back, and the workload is gone.
	web.signal(syscall.SIGTERM)
	if code := web.wait(); code != 3 {
		t.Errorf("exit code %d, want the program's 3", code)
	}
	if s := r.status(); len(s.Workloads) != 0 {
		t.Errorf("workloads after the end: %+v", s.Workloads)
	}
	if out, said, code := r.run("standalone", "down"); code != 0 || !strings.Contains(said, "is down") {
		t.Errorf("down: %d, %s%s", code, out, said)
	}
	if code := mesh.wait(); code != 0 {
		t.Errorf("up ended with %d", code)
	}
	for _, command := range [][]string{{"standalone", "down"}, {"standalone", "status"}, {"standalone", "token"}, {"workload", "run", "--name", "x", "--", "true"}} {
		if _, said, code := r.run(command...); code != 1 || !strings.Contains(said, "no mesh is running") {
			t.Errorf("%q without a mesh: %d, %s", command, code, said)
		}
	}
}

// refusesPlaintext asks the proxy of web at its inbound port without TLS.
func (r *rig) refusesPlaintext() {
	r.t.Helper()
	for _, w := range r.status().Workloads {
		port := w.Listeners["inbound|8000"]
		if w.Name != "web" || port == 0 {
			continue
		}
		client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/", port))
		if err == nil {
			_ = resp.Body.Close()
			r.t.Errorf("a STRICT workload answered plaintext: %s", resp.Status)
		}
		return
	}
	r.t.Error("no inbound port of web")
}

func (r *rig) gateway() {
	r.t.Helper()
	p := r.start("workload", "run", "--name", "ingress", "--namespace", "default", "--labels", "istio=ingressgateway", "--gateway", "--drain", "1s")
	p.until("is ready")
	urls := r.status().IngressURLs
	if len(urls) != 1 || !strings.Contains(p.said(), urls[0]) {
		r.t.Fatalf("ingress: %q", urls)
	}
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	eventually(r.t, "an answer through the gateway", patience, func() bool {
		resp, err := client.Get(urls[0])
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		r.t.Errorf("gateway: exit code %d", code)
	}
}

func TestExitCodes(t *testing.T) {
	r := newRig(t)
	r.up(webYAML)
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--name", "a", "--", "sh", "-c", "exit 7"}, 7, ""},
		{[]string{"--name", "a", "--", "sh", "-c", "kill -KILL $$"}, 137, ""},
		{[]string{"--name", "a", "--", "no-such-program"}, 127, "executable file not found"},
		{[]string{"--name", "a", "--", "/etc/passwd"}, 126, "permission denied"},
		{[]string{"--name", "a", "--print-ports", "--", "true"}, 0, "WEB_SERVICE_PORT"},
		{[]string{"--", "true"}, 2, "--name is required"},
		{[]string{"--name", "a"}, 2, "no program to run"},
		{[]string{"--name", "a", "--gateway", "--", "true"}, 2, "a gateway runs no program"},
		{[]string{"--name", "a", "--port", "x", "--", "true"}, 2, `port "x"`},
		{[]string{"--name", "a", "--service-account", "A b", "--", "true"}, 1, "service account"},
		{[]string{"--name", "../a", "--", "true"}, 1, "workload name"},
		{[]string{"--name", "a", "--token-file", "t", "--", "true"}, 2, "--control-plane"},
		{[]string{"--name", "a", "--envoy", "/nonexistent", "--", "true"}, 1, "/nonexistent"},
	} {
		if _, said, code := r.run(append([]string{"workload", "run"}, c.args...)...); code != c.code || !strings.Contains(said, c.want) {
			t.Errorf("%q: exit code %d, want %d; said %q, want %q", c.args, code, c.code, said, c.want)
		}
	}
}

// A workload on another machine brings a token and the roots; here it has a state directory of its own.
func TestJoinFromElsewhere(t *testing.T) {
	r := newRig(t)
	r.up(webYAML)
	token, root := filepath.Join(r.state, "web.token"), filepath.Join(r.state, "root.pem")
	for _, args := range [][]string{
		{"standalone", "token", "--service-account", "web", "--file", token}, {"standalone", "root", "--file", root},
	} {
		if _, said, code := r.run(args...); code != 0 {
			t.Fatalf("%q: %s", args, said)
		}
	}
	if info, err := os.Stat(token); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the token: %v, %v", info.Mode(), err)
	}
	elsewhere := *r
	elsewhere.env = append(slices.Clone(r.env), "XDG_STATE_HOME="+filepath.Join(r.state, "elsewhere"))
	address := r.status().ControlPlane.XDSAddress
	join := func(token string) []string {
		return []string{"--control-plane", address, "--token-file", token, "--root-file", root}
	}
	port := freePort(t)
	args := append([]string{"workload", "run", "--name", "web", "--service-account", "web", "--labels", "app=web", "--port", "8000:" + port}, join(token)...)
	elsewhere.start(append(append(args, "--"), program("serve", "127.0.0.1:"+port)...)...)
	eventually(t, "web known to the mesh", patience, func() bool {
		s, err := GetStatus(t.Context(), r.dir())
		return err == nil && s.Synced && slices.ContainsFunc(s.Workloads, func(w Workload) bool {
			return w.Name == "web" && w.Identity == "spiffe://cluster.local/ns/default/sa/web"
		})
	})
	if out, said, code := r.client("http://web/"); code != 0 || !strings.Contains(out, "sa/client") {
		t.Errorf("call to the other machine: %d %q %s", code, out, said)
	}
	// Without a token of this mesh there is no certificate, and nothing runs.
	bad := filepath.Join(r.state, "bad.token")
	if err := os.WriteFile(bad, []byte("no.such.token"), 0o600); err != nil {
		t.Fatal(err)
	}
	args = append([]string{"workload", "run", "--name", "intruder", "--ready-timeout", "2s"}, join(bad)...)
	out, said, code := elsewhere.run(append(args, "--", "echo", "ran")...)
	if code != 1 || out != "" || !regexp.MustCompile(`not ready within 2s: no certificate: .*token`).MatchString(said) {
		t.Errorf("a bad token: %d %q %s", code, out, said)
	}
	args = append([]string{"workload", "run", "--name", "thief", "--service-account", "other", "--ready-timeout", "2s"}, join(token)...)
	if _, said, code := elsewhere.run(append(args, "--", "echo", "ran")...); code != 1 || !strings.Contains(said, "no certificate") {
		t.Errorf("a token of another service account: %d %s", code, said)
	}
	if _, said, code := elsewhere.run("workload", "run", "--name", "x", "--control-plane", "10.1.2.3:15012", "--token-file", token, "--root-file", root, "--", "true"); code != 2 || !strings.Contains(said, "--address is required") {
		t.Errorf("no address: %d %s", code, said)
	}
}

// A workload goes on while its mesh is away, and is part of the next one, which has the same addresses.
func TestWorkloadOutlivesItsMesh(t *testing.T) {
	r := newRig(t)
	mesh := r.up(webYAML)
	web := r.web()
	before := r.status()
	mesh.signal(syscall.SIGKILL)
	mesh.wait()
	if _, err := GetStatus(t.Context(), r.dir()); err == nil {
		t.Error("status of a mesh that was killed")
	}
	r.up(webYAML)
	eventually(t, "web in the new mesh", patience, func() bool {
		s, err := GetStatus(t.Context(), r.dir())
		return err == nil && s.Synced && len(s.Workloads) == 1 && s.Workloads[0].Synced
	})
	after := r.status()
	if before.ControlPlane.XDSAddress != after.ControlPlane.XDSAddress || before.Workloads[0].EnvoyPID != after.Workloads[0].EnvoyPID {
		t.Errorf("before: %+v\nafter: %+v", before, after)
	}
	if out, said, code := r.client("http://web/"); code != 0 || out == "" {
		t.Errorf("call in the new mesh: %d %q %s", code, out, said)
	}
	web.signal(syscall.SIGKILL)
	web.wait()
	// Its program, agent and Envoy went with it; only the mesh is left.
	eventually(t, "the end of the workload", patience, func() bool { return len(r.processes()) == 2 })
}

// Whenever a workload is told to end while it starts, nothing of it is left.
func TestWorkloadEndsWhileItStarts(t *testing.T) {
	r := newRig(t)
	r.up(webYAML)
	for _, after := range []time.Duration{0, 50 * time.Millisecond, 150 * time.Millisecond, 300 * time.Millisecond, 600 * time.Millisecond} {
		p := r.start(append([]string{"workload", "run", "--name", "brief", "--drain", "1s", "--"}, program("serve", "127.0.0.1:0")...)...)
		select {
		case <-p.ended:
			t.Fatalf("ended by itself: %s", p.said())
		case <-time.After(after):
		}
		p.signal(syscall.SIGTERM)
		if code := p.wait(); code == 0 {
			t.Errorf("exit code 0 after %s", after)
		}
		eventually(t, "the end of everything but the mesh", patience, func() bool { return len(r.processes()) == 2 })
	}
}

func TestFullStateDirectory(t *testing.T) {
	r := newRig(t)
	small := filepath.Join(r.state, "small")
	if err := os.Mkdir(small, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := mountSmall(small); err != nil {
		t.Skipf("needs root to make a small file system: %v", err)
	}
	t.Cleanup(func() { _ = unmount(small) })
	full := *r
	full.env = append(slices.Clone(r.env), "XDG_STATE_HOME="+small)
	p := full.start("demo", "--port", "0", "--dir", filepath.Join(r.state, "mine"))
	if code := p.wait(); code != 1 || !strings.Contains(p.said(), "no space left") {
		t.Errorf("exit code %d: %s", code, p.said())
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := Down(ctx, filepath.Join(small, "meshctl", "default")); err == nil {
		t.Error("something was left running")
	}
}
