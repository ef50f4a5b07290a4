//go:build linux

package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/meshctl/meshctl/test/cluster"
	"github.com/meshctl/meshctl/test/e2e/rig"
)

const deployedGateway = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, annotations: {networking.istio.io/service-type: ClusterIP}}
spec:
  gatewayClassName: istio
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web}
spec:
  parentRefs: [{name: edge}]
  rules: [{backendRefs: [{name: hello, port: 80}]}]
`

// TestGatewayIsDeployed reaches a program through a Gateway for which nobody deployed anything.
func TestGatewayIsDeployed(t *testing.T) {
	install(t)
	definitions, err := cluster.Definitions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var gatewayAPI []string
	for _, d := range strings.Split(string(definitions), "\n---\n") {
		if strings.Contains(d, "gateway.networking.k8s.io") {
			gatewayAPI = append(gatewayAPI, d)
		}
	}
	stream := strings.Join(gatewayAPI, "\n---\n")
	rig.Apply(t, "default", stream)
	t.Cleanup(func() { // another test wants to find what there was before
		if _, err := rig.Try(context.WithoutCancel(t.Context()), stream, "kubectl", "delete", "--ignore-not-found", "-f", "-"); err != nil {
			t.Error(err)
		}
	})
	namespace := rig.Namespace(t)
	rig.Apply(t, namespace, hello(1))
	rig.Apply(t, namespace, deployedGateway)
	rig.WaitFor(t, namespace, "gateway/edge", "condition=Programmed", time.Minute)
	address := rig.Kubectl(t, "-n", namespace, "get", "gateway", "edge", "-o", "jsonpath={.status.addresses[0].value}")
	if want := "edge-istio." + namespace + ".svc.cluster.local"; address != want {
		t.Errorf("address %q, want %q", address, want)
	}
	rig.Eventually(t, time.Minute, func(ctx context.Context) error {
		_, err := page(ctx, "http://"+address+"/", http.StatusOK)
		return err
	})
	rig.Kubectl(t, "-n", namespace, "delete", "gateway", "edge")
	rig.Eventually(t, time.Minute, func(context.Context) error {
		if left := rig.Kubectl(t, "-n", namespace, "get", "deployments,services", "-l", "gateway.istio.io/managed", "-o", "name"); left != "" {
			return fmt.Errorf("%s is there", left)
		}
		return nil
	})
}
