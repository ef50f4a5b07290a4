package install_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshctl/meshctl/pkg/install"
	"github.com/meshctl/meshctl/pkg/install/client"
)

// deployed is what the control plane of a server deploys for a Gateway.
const deployed = `apiVersion: v1
kind: Service
metadata:
  name: GATEWAY-istio
  namespace: default
  labels: {gateway.istio.io/managed: istio.io-gateway-controller, gateway.networking.k8s.io/gateway-name: GATEWAY}
  ownerReferences: [{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, name: GATEWAY, uid: a}]
spec: {ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: GATEWAY-istio
  namespace: default
  labels: {gateway.istio.io/managed: istio.io-gateway-controller, gateway.networking.k8s.io/gateway-name: GATEWAY}
  ownerReferences: [{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, name: GATEWAY, uid: a}]
spec:
  selector: {matchLabels: {gateway.networking.k8s.io/gateway-name: GATEWAY}}
  template:
    metadata: {labels: {gateway.networking.k8s.io/gateway-name: GATEWAY, istio.io/rev: REVISION}}
    spec: {containers: [{name: istio-proxy, image: proxy, args: [proxy, --server-name=SERVER]}]}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: copied-from-GATEWAY
  namespace: default
  labels: {gateway.istio.io/managed: istio.io-gateway-controller, gateway.networking.k8s.io/gateway-name: GATEWAY}`

var (
	services = schema.GroupVersionResource{Version: "v1", Resource: "services"}
	accounts = schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}
)

// deploy does what the control plane of a revision, known by the name of its server, does for a Gateway.
func deploy(t *testing.T, gateway, revision, server string) {
	t.Helper()
	text := strings.NewReplacer("GATEWAY", gateway, "REVISION", revision, "SERVER", server).Replace(deployed)
	if err := shared.Apply(t.Context(), []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func TestWhatWasDeployedForGatewaysGoesWithItsControlPlane(t *testing.T) {
	before := listing(t)
	controllers{}.run(t)
	i := installer(t, dial(t, client.Options{}))
	apply(t, i, small(t, "one"))
	deploy(t, "edge", "default", "istiod.istio-system.svc")
	deploy(t, "theirs", "default", "istiod.elsewhere.svc")
	removal, err := i.Removal(t.Context(), install.Selected{All: true})
	if err != nil {
		t.Fatal(err)
	}
	var preview []string
	for _, id := range removal.Deployed {
		preview = append(preview, id.String())
	}
	if want := []string{"Deployment default/edge-istio", "Service default/edge-istio"}; !slices.Equal(preview, want) {
		t.Errorf("announced %v, not %v", preview, want)
	}
	if _, err := i.Uninstall(t.Context(), removal, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	left := listing(t)
	for name, stays := range map[string]bool{
		"Deployment default/edge-istio": false, "Service default/edge-istio": false, "ServiceAccount default/copied-from-edge": true,
		"Deployment default/theirs-istio": true, "Service default/theirs-istio": true,
	} {
		if _, there := left[name]; there != stays {
			t.Errorf("%s is there: %v", name, there)
		}
	}
	for _, name := range []string{"copied-from-edge", "copied-from-theirs", "theirs-istio"} {
		for _, resource := range []schema.GroupVersionResource{deployments, services, accounts} {
			_ = raw(t).Resource(resource).Namespace("default").Delete(t.Context(), name, metav1.DeleteOptions{})
		}
	}
	purge(t, before)
}

func TestWhatAnotherRevisionDeployedStays(t *testing.T) {
	before := listing(t)
	controllers{}.run(t)
	for _, revision := range []string{"default", "canary"} {
		if run := meshctl(t, "install", "-y", "--profile", "minimal", "--revision", revision); run.code != 0 {
			t.Fatalf("exit %d\n%s", run.code, run.errOut)
		}
	}
	deploy(t, "old", "default", "istiod.istio-system.svc")
	deploy(t, "new", "canary", "istiod-canary.istio-system.svc")
	if run := meshctl(t, "uninstall", "--revision", "canary", "--dry-run"); !strings.Contains(run.out, "- delete Deployment default/new-istio\n") || strings.Contains(run.out, "old-istio") {
		t.Errorf("exit %d\n%s%s", run.code, run.out, run.errOut)
	}
	for _, step := range []struct {
		args []string
		left []string
	}{
		{[]string{"uninstall", "--revision", "canary", "-y"}, []string{"Deployment default/old-istio", "Service default/old-istio"}},
		{[]string{"uninstall", "--purge", "-y"}, nil},
	} {
		if run := meshctl(t, step.args...); run.code != 0 || !strings.Contains(run.errOut, "-istio (deployed for a Gateway)") {
			t.Errorf("exit %d\n%s", run.code, run.errOut)
		}
		var left []string
		for name := range listing(t) {
			if strings.HasSuffix(name, "-istio") {
				left = append(left, name)
			}
		}
		if slices.Sort(left); !slices.Equal(left, step.left) {
			t.Errorf("%v left %v, not %v", step.args, left, step.left)
		}
	}
	for _, name := range []string{"copied-from-old", "copied-from-new"} {
		_ = raw(t).Resource(accounts).Namespace("default").Delete(t.Context(), name, metav1.DeleteOptions{})
	}
	same(t, before, listing(t))
}
