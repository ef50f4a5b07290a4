package redirected_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"github.com/meshctl/meshctl/internal/agent"
	"github.com/meshctl/meshctl/internal/controlplane"
	"github.com/meshctl/meshctl/internal/controlplane/controlplanetest"
	"github.com/meshctl/meshctl/internal/envoytest"
)

const (
	bridge      = "mesh0"
	hostAddress = "10.77.0.1"
	// proxyID is the group of the agent and its Envoy, whose traffic is not redirected.
	proxyID = 1337
)

// cluster is a control plane on a bridge to which pods connect.
type cluster struct {
	t     *testing.T
	plane *controlplanetest.Plane
	agent string // path of mesh-agent
}

func newCluster(t *testing.T, files map[string]string) *cluster {
	t.Helper()
	ip(t, "link set lo up")
	ip(t, "link add "+bridge+" type bridge")
	ip(t, "address add "+hostAddress+"/24 dev "+bridge)
	ip(t, "link set "+bridge+" up")
	c := &cluster{t: t, agent: filepath.Join(t.TempDir(), "mesh-agent")}
	build := exec.Command("go", "build", "-buildvcs=false", "-o", c.agent, "github.com/meshctl/meshctl/cmd/mesh-agent")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c.plane = controlplanetest.Start(t, files, func(o *controlplane.Options) {
		o.Secure.Close()
		l, err := net.Listen("tcp", hostAddress+":0")
		check(t, err)
		o.Secure = l
	})
	return c
}

// pod is a machine of its own, with a program and, in the mesh, a sidecar.
type pod struct {
	*namespace
	name, address string
	log           controlplanetest.Log
}

// stranger makes a pod that is not in the mesh.
func (c *cluster) stranger(name, address string) *pod {
	c.t.Helper()
	return &pod{namespace: newNamespace(c.t, name, address), name: name, address: address}
}

// pod makes one in the mesh: its traffic is redirected to an Envoy with an agent.
func (c *cluster) pod(name, address, app, version string) *pod {
	c.t.Helper()
	p := c.stranger(name, address)
	check(c.t, p.do(func() error {
		if out, err := exec.Command(c.agent, "redirect").CombinedOutput(); err != nil {
			return fmt.Errorf("mesh-agent redirect: %w\n%s", err, out)
		}
		return nil
	}))
	dir := c.t.TempDir()
	token, err := c.plane.Tokens.Issue("default", app, 0)
	check(c.t, err)
	root, tokenFile, state := filepath.Join(dir, "root.pem"), filepath.Join(dir, "token"), filepath.Join(dir, "state")
	check(c.t, os.WriteFile(root, c.plane.Authority.TrustBundle(), 0o600))
	check(c.t, os.WriteFile(tokenFile, []byte(token), 0o600))
	c.run(p, exec.Command(c.agent, "proxy", "sidecar", "--interception-mode", "REDIRECT", "--name", name, "--namespace", "default",
		"--service-account", app, "--labels", "app="+app+",version="+version, "--address", address, "--xds-address", c.plane.Secure,
		"--root-file", root, "--token-file", tokenFile, "--state-dir", state, "--envoy", envoytest.Binary(c.t), "--concurrency", "1", "--drain-duration", "-1s"))
	envoytest.Eventually(c.t, name+" to be ready", func() error {
		var s agent.State
		data, err := os.ReadFile(filepath.Join(state, agent.StateFile))
		if err == nil {
			err = json.Unmarshal(data, &s)
		}
		if err == nil && (!s.Ready || s.WorkloadEntry == "") {
			err = fmt.Errorf("%s %s", s.Reason, s.RegistrationError)
		}
		return err
	})
	return p
}

// run keeps a process of the proxy's group in the pod until the test ends.
func (c *cluster) run(p *pod, cmd *exec.Cmd) {
	c.t.Helper()
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	started, done := make(chan error), make(chan error, 1)
	go func() { // the process dies with the thread that started it, so this one waits for it
		runtime.LockOSThread()
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 0, Gid: proxyID}, Pdeathsig: syscall.SIGKILL}
		err := p.enter()
		if err == nil {
			err = cmd.Start()
		}
		started <- err
		if err == nil {
			done <- cmd.Wait()
		}
	}()
	check(c.t, <-started)
	c.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := <-done; err != nil {
			c.t.Errorf("agent of %s: %v", p.name, err)
		}
		if c.t.Failed() {
			c.t.Logf("agent of %s:\n%s", p.name, &p.log)
		}
	})
}

// client sends each request on a new connection to where, whatever the URL says: an unmodified program that asked DNS.
func (p *pod) client(where string) *http.Client {
	return &http.Client{Timeout: envoytest.Timeout, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, network, _ string) (net.Conn, error) { return p.dial(ctx, network, where) },
	}}
}

// serveHTTP answers with the pod's name and the caller's identity.
func (p *pod) serveHTTP(t *testing.T, port int) {
	t.Helper()
	l := p.listen(t, fmt.Sprintf("0.0.0.0:%d", port))
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s xfcc=%s", p.name, r.URL.Path, r.Header.Get("x-forwarded-client-cert"))
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
}

// serveTCP answers each line with the pod's name.
func (p *pod) serveTCP(t *testing.T, port int) {
	t.Helper()
	l := p.listen(t, fmt.Sprintf("0.0.0.0:%d", port))
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				if _, err := conn.Read(make([]byte, 64)); err == nil {
					_, _ = io.WriteString(conn, p.name+"\n")
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); running.Wait() })
}
