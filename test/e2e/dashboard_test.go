//go:build linux

package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/test/cluster/node"
	"github.com/meshctl/meshctl/test/e2e/rig"
)

// looks looks at the traffic of the sample application from outside of the cluster's network, as people do: over the API server.
func looks(t *testing.T, namespace, url string) {
	began := time.Now()
	defer func() { t.Logf("looked at traffic for %s", time.Since(began).Round(100*time.Millisecond)) }()
	rig.Apply(t, namespace, addon)
	load := rig.StartLoad(t, url+"/productpage", 20)
	t.Run("looking", func(t *testing.T) { // all at once: each waits for seconds
		for name, look := range map[string]func(*testing.T, string){
			"dashboard": graph, "numbers": numbers, "tap": tapped, "plan": plan,
			"envoy": func(t *testing.T, namespace string) {
				opens(t, "Envoy", "envoy", "deploy/productpage-v1."+namespace)
			},
			"control plane": func(t *testing.T, _ string) { opens(t, `"instance"`, "control-plane") },
			"addon": func(t *testing.T, namespace string) {
				rig.WaitFor(t, namespace, "pod/zipkin", "condition=Ready", time.Minute)
				opens(t, "zipkin", "zipkin", "-n", namespace)
			},
		} {
			t.Run(name, func(t *testing.T) { t.Parallel(); look(t, namespace) })
		}
	})
	if a := load.Stop(); a.Failed() > 0 {
		t.Errorf("requests failed meanwhile: %v", a.Codes)
	}
}

func graph(t *testing.T, namespace string) {
	rig.Eventually(t, 30*time.Second, func(context.Context) error {
		out := mustRun(t, "dashboard", "--once", "-o", "json", "-n", namespace)
		var g topology.Graph
		if err := json.Unmarshal([]byte(out), &g); err != nil {
			return err
		}
		for _, want := range [][2]string{
			{"gateway/istio-system/istio-ingressgateway", "productpage-v1"}, {"productpage-v1", "details-v1"}, {"productpage-v1", "reviews-v1"},
			{"productpage-v1", "reviews-v2"}, {"productpage-v1", "reviews-v3"}, {"reviews-v2", "ratings-v1"}, {"reviews-v3", "ratings-v1"},
		} {
			i := slices.IndexFunc(g.Edges, func(e topology.Edge) bool {
				return strings.HasSuffix(e.From, want[0]) && strings.HasSuffix(e.To, want[1])
			})
			if i < 0 {
				return fmt.Errorf("no edge from %s to %s: %s", want[0], want[1], out)
			}
			if e := g.Edges[i]; e.Rates.Requests == nil || *e.Rates.Requests == 0 || e.Security != topology.MutualTLS {
				return fmt.Errorf("%s to %s: %+v", want[0], want[1], e)
			}
		}
		return nil
	})
	if out := mustRun(t, "dashboard", "--once", "-n", namespace, "--width", "200"); !strings.Contains(out, "productpage v1") || !strings.Contains(out, "⇥ istio-ingressgateway") {
		t.Errorf("the picture:\n%s", out)
	}
}

// plan shows what a change would do: the configuration is that of the cluster.
func plan(t *testing.T, namespace string) {
	file := t.TempDir() + "/change.yaml"
	text := "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: details, namespace: " + namespace + "}\n" +
		"spec: {hosts: [details], http: [{route: [{destination: {host: details}, weight: 70}, {destination: {host: ratings}, weight: 30}]}]}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	rig.Eventually(t, 30*time.Second, func(context.Context) error {
		out := mustRun(t, "dashboard", "--once", "-n", namespace, "--plan", "-f", file)
		if !strings.Contains(out, "plan: 1 edge added, 0 removed, 1 with another share") || !strings.Contains(out, "100→70%") {
			return fmt.Errorf("the plan:\n%s", out)
		}
		return nil
	})
}

func numbers(t *testing.T, namespace string) {
	rig.Eventually(t, 30*time.Second, func(context.Context) error {
		return lacks(mustRun(t, "stat", "-n", namespace, "-w", "3s"), "productpage-v1 ", "details-v1", "reviews-v1", "reviews-v2", "reviews-v3", "ratings-v1", "1/1", "100.0%")
	})
	rig.Eventually(t, 30*time.Second, func(context.Context) error {
		return lacks(mustRun(t, "edges", "-n", namespace, "-w", "3s"), "productpage-v1."+namespace, "istio-ingressgateway.istio-system", "mTLS")
	})
}

func tapped(t *testing.T, namespace string) {
	for path, other := range map[string]string{"/productpage": "istio-ingressgateway", "/details/0": "details-v1"} { // what it gets, and what it sends
		out := mustRun(t, "tap", "deploy/productpage-v1", "-n", namespace, "--path", path, "--limit", "1", "--for", "20s")
		if err := lacks(out, path, "200", "productpage-v1", other); err != nil {
			t.Error(err)
		}
	}
}

func lacks(out string, want ...string) error {
	for _, w := range want {
		if !strings.Contains(out, w) {
			return fmt.Errorf("no %q in:\n%s", w, out)
		}
	}
	return nil
}

// addon is a pod with the label by which an addon is found, that answers HTTP.
var addon = fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata: {name: zipkin, labels: {app: zipkin, sidecar.istio.io/inject: "false"}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: zipkin, image: %q, args: [serve, ":9411"], readinessProbe: {httpGet: {port: 9411}, periodSeconds: 1}}
`, node.PodImage)

// opens runs `meshctl dashboard ... --no-browser` and gets the address that it prints.
func opens(t *testing.T, want string, args ...string) {
	cmd := rig.Start(t, append(append([]string{"dashboard"}, args...), "--no-browser")...)
	address, err := bufio.NewReader(cmd).ReadString('\n')
	if err != nil {
		t.Fatalf("%s prints no address: %v", args[0], err)
	}
	body, err := page(t.Context(), strings.TrimSpace(address), http.StatusOK)
	if err == nil {
		err = lacks(body, want)
	}
	if err != nil {
		t.Errorf("%s: %v", args[0], err)
	}
}
