package mesh_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/standalone"
)

// TestTrouble breaks one thing after the other under load.
func TestTrouble(t *testing.T) {
	t.Parallel()
	m := startDemo(t)
	for _, trouble := range []struct {
		name string
		test func(*mesh, *load)
	}{
		{"control plane killed", (*mesh).controlPlaneKilled},
		{"broken YAML", (*mesh).brokenYAML},
		{"unknown host", (*mesh).unknownHost},
		{"not enforced", (*mesh).notEnforced},
		{"certificates rotated", (*mesh).rotated},
		{"Envoy killed", (*mesh).envoyKilled},
		{"agent killed", (*mesh).agentKilled},
	} {
		t.Run(trouble.name, func(t *testing.T) {
			in := m.in(t)
			trouble.test(in, in.load(t))
			in.settled()
			in.same()
		})
	}
}

// controlPlane is the process id of meshd; 0 while it does not run.
func (m *mesh) controlPlane() int {
	for pid, line := range processes(m.state) {
		if strings.Contains(line, "/bin/meshd ") {
			return pid
		}
	}
	return 0
}

func (m *mesh) kill(pid int) {
	m.t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		m.t.Fatalf("kill %d: %v", pid, err)
	}
}

func (m *mesh) controlPlaneKilled(l *load) {
	m.settled()
	before, running, meant := m.updates(), m.controlPlane(), m.mustMean()
	stats := l.generator.Stats()
	m.kill(running)
	killed := time.Now()
	eventually(m.t, "meshd is restarted", func() error {
		if pid := m.controlPlane(); pid == 0 || pid == running {
			return errNotYet
		}
		return nil
	})
	restarted := time.Since(killed)
	m.settled()
	synced := time.Since(killed)
	m.t.Logf("SIGKILL of meshd: running after %s, all synced after %s", restarted, synced)
	if synced > 15*time.Second {
		m.t.Errorf("synced only after %s", synced)
	}
	l.more(50)
	l.unharmed("control plane killed", stats)
	m.notSentAgain(before)
	m.backTo(meant)
}

func (m *mesh) mustMean() map[string]string {
	m.t.Helper()
	meant, err := m.meant()
	if err != nil {
		m.t.Fatal(err)
	}
	return meant
}

// notSentAgain wants Envoys to have received next to nothing since before: a handshake and empty answers.
func (m *mesh) notSentAgain(before map[string]updates) {
	m.t.Helper()
	for id, now := range m.updates() {
		bytes := now.bytes - before[id].bytes
		if m.t.Logf("%s received %d bytes after the restart", id, bytes); bytes > 4<<10 || now.resources != before[id].resources {
			m.t.Errorf("%s was sent resources again: %+v, before %+v", id, now, before[id])
		}
	}
}

func (m *mesh) brokenYAML(l *load) {
	stats, meant := l.generator.Stats(), m.mustMean()
	m.put("broken.yaml", "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  name: reviews\nspec:\n  hosts: [reviews\n")
	m.finding("broken.yaml:")
	m.put("broken.yaml", strings.Replace(m.text("virtual-service-reviews-v3.yaml"), "http:", "htpp:", 1))
	m.finding(`htpp`)
	m.backTo(meant)
	m.t.Cleanup(func() { m.backTo(meant) })
	m.put("broken.yaml", m.text("virtual-service-reviews-v3.yaml"))
	eventually(m.t, "the file is mended", func() error { return served(20, nil, "v3")(m) })
	m.put("broken.yaml", "kind: [")
	m.finding("broken.yaml:1")
	if err := served(20, nil, "v3")(m); err != nil {
		m.t.Errorf("the last good version is lost: %v", err)
	}
	m.remove("broken.yaml")
	m.settled()
	l.unharmed("broken YAML", stats)
}

// finding waits until `standalone status` has a line with this text.
func (m *mesh) finding(text string) {
	m.t.Helper()
	eventually(m.t, "a finding about "+text, func() error {
		out, errs, code := m.run("standalone", "status", "--mesh", m.name)
		if code != 0 || !strings.Contains(out+errs, text) {
			return fmt.Errorf("exit code %d:\n%s%s", code, out, errs)
		}
		return nil
	})
}

