//go:build linux

package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meshctl/meshctl/test/cluster/node"
	"github.com/meshctl/meshctl/test/e2e/rig"
)

// meshed is fifty pods of which each has a sidecar.
const meshed = `apiVersion: apps/v1
kind: Deployment
metadata: {name: many}
spec:
  replicas: 50
  selector: {matchLabels: {app: many}}
  template:
    metadata:
      labels: {app: many}
      annotations: {sidecar.istio.io/proxyCPU: 5m, sidecar.istio.io/proxyMemory: 16Mi, proxy.istio.io/config: "concurrency: 1"}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - {name: hello, image: %q, args: [serve, ":8080"]}
---
apiVersion: v1
kind: Service
metadata: {name: watched}
spec: {ports: [{name: http, port: 80}]}
`

// TestFiftyMeshedPods changes the endpoint of a service and measures when each of fifty proxies has it.
func TestFiftyMeshedPods(t *testing.T) {
	rig.Node(t)
	install(t)
	namespace := rig.Namespace(t, "istio-injection=enabled")
	began := time.Now()
	rig.Apply(t, namespace, fmt.Sprintf(meshed, node.PodImage))
	rig.WaitFor(t, namespace, "deployment/many", "condition=Available", 5*time.Minute)
	t.Logf("50 meshed pods are ready after %s", time.Since(began).Round(100*time.Millisecond))
	var pods struct {
		Items []struct {
			Metadata struct{ Name string }
		}
	}
	must(t, json.Unmarshal([]byte(rig.Kubectl(t, "-n", namespace, "get", "pods", "-o", "json")), &pods))
	if len(pods.Items) < 50 {
		t.Fatalf("%d pods", len(pods.Items))
	}
	mustRun(t, "proxy-status")
	var delays []time.Duration
	clients := envoys(t)
	for i := range 5 {
		delays = append(delays, spread(t, clients, namespace, fmt.Sprintf("192.0.2.%d", i+1))...)
	}
	slices.Sort(delays)
	t.Logf("%d times a proxy had a changed endpoint: half after %s, 99%% after %s, all after %s", len(delays), delays[len(delays)/2].Round(time.Millisecond),
		delays[len(delays)*99/100].Round(time.Millisecond), delays[len(delays)-1].Round(time.Millisecond))
	memory(t)
}

// memory prints what the mesh's processes take.
func memory(t *testing.T) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	must(t, err)
	most := map[string]string{}
	for _, dir := range dirs {
		name, err := os.ReadFile(filepath.Join(dir, "comm"))
		program := strings.TrimSpace(string(name))
		if err != nil || program != "meshd" && program != "mesh-agent" {
			continue
		}
		status, err := os.ReadFile(filepath.Join(dir, "status"))
		if err != nil {
			continue
		}
		var line []string
		for l := range strings.Lines(string(status)) {
			if strings.HasPrefix(l, "VmRSS") || strings.HasPrefix(l, "RssAnon") {
				line = append(line, strings.Join(strings.Fields(l), " "))
			}
		}
		most[program] = max(most[program], strings.Join(line, ", "))
	}
	t.Logf("memory of the largest: %v", most)
}
