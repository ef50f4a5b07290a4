package standalone

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestDemo(t *testing.T) {
	r := newRig(t)
	config := filepath.Join(r.state, "mine")
	p := r.start("demo", "--port", "0", "--rps", "20", "--dir", config)
	t.Log(p.until("first successful request"))
	p.until("7 proxies run what they should")
	s := r.status()
	if len(s.Workloads) != 7 || !s.Synced || !s.ControlPlane.Healthy || len(s.IngressURLs) == 0 || s.PID != p.cmd.Process.Pid {
		t.Errorf("status: %+v", s)
	}
	if want := []string{filepath.Join(r.dir(), "base"), config}; s.ConfigDirs[0] != want[0] || s.ConfigDirs[1] != want[1] {
		t.Errorf("configuration: %q, want %q", s.ConfigDirs, want)
	}
	for _, w := range s.Workloads {
		if !w.Healthy || !w.Synced || w.Identity == "" || w.CertificateExpires.Before(time.Now()) || w.AdminAddress == "" {
			t.Errorf("workload: %+v", w)
		}
	}
	if _, said, code := r.run("demo"); code != 1 || !strings.Contains(said, "already running (process "+fmt.Sprint(p.cmd.Process.Pid)) {
		t.Errorf("a second demo: %d, %s", code, said)
	}
	r.killControlPlane(p)
	r.killEnvoy(s)
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d after Ctrl-C", code)
	}
	if line := p.until("requests,"); !strings.Contains(line, " 0 failed") {
		t.Error(line, p.said())
	}
	r.noProcess()
}

// killControlPlane checks that it comes back where it was, and that everything is in sync again soon.
func (r *rig) killControlPlane(p *process) {
	r.t.Helper()
	before := r.status()
	pid := r.child("meshd")
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		r.t.Fatal(err)
	}
	took := eventually(r.t, "in sync after the death of the control plane", patience, func() bool {
		s, err := GetStatus(r.t.Context(), r.dir())
		return err == nil && s.Synced && len(s.Workloads) == len(before.Workloads)
	})
	r.t.Logf("in sync %s after SIGKILL of the control plane", took.Round(time.Millisecond))
	if took > 5*time.Second {
		r.t.Errorf("in sync only after %s", took)
	}
	after := r.status()
	if after.ControlPlane.AdminAddress != before.ControlPlane.AdminAddress || after.ControlPlane.XDSAddress != before.ControlPlane.XDSAddress {
		r.t.Errorf("addresses were %+v, are %+v", before.ControlPlane, after.ControlPlane)
	}
	for i, w := range after.Workloads {
		if w.EnvoyPID != before.Workloads[i].EnvoyPID || w.AgentPID != before.Workloads[i].AgentPID || w.Restarts != 0 {
			r.t.Errorf("%s was disturbed: %+v", w.Name, w)
		}
	}
}

// killEnvoy checks that a workload's Envoy, and its agent, are started again.
func (r *rig) killEnvoy(s Status) {
	r.t.Helper()
	for _, w := range s.Workloads {
		if w.Name != "reviews-v3" { // others take its requests
			continue
		}
		for _, pid := range []int{w.EnvoyPID, w.AgentPID} {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				r.t.Fatal(err)
			}
			took := eventually(r.t, "reviews-v3 after a kill", patience, func() bool {
				s, err := GetStatus(r.t.Context(), r.dir())
				for _, now := range s.Workloads {
					if now.Name == w.Name && now.Healthy && now.Synced && now.EnvoyPID != w.EnvoyPID && now.AgentPID != 0 && err == nil {
						w = now
						return true
					}
				}
				return false
			})
			r.t.Logf("reviews-v3 back %s after the kill", took.Round(time.Millisecond))
		}
	}
}

// child is the process of the rig with this program.
func (r *rig) child(name string) int {
	r.t.Helper()
	for _, p := range r.processes() {
		var pid int
		var path string
		if _, err := fmt.Sscan(p, &pid, &path); err == nil && filepath.Base(path) == name {
			return pid
		}
	}
	r.t.Fatalf("no process %s among %q", name, r.processes())
	return 0
}

// Whenever the demo is told to end, or is killed, it leaves no process behind.
func TestDemoEndsAtAnyMoment(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		after  time.Duration
		signal syscall.Signal
	}{
		{0, syscall.SIGTERM}, {30 * time.Millisecond, syscall.SIGINT}, {120 * time.Millisecond, syscall.SIGTERM}, {300 * time.Millisecond, syscall.SIGKILL},
		{500 * time.Millisecond, syscall.SIGTERM}, {900 * time.Millisecond, syscall.SIGINT}, {1500 * time.Millisecond, syscall.SIGTERM},
		{2 * time.Second, syscall.SIGKILL},
	} {
		p := r.start("demo", "--port", "0")
		select {
		case <-p.ended:
			t.Fatalf("ended by itself: %s", p.said())
		case <-time.After(c.after):
		}
		p.signal(c.signal)
		code := p.wait()
		r.noProcess()
		// Before it has said anything the signal may find no handler yet; on a busy machine that lasts.
		if c.signal != syscall.SIGKILL && code != 0 && p.said() != "" {
			t.Errorf("%s after %s: exit code %d\n%s", c.signal, c.after, code, p.said())
		}
	}
	// What the killed ones left is no obstacle.
	if _, said, code := r.run("demo", "--port", "0", "--duration", "100ms"); code != 0 {
		t.Errorf("after all that: %d\n%s", code, said)
	}
}

func TestSecondInterruptEndsAtOnce(t *testing.T) {
	r := newRig(t)
	p := r.start("demo", "--port", "0")
	p.until("7 proxies")
	p.signal(syscall.SIGINT)
	eventually(t, "end", patience, func() bool {
		_ = p.cmd.Process.Signal(syscall.SIGINT)
		select {
		case <-p.ended:
			return true
		default:
			return false
		}
	})
	r.noProcess()
}

func TestDemoNeedsItsPort(t *testing.T) {
	r := newRig(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
	if _, said, code := r.run("demo", "--port", port); code != 1 || !strings.Contains(said, "port "+port+" of the gateway is in use") {
		t.Errorf("exit code %d: %s", code, said)
	}
	if _, said, code := r.run("demo", "--port", "70000"); code != 2 || !strings.Contains(said, "--port 70000") {
		t.Errorf("exit code %d: %s", code, said)
	}
}

func TestBrokenConfigurationDoesNotStopTheDemo(t *testing.T) {
	r := newRig(t)
	config := filepath.Join(r.state, "mine")
	if err := os.MkdirAll(config, 0o700); err != nil {
		t.Fatal(err)
	}
	broken := "kind: VirtualService\napiVersion: networking.istio.io/v1\nmetadata: {name: x, namespace: default}\nspec:\n  hosts: [a\n"
	if err := os.WriteFile(filepath.Join(config, "broken.yaml"), []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	p := r.start("demo", "--port", "0", "--dir", config, "--duration", "200ms")
	p.until("error: " + filepath.Join(config, "broken.yaml"))
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
