package authz_test

import (
	"fmt"
	"testing"

	"github.com/meshctl/meshctl/internal/meshtest"
)

const gatewayYAML = `
apiVersion: v1
kind: Service
metadata: {name: istio-ingressgateway, namespace: istio-system}
spec: {selector: {istio: ingressgateway}, ports: [{name: http, port: 80, targetPort: 8081}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: gw, namespace: istio-system}
spec:
  hosts: ["*"]
  gateways: [gw]
  http:
  - {match: [{headers: {x-auth-user: {exact: somebody}}}], directResponse: {status: 299}}
  - {directResponse: {status: 200}}
`

// TestGateway: policies that select a gateway decide there, by the address of the original client too.
func TestGateway(t *testing.T) {
	p := startProvider(t)
	mesh := meshYAML + "    defaultConfig: {gatewayTopology: {numTrustedProxies: 1}}\n"
	m := meshtest.New(t, map[string]string{"gateway.yaml": gatewayYAML, "providers.yaml": fmt.Sprintf(providersYAML, p.http, p.grpc, 1), "mesh.yaml": mesh})
	client := m.Start(meshtest.Gateway("ingress")).ClientAt("gateway|8081")
	policy := func(spec string) string {
		return policyIn("istio-system", "gw", `{selector: {matchLabels: {istio: ingressgateway}}, `+spec[1:])
	}
	for _, c := range []struct {
		name, yaml string
		tries      []try
	}{
		{"path", policy(`{rules: [{to: [{operation: {paths: [/a]}}]}]}`), []try{get("/a"), denied("/b")}},
		{"port of the pod", policy(`{rules: [{to: [{operation: {ports: ["8081"]}}]}]}`), []try{get("/")}},
		{"port of the service", policy(`{rules: [{to: [{operation: {ports: ["80"]}}]}]}`), []try{denied("/")}},
		{"hosts", policy(`{rules: [{to: [{operation: {hosts: [shop.example.com]}}]}]}`), []try{get("/").to("SHOP.example.com"), denied("/").to("example.com")}},
		{"remoteIpBlocks", policy(`{rules: [{from: [{source: {remoteIpBlocks: [192.0.2.0/24]}}]}]}`), []try{
			get("/", "x-forwarded-for=192.0.2.7"), get("/", "x-forwarded-for=203.0.113.1, 192.0.2.7"), denied("/", "x-forwarded-for=192.0.2.7, 203.0.113.1"), denied("/"),
		}},
		{"ipBlocks", policy(`{rules: [{from: [{source: {ipBlocks: [127.0.0.1]}}]}]}`), []try{get("/", "x-forwarded-for=192.0.2.7")}},
		{"another workload's", policyIn("istio-system", "gw", `{selector: {matchLabels: {app: server}}}`), []try{get("/")}},
		{"a mesh-wide policy", policyIn("istio-system", "gw", `{action: DENY, rules: [{}]}`), []try{denied("/")}},
		{"clearRouteCache", policy(`{action: CUSTOM, provider: {name: full}, rules: [{}]}`), []try{{Request: meshtest.Request{URL: "/", Headers: []string{"x-ext-authz=allow"}}, want: 299}}},
		{"without clearRouteCache", policy(`{action: CUSTOM, provider: {name: grpc}, rules: [{}]}`), []try{get("/", "x-ext-authz=allow"), {Request: meshtest.Request{URL: "/"}, want: 401}}},
		{"clearRouteCache, gRPC", policy(`{action: CUSTOM, provider: {name: grpc-raw}, rules: [{}]}`), []try{{Request: meshtest.Request{URL: "/", Headers: []string{"x-ext-authz=allow"}}, want: 299}}},
	} {
		m.Case(c.name, c.yaml, func(t *testing.T) {
			for _, r := range c.tries {
				want := max(r.want, 200)
				r.URL = "http://gateway" + r.URL
				meshtest.Await(t, client, r.Request, func(a meshtest.Answer) error {
					if a.Status != want {
						return fmt.Errorf("%v: want %d", r.Headers, want)
					}
					return nil
				})
			}
		})
	}
}
