package standalone

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const meshConfig = `apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    accessLogFile: /dev/stdout
    outboundTrafficPolicy: {mode: REGISTRY_ONLY}
    defaultConfig:
      concurrency: 3
      proxyStatsMatcher:
        inclusionRegexps: ['cluster\.outbound.*details.*\.upstream_rq_total']
`

// The ConfigMap istio takes effect in a running mesh: access logs and the policy for what is not registered at once, the
// settings of Envoy's start in the next workload, whose annotation may override them.
func TestMeshConfig(t *testing.T) {
	r := newRig(t)
	config := filepath.Join(r.state, "mine")
	demo := r.start("demo", "--port", "0", "--rps", "10", "--dir", config)
	demo.until("7 proxies")
	if n := workers(t, r.workload("reviews-v1").AdminAddress); n != 1 {
		t.Errorf("the demo's proxies have %d threads, want 1", n)
	}
	if log := r.log("reviews-v1"); strings.Contains(log, "HTTP/1.1\" 200") {
		t.Errorf("an access log that nobody wants:\n%s", log)
	}
	if err := os.WriteFile(filepath.Join(config, "istio.yaml"), []byte(meshConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	took := eventually(t, "an access log", patience, func() bool { return strings.Contains(r.log("reviews-v1"), `"GET /reviews/0 HTTP/1.1" 200`) })
	t.Logf("access log %s after the change", took.Round(time.Millisecond))

	plain := r.idle("plain")
	annotated := r.idle("annotated", "--annotation", "proxy.istio.io/config=concurrency: 1\nwrong: field")
	annotated.until(`unknown field "wrong"`)
	for name, want := range map[string]int{"plain": 3, "annotated": 1} {
		admin := r.workload(name).AdminAddress
		if n := workers(t, admin); n != want {
			t.Errorf("%s: Envoy has %d threads, want %d", name, n, want)
		}
		const stat = "cluster.outbound|9080||details.default.svc.cluster.local.upstream_rq_total: "
		if stats := get200(t, admin, "/stats?filter=upstream_rq_total"); !strings.Contains(stats, stat) || strings.Contains(stats, "ratings") {
			t.Errorf("%s: statistics lack %q, or have more:\n%s", name, stat, stats)
		}
	}
	if log := r.log("annotated"); !strings.Contains(log, `unknown field \"wrong\"`) {
		t.Errorf("the agent's log says nothing of the annotation:\n%s", log)
	}
	_, said, code := r.run(append([]string{"workload", "run", "--name", "caller", "--"}, program("get", "http://unregistered.example/")...)...)
	if code == 0 || !strings.Contains(said, "502") {
		t.Errorf("what is not registered is reached: %d, %s", code, said)
	}
	plain.signal(15)
	annotated.signal(15)
	plain.wait()
	annotated.wait()
}

// idle runs a workload that does nothing and waits until it is in the mesh.
func (r *rig) idle(name string, args ...string) *process {
	r.t.Helper()
	args = append([]string{"workload", "run", "--name", name}, args...)
	p := r.start(append(args, "--", "sleep", "1000")...)
	eventually(r.t, name+" in the mesh", patience, func() bool {
		return readState(filepath.Join(Layout{r.dir()}.Workload("default", name), "state.json")).Ready
	})
	return p
}

func (r *rig) workload(name string) Workload {
	r.t.Helper()
	for _, w := range r.status().Workloads {
		if w.Name == name {
			return w
		}
	}
	r.t.Fatalf("no workload %s", name)
	return Workload{}
}

// log is what the agent and the Envoy of a workload wrote.
func (r *rig) log(name string) string {
	data, _ := os.ReadFile(Layout{r.dir()}.Log("default." + name))
	return string(data)
}

func get200(t *testing.T, admin, path string) string {
	t.Helper()
	resp, err := http.Get("http://" + admin + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", path, resp.Status, err)
	}
	return string(body)
}

func workers(t *testing.T, admin string) int {
	t.Helper()
	var info struct {
		Options struct {
			Concurrency int `json:"concurrency"`
		} `json:"command_line_options"`
	}
	if err := json.Unmarshal([]byte(get200(t, admin, "/server_info")), &info); err != nil {
		t.Fatal(err)
	}
	return info.Options.Concurrency
}