func (m *mesh) unknownHost(l *load) {
	stats, meant := l.generator.Stats(), m.mustMean()
	m.put("unknown.yaml", `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: nowhere
spec:
  hosts: [nowhere.default.svc.cluster.local]
  http:
  - route:
    - destination:
        host: nowhere
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: ratings
spec:
  hosts: [ratings]
  http:
  - match:
    - headers: {x-nowhere: {exact: "yes"}}
    route:
    - destination: {host: nowhere}
  - route:
    - destination: {host: ratings}
`)
	m.finding("unknown.yaml:")
	problems, err := m.problems()
	if err != nil {
		m.t.Fatal(err)
	}
	for _, p := range problems {
		m.t.Logf("%s: %s %s:%d:%d %s", p.Severity, p.Name, p.File, p.Line, p.Column, p.Message)
		if !inFile("unknown.yaml")(p) || p.Line == 0 {
			m.t.Errorf("problem %+v", p)
		}
	}
	m.settled()
	l.more(50)
	m.remove("unknown.yaml")
	m.backTo(meant)
	l.unharmed("unknown host", stats)
}

func (m *mesh) notEnforced(l *load) {
	stats := l.generator.Stats()
	m.put("policy.yaml", `apiVersion: gateway.networking.k8s.io/v1
kind: UDPRoute
metadata:
  name: nobody
spec: {}
`)
	eventually(m.t, "ps has a banner", func() error {
		out, errs, _ := m.run("ps", "--mesh", m.name)
		if !strings.Contains(out+errs, "UDPRoute") || !strings.Contains(out+errs, "not enforced") {
			return fmt.Errorf("ps: %s%s", out, errs)
		}
		return nil
	})
	m.finding("UDPRoute")
	m.demo.says(m.t, "UDPRoute")
	status := m.status()
	if len(status.NotEnforced) != 1 || status.NotEnforced[0].Name != "nobody" || status.NotEnforced[0].Line == 0 {
		m.t.Errorf("not enforced: %+v", status.NotEnforced)
	}
	m.remove("policy.yaml")
	eventually(m.t, "the banner is gone", func() error {
		if out, errs, _ := m.run("ps", "--mesh", m.name); strings.Contains(out+errs, "not enforced") {
			return errNotYet
		}
		return nil
	})
	l.unharmed("not enforced", stats)
}

func (m *mesh) rotated(l *load) {
	stats := l.generator.Stats()
	list := func() map[string]adminapi.Certificate {
		out := map[string]adminapi.Certificate{}
		for _, p := range m.proxies() {
			if p.Certificate != nil {
				out[p.ID] = *p.Certificate
			}
		}
		return out
	}
	table := m.ctl("cert", "list")
	before := list()
	for _, id := range bookinfoProxies {
		if !strings.Contains(before[id].SPIFFE, "spiffe://cluster.local/ns/") || !strings.Contains(table, before[id].Serial) {
			m.t.Errorf("cert list: %s %+v\n%s", id, before[id], table)
		}
		m.ctl("cert", "rotate", id)
	}
	eventually(m.t, "all certificates are new", func() error {
		for id, now := range list() {
			if now.Serial == before[id].Serial {
				return fmt.Errorf("%s still has %s", id, now.Serial)
			}
		}
		return nil
	})
	l.more(100)
	l.unharmed("rotation of all certificates", stats)
}

func (m *mesh) envoyKilled(l *load) {
	m.restarted(l, "reviews-v2", func(w standalone.Workload) int { return w.EnvoyPID })
}

func (m *mesh) agentKilled(l *load) {
	m.restarted(l, "productpage-v1", func(w standalone.Workload) int { return w.AgentPID })
}

// restarted kills a process of a workload: it comes back, and then nothing fails any more.
func (m *mesh) restarted(l *load, name string, pid func(standalone.Workload) int) {
	before := m.workload(name)
	stats := l.generator.Stats()
	m.kill(pid(before))
	killed := time.Now()
	eventually(m.t, name+" is back", func() error {
		w := m.workload(name)
		if pid(w) == pid(before) || pid(w) == 0 || w.EnvoyPID == before.EnvoyPID || !w.Healthy || !w.Synced {
			return fmt.Errorf("%+v", w)
		}
		return nil
	})
	back := time.Since(killed)
	m.settled()
	eventually(m.t, "traffic returns", func() error { return served(60, nil, "v1", "v2", "v3")(m) })
	lost := l.generator.Stats().Since(stats)
	m.t.Logf("%s is back after %s, all is as before after %s; %d of %d requests failed meanwhile %v",
		name, back, time.Since(killed), lost.Errors, lost.OK+lost.Errors, lost.Statuses)
	stats = l.generator.Stats()
	l.more(100)
	l.unharmed("after the restart of "+name, stats)
}
