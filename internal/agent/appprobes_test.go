package agent_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/meshctl/meshctl/internal/agent"
)

// TestAppProbes asks the agent, as a kubelet does, for probes of a program that falls ill.
func TestAppProbes(t *testing.T) {
	var ill atomic.Bool
	program := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthy" || ill.Load() {
			http.Error(w, "out of order", http.StatusServiceUnavailable)
		}
	}))
	defer program.Close()
	r := start(t, func(o *agent.Options) {
		o.Ports = map[uint32]uint32{8080: uint32(program.Listener.Addr().(*net.TCPAddr).Port)}
		o.AppProbes = agent.AppProbes{
			"/app-health/shop/livez":   json.RawMessage(`{"httpGet":{"path":"/healthy","port":8080},"timeoutSeconds":1}`),
			"/app-health/shop/readyz":  json.RawMessage(`{"tcpSocket":{"port":8080}}`),
			"/app-lifecycle/shop/stop": json.RawMessage(`{"httpGet":{"path":"/other","port":8080}}`),
		}
	})
	ask := func(path, want string) {
		t.Helper()
		answer, err := http.Get("http://" + r.now().StatusAddress + path)
		if err != nil {
			t.Error(err)
			return
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		if got := fmt.Sprint(answer.StatusCode, " ", string(body)); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s; want %s", path, got, want)
		}
	}
	ask("/app-health/shop/livez", "200 ok")
	ask("/app-health/shop/readyz", "200 ok")
	ask("/app-lifecycle/shop/stop", "500 GET ")
	ask("/app-health/other/livez", "404")
	ill.Store(true)
	ask("/app-health/shop/livez", "500 GET ")
	ask("/app-health/shop/readyz", "200 ok")
}

// TestWait is the command by which a pod's program waits for its proxy.
func TestWait(t *testing.T) {
	asked := 0
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked < 3 {
			http.Error(w, "no configuration yet", http.StatusServiceUnavailable)
		}
	}))
	defer proxy.Close()
	for _, c := range []struct {
		args, stderr string
		code         int
	}{
		{"wait --periodMillis 1 --url " + proxy.URL, "", 0},
		{"wait --periodMillis 1 --timeoutSeconds 1 --url http://127.0.0.1:1", "the proxy is not ready", 1},
		{"wait --timeoutSeconds 0", "times must be positive", 2},
	} {
		var stdout, stderr bytes.Buffer
		if code := agent.Main(strings.Fields(c.args), "", &stdout, &stderr); code != c.code || !strings.Contains(stderr.String(), c.stderr) {
			t.Errorf("%s: exit code %d, %s; want %d, %s", c.args, code, &stderr, c.code, c.stderr)
		}
	}
	if asked != 3 {
		t.Errorf("asked %d times, want until the proxy was ready", asked)
	}
}
