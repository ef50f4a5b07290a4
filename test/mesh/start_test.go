package mesh_test

import (
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestStart is what users see of a demo that starts, and of one that cannot.
func TestStart(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	config := filepath.Join(h.state, "mine")
	if err := os.MkdirAll(config, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		// An object of the demo's own, changed.
		"route.yaml": "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: bookinfo}\nspec:\n  hosts: ['*']\n" +
			"  gateways: [bookinfo-gateway]\n  http:\n  - match: [{uri: {exact: /productpage}}]\n    route: [{destination: {host: productpage}}]\n" +
			"  - directResponse: {status: 418}\n",
		"policy.yaml": "apiVersion: gateway.networking.k8s.io/v1\nkind: UDPRoute\nmetadata: {name: nobody}\nspec: {}\n",
	} {
		if err := os.WriteFile(filepath.Join(config, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	demo := h.start("demo", "--mesh", "one", "--port", "0", "--dir", config, "--rps", "20")
	demo.says(t, "first successful request through the gateway")
	t.Logf("first success after %s", time.Since(began))
	demo.says(t, "7 proxies run what they should", config, "UDPRoute")
	m := &mesh{home: h, name: "one", demo: demo}
	s := m.status()
	if len(s.ConfigDirs) != 2 || s.ConfigDirs[1] != config || len(s.Workloads) != 7 || !s.Synced {
		t.Errorf("status: %+v", s)
	}
	m.url = s.IngressURLs[0]
	if a, err := m.get("/anything"); err != nil || a.status != 418 {
		t.Errorf("the demo's route is not overridden: %v %d", err, a.status)
	}
	if err := page("Reviews served by")(m); err != nil {
		t.Error(err)
	}
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(m.url, "http://"))
	for _, refused := range []struct {
		args []string
		says string
	}{
		{[]string{"demo", "--mesh", "one", "--port", "0"}, `mesh "one" is already running`},
		{[]string{"standalone", "up", "--mesh", "one", "-f", config}, `mesh "one" is already running`},
		{[]string{"demo", "--mesh", "two", "--port", port}, "port " + port},
		{[]string{"workload", "run", "--mesh", "none", "--name", "x", "--", "true"}, `"none"`},
		{[]string{"demo", "--mesh", "three", "--port", "0", "--envoy", "/bin/false"}, "/bin/false"},
	} {
		out, errs, code := h.run(refused.args...)
		if code == 0 || !strings.Contains(errs, refused.says) || len(strings.Split(strings.TrimSpace(errs), "\n")) > 5 {
			t.Errorf("%v: exit code %d\n%s%s", refused.args, code, out, errs)
		}
	}
	if out, errs, code := h.run("standalone", "down", "--mesh", "one"); code != 0 {
		t.Errorf("down: %d %s%s", code, out, errs)
	}
	if demo.wait(t) != 0 || !strings.Contains(demo.said(), ", 0 failed") {
		t.Errorf("the demo ended with %d:\n%s", demo.code, demo.said())
	}
	if left := processes(h.state); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestUpTellsWhatIsNotEnforced is the banner of the other way to run a mesh.
func TestUpTellsWhatIsNotEnforced(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	policy := "apiVersion: gateway.networking.k8s.io/v1\nkind: UDPRoute\nmetadata: {name: nobody}\nspec: {}\n"
	if err := os.WriteFile(filepath.Join(h.state, "policy.yaml"), []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	up := h.start("standalone", "up", "--mesh", "up", "-f", h.state)
	up.says(t, "is up", "UDPRoute")
}

// TestSignalDuringStart ends demos at different moments of their start.
func TestSignalDuringStart(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	for i := range 8 {
		after := time.Duration(i)*150*time.Millisecond + rand.N(150*time.Millisecond)
		demo := h.start("demo", "--mesh", "s"+strconv.Itoa(i), "--port", "0")
		pause(after)
		_ = demo.cmd.Process.Signal(syscall.SIGTERM)
		began := time.Now()
		code := demo.wait(t)
		t.Logf("SIGTERM after %s: code %d after %s", after, code, time.Since(began))
		// Before the program has taken its signals over, the signal itself ends it.
		if code != 0 && (code != -1 || demo.said() != "") {
			t.Errorf("SIGTERM after %s: exit code %d\n%s", after, code, demo.said())
		}
		if left := processes(h.state); len(left) > 0 {
			t.Errorf("SIGTERM after %s leaves %v", after, left)
		}
	}
}
