//go:build linux

package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/test/cluster/node"
	"github.com/meshctl/meshctl/test/e2e/rig"
	"github.com/meshctl/meshctl/test/fortio"
	"github.com/meshctl/meshctl/test/servers"
)

// looks looks at the traffic of the sample application from outside of the cluster's network, as people do: over the API server.
func looks(t *testing.T, namespace, url string) {
	began := time.Now()
	defer func() { t.Logf("looked at traffic for %s", time.Since(began).Round(100*time.Millisecond)) }()
	rig.Apply(t, namespace, addon)
	load := fortio.Start(t, url+"/productpage", 20)
	t.Run("looking", func(t *testing.T) { // all at once: each waits for seconds
		for name, look := range map[string]func(*testing.T, string){
			"dashboard": graph, "numbers": numbers, "tap": tapped, "plan": plan, "findings": findings, "prometheus": prometheus,
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

// findings are those of analysis of the cluster, on the nodes that they concern. What is wrong here concerns no request of the load.
func findings(t *testing.T, namespace string) {
	rig.Apply(t, namespace, `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ratings}
spec:
  hosts: [ratings]
  http:
  - match: [{headers: {x-nobody: {exact: sends}}}]
    route: [{destination: {host: ratings, subset: v9}}]
  - route: [{destination: {host: ratings}}]
`)
	t.Cleanup(func() { rig.Kubectl(t, "delete", "virtualservice", "ratings", "-n", namespace) })
	rig.Eventually(t, 30*time.Second, func(context.Context) error {
		var g topology.Graph
		if err := json.Unmarshal([]byte(mustRun(t, "dashboard", "--once", "-o", "json", "-n", namespace)), &g); err != nil {
			return err
		}
		for _, n := range g.Nodes {
			found := slices.ContainsFunc(n.Findings, func(f topology.Finding) bool { return f.Code == "IST0101" && strings.Contains(f.Message, `"v9"`) })
			if found != (n.Name == "ratings-v1") {
				return fmt.Errorf("%s: %v", n.Name, n.Findings)
			}
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

// prometheus runs what samples/addons installs, as it is but for the time between two scrapes: it finds every pod that has something to say.
func prometheus(t *testing.T, namespace string) {
	file := filepath.Join("..", "..", "samples", "addons", "prometheus.yaml")
	manifest, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(rig.Kubectl(t, "describe", "pods", "-n", "istio-system", "-l", "app=prometheus"))
		}
		rig.Kubectl(t, "delete", "-f", file, "--wait=false")
	})
	rig.Apply(t, "istio-system", strings.Replace(string(manifest), "scrape_interval: 15s", "scrape_interval: 1s", 1))
	rig.WaitFor(t, "istio-system", "deployment/prometheus", "condition=Available", 2*time.Minute)
	address := strings.TrimSuffix(strings.TrimPrefix(forwarded(t, "prometheus"), "http://"), "/")
	ask := servers.Prometheus{Address: address}
	for query, want := range map[string][]string{
		`count by (namespace, app, pod) (up == 1)`: {
			"istio-system istiod istiod-", "istio-system istio-ingressgateway istio-ingressgateway-", namespace + " productpage productpage-v1-",
			namespace + " details details-v1-", namespace + " reviews reviews-v1-", namespace + " reviews reviews-v3-", namespace + " ratings ratings-v1-",
		},
		`sum by (namespace, app, pod) (rate(istio_requests_total{reporter="destination", destination_workload="productpage-v1"}[20s])) > 0`: {namespace + " productpage productpage-v1-"},
		`sum by (namespace, app, pod) (process_resident_memory_bytes{app="istiod"})`:                                                        {"istio-system istiod istiod-"},
	} {
		rig.Eventually(t, time.Minute, func(context.Context) error {
			found, err := ask.Query(query, time.Now())
			if err != nil {
				return err
			}
			var lines []string
			for _, f := range found {
				lines = append(lines, f.Labels["namespace"]+" "+f.Labels["app"]+" "+f.Labels["pod"])
			}
			return lacks(strings.Join(lines, "\n"), want...)
		})
	}
	if down, err := ask.Query(fmt.Sprintf("up{namespace=%q} == 0", namespace), time.Now()); err != nil || len(down) > 0 {
		t.Errorf("found and not reached: %v, %v", down, err)
	}
}

// forwarded runs `meshctl dashboard ... --no-browser` until the test ends, and returns the address that it prints.
func forwarded(t *testing.T, args ...string) string {
	cmd := rig.Start(t, append(append([]string{"dashboard"}, args...), "--no-browser")...)
	address, err := bufio.NewReader(cmd).ReadString('\n')
	if err != nil {
		t.Fatalf("%s prints no address: %v", args[0], err)
	}
	return strings.TrimSpace(address)
}

// opens gets what such a command has forwarded.
func opens(t *testing.T, want string, args ...string) {
	body, err := page(t.Context(), forwarded(t, args...), http.StatusOK)
	if err == nil {
		err = lacks(body, want)
	}
	if err != nil {
		t.Errorf("%s: %v", args[0], err)
	}
}
