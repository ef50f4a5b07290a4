//go:build linux

package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/meshctl/meshctl/test/cluster/node"
	"github.com/meshctl/meshctl/test/e2e/rig"
	"github.com/meshctl/meshctl/test/fortio"
)

// hello is a Deployment that answers with its pods' names, and a Service.
func hello(replicas int) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: hello}
spec:
  replicas: %d
  selector: {matchLabels: {app: hello}}
  template:
    metadata: {labels: {app: hello}}
    spec:
      terminationGracePeriodSeconds: 1
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: hello}}}
      containers:
      - {name: hello, image: %q, args: [serve, ":8080"], readinessProbe: {httpGet: {port: 8080}, periodSeconds: 1}}
---
apiVersion: v1
kind: Service
metadata: {name: hello}
spec: {selector: {app: hello}, ports: [{port: 80, targetPort: 8080}]}
`, replicas, node.PodImage)
}

func get(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err == nil && (response.StatusCode != http.StatusOK || !strings.HasPrefix(string(data), "hello-")) {
		err = fmt.Errorf("%s: %s", response.Status, data)
	}
	return err
}

func TestPodsReachEachOther(t *testing.T) {
	rig.Node(t)
	ns := rig.Namespace(t)
	rig.Apply(t, ns, hello(2))
	rig.WaitFor(t, ns, "deployment/hello", "condition=Available", time.Minute)
	pod := rig.Kubectl(t, "get", "pods", "-n", ns, "-o", "jsonpath={.items[0].status.podIP}")
	service := rig.Kubectl(t, "get", "service", "hello", "-n", ns, "-o", "jsonpath={.spec.clusterIP}")
	for _, url := range []string{"http://" + pod + ":8080", "http://" + service, "http://hello." + ns + ".svc.cluster.local"} {
		rig.Eventually(t, 10*time.Second, func(ctx context.Context) error { return get(ctx, url) })
	}
	if out := rig.Kubectl(t, "exec", "-n", ns, "deployment/hello", "--", "/pod", "get", "http://hello/"); !strings.HasPrefix(out, "200 OK\nhello-") {
		t.Errorf("from a pod: %q", out)
	}
	if out := rig.Logs(t, ns, "deployment/hello"); !strings.HasPrefix(out, "listening on :8080") {
		t.Errorf("logs: %q", out)
	}
}

func TestComponentsRestartUnderLoad(t *testing.T) {
	c := rig.Node(t)
	ns := rig.Namespace(t)
	rig.Apply(t, ns, hello(1))
	rig.WaitFor(t, ns, "deployment/hello", "condition=Available", time.Minute)
	url := "http://hello." + ns + ".svc.cluster.local"
	rig.Eventually(t, 10*time.Second, func(ctx context.Context) error { return get(ctx, url) })
	load := fortio.Start(t, url, 100)
	for _, component := range []string{"kubelet", "kube-apiserver"} {
		if err := c.Restart(t.Context(), "node-1", component); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The kubelet and the controllers work again: a new pod becomes ready.
	rig.Kubectl(t, "rollout", "restart", "deployment/hello", "-n", ns)
	rig.Kubectl(t, "scale", "deployment/hello", "-n", ns, "--replicas=2")
	rig.Kubectl(t, "rollout", "status", "deployment/hello", "-n", ns, "--timeout=1m")
	if a := load.Stop(); a.Durations.Count == 0 {
		t.Errorf("no requests: %+v", a)
	} else {
		t.Logf("%d requests, %.0f a second, %d failed", a.Durations.Count, a.QPS, a.Failed())
	}
}

func TestSecondNode(t *testing.T) {
	c := rig.Node(t)
	name, err := c.AddNode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ns := rig.Namespace(t)
	rig.Apply(t, ns, hello(4))
	rig.WaitFor(t, ns, "deployment/hello", "condition=Available", time.Minute)
	if on := rig.Kubectl(t, "get", "pods", "-n", ns, "-o", "jsonpath={.items[*].spec.nodeName}"); !strings.Contains(on, name) || !strings.Contains(on, "node-1") {
		t.Errorf("pods run on %s", on)
	}
	for _, ip := range strings.Fields(rig.Kubectl(t, "get", "pods", "-n", ns, "-o", "jsonpath={.items[*].status.podIP}")) {
		if out := rig.Kubectl(t, "exec", "-n", ns, "deployment/hello", "--", "/pod", "get", "http://"+ip+":8080/"); !strings.HasPrefix(out, "200 OK") {
			t.Errorf("%s: %q", ip, out)
		}
	}
}

func TestFiftyPods(t *testing.T) {
	rig.Node(t)
	ns := rig.Namespace(t)
	began := time.Now()
	rig.Apply(t, ns, hello(50))
	rig.WaitFor(t, ns, "deployment/hello", "jsonpath={.status.readyReplicas}=50", 90*time.Second)
	t.Logf("ready after %.1f s", time.Since(began).Seconds())
}
