package authz_test

import (
	"testing"

	"github.com/meshctl/meshctl/internal/meshtest"
)

// TestTargets: target references mean the proxies of a Gateway of the Gateway API, which are known by their labels.
func TestTargets(t *testing.T) {
	m := meshtest.New(t, map[string]string{"gateway.yaml": gatewayYAML})
	client := m.Start(meshtest.Gateway("ingress", "istio=ingressgateway", "gateway.networking.k8s.io/gateway-name=edge",
		"gateway.networking.k8s.io/gateway-class-name=istio")).ClientAt("gateway|8081")
	const group = "group: gateway.networking.k8s.io"
	for _, c := range []struct {
		name, spec string
		want       int
	}{
		{"targetRef", `{targetRef: {kind: Gateway, ` + group + `, name: edge}}`, 403},
		{"targetRefs", `{targetRefs: [{kind: Gateway, ` + group + `, name: other}, {kind: Gateway, ` + group + `, name: edge}]}`, 403},
		{"class", `{targetRefs: [{kind: GatewayClass, ` + group + `, name: istio}]}`, 403},
		{"another Gateway", `{targetRefs: [{kind: Gateway, ` + group + `, name: other}]}`, 200},
		{"the own namespace", `{targetRefs: [{kind: Gateway, ` + group + `, name: edge, namespace: istio-system}]}`, 403},
		{"another namespace", `{targetRefs: [{kind: Gateway, ` + group + `, name: edge, namespace: default}]}`, 200},
		{"a Service needs a waypoint", `{targetRefs: [{kind: Service, name: istio-ingressgateway}]}`, 200},
	} {
		m.Case(c.name, policyIn("istio-system", "p", c.spec), func(t *testing.T) { meshtest.Expect(t, client, "http://gateway/", c.want, "") })
	}
}
