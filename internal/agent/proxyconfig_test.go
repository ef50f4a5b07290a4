package agent_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/meshctl/meshctl/internal/agent"
	"github.com/meshctl/meshctl/internal/agent/agenttest"
	"github.com/meshctl/meshctl/internal/envoytest"
)

// envoy is what an Envoy says of itself.
type envoy struct {
	CommandLine struct {
		Concurrency int    `json:"concurrency"`
		DrainTime   string `json:"drain_time"`
		Flush       string `json:"file_flush_interval"`
	} `json:"command_line_options"`
	Node struct {
		Metadata struct {
			Foo         string            `json:"FOO"`
			Name        string            `json:"NAME"`
			Annotations map[string]string `json:"ANNOTATIONS"`
			ProxyConfig struct {
				Concurrency int `json:"concurrency"`
			} `json:"PROXY_CONFIG"`
		} `json:"metadata"`
	} `json:"node"`
}

func (r *running) envoy() envoy {
	r.t.Helper()
	body, err := envoytest.Get(r.now().AdminAddress, "/server_info")
	if err != nil {
		r.t.Fatal(err)
	}
	var e envoy
	if err := json.Unmarshal(body, &e); err != nil {
		r.t.Fatal(err)
	}
	return e
}

// crash ends Envoy and waits for the next one.
func (r *running) crash() {
	r.t.Helper()
	before := r.now().EnvoyPID
	if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
		r.t.Fatal(err)
	}
	r.until("another Envoy", func(s agent.State) bool { return s.EnvoyPID != 0 && s.EnvoyPID != before && s.AdminAddress != "" })
	envoytest.Eventually(r.t, "its admin interface", func() error {
		_, err := envoytest.Get(r.now().AdminAddress, "/server_info")
		return err
	})
}

const answer = `{"concurrency": 1, "drainDuration": "7s", "proxyMetadata": {"ISTIO_META_FOO": "bar", "ISTIO_META_NAME": "forged"},
	"proxyStatsMatcher": {"inclusionRegexps": ["cluster\\.program\\.upstream_cx_total"]}, "runtimeValues": {"meshctl.test": "yes"},
	"statsdUdpAddress": "127.0.0.1:9", "fileFlushInterval": "0.5s", "fileFlushMinSizeKb": 9}`

// Envoy runs as the control plane says, at each start anew; without a control plane, as it said last.
func TestProxyConfigReachesEnvoy(t *testing.T) {
	plane := agenttest.Start(t)
	plane.Agents.Answer(answer, "something odd")
	r := startWith(t, plane, func(o *agent.Options) {
		o.Concurrency, o.Annotations = 0, map[string]string{"proxy.istio.io/config": "x"}
	})
	e := r.envoy()
	if e.CommandLine.Concurrency != 1 || e.CommandLine.DrainTime != "7s" || e.CommandLine.Flush != "0.500s" || e.Node.Metadata.Foo != "bar" || e.Node.Metadata.Name != "reviews-v1" ||
		e.Node.Metadata.ProxyConfig.Concurrency != 1 || e.Node.Metadata.Annotations["proxy.istio.io/config"] != "x" {
		t.Errorf("Envoy: %+v", e)
	}
	if args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", r.now().EnvoyPID)); err == nil && !bytes.Contains(args, []byte("--file-flush-min-size-kb\x009\x00")) {
		t.Errorf("arguments: %q", args) // Envoy does not say
	}
	if in := plane.Agents.Asked()[0]; in.GetNamespace() != "default" || in.GetName() != "reviews-v1" || in.GetServiceAccount() != "sa" ||
		in.GetLabels()["app"] != "reviews" || in.GetAnnotations()["proxy.istio.io/config"] != "x" {
		t.Errorf("asked: %v", in)
	}
	for _, path := range []string{"/stats?filter=cluster.program", "/runtime"} {
		body, err := envoytest.Get(r.now().AdminAddress, path)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"/runtime": "meshctl.test"}[path]
		if want == "" {
			want = "cluster.program.upstream_cx_total: "
		}
		if err := missing(string(body), want); err != nil {
			t.Errorf("%s: %v in\n%s", path, err, body)
		}
	}
	plane.Agents.Answer(`{"concurrency": 3}`)
	r.crash()
	if e := r.envoy(); e.CommandLine.Concurrency != 3 {
		t.Errorf("after another answer: %+v", e)
	}
	plane.Stop()
	r.crash()
	if e := r.envoy(); e.CommandLine.Concurrency != 3 {
		t.Errorf("without a control plane: %+v", e)
	}
}

// Flags win, and an answer that is lost or broken does not keep Envoy from starting.
func TestProxyConfigAndFlags(t *testing.T) {
	plane := agenttest.Start(t)
	plane.Agents.Answer(answer)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "proxy-config.json"), []byte("{broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := startWith(t, plane, func(o *agent.Options) { o.Concurrency, o.StateDir = 4, dir })
	if e := r.envoy(); e.CommandLine.Concurrency != 4 || e.Node.Metadata.ProxyConfig.Concurrency != 4 {
		t.Errorf("Envoy: %+v", e)
	}
}

// With no answer ever, Envoy has Istio's two threads.
func TestNoProxyConfig(t *testing.T) {
	r := start(t, func(o *agent.Options) { o.Concurrency, o.DrainDuration = 0, -1 })
	if e := r.envoy(); e.CommandLine.Concurrency != agent.DefaultConcurrency {
		t.Errorf("Envoy: %+v", e)
	}
}
