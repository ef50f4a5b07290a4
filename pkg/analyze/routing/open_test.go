package routing_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/meshctl/meshctl/internal/analyzetest"
	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/analyze/routing"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// judge runs the analyzers over a text.
func judge(text string) analyze.Result {
	in := analyze.NewInput(config.Decoder{}.DecodeBytes("test.yaml", []byte(text)), mesh.Options{}, analyzetest.Now)
	return analyze.Run(context.Background(), in, routing.Analyzers())
}

const gateway = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
---`

const pod = `
apiVersion: v1
kind: Pod
metadata: {name: edge-1, namespace: shop, labels: {istio: ingressgateway}}
spec: {containers: [{name: istio-proxy, image: proxy}]}
---`

const byClaim = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web.example.com]
  gateways: [edge]
  http: [{match: [{headers: {"@request.auth.claims.sub": {exact: me}}}], route: [{destination: {host: web}}]}]
`

const sidecars = `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: a, namespace: shop}
spec: {workloadSelector: {labels: {app: web}}, egress: [{hosts: ["./*"]}]}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: b, namespace: shop}
spec: {workloadSelector: {labels: {tier: front}}, egress: [{hosts: ["./*"]}]}
`

// TestWhatIsLeftOpen: what depends on objects of a kind of which none is known is neither found nor denied.
func TestWhatIsLeftOpen(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"no gateway", byClaim, []string{"IST0132 VirtualService/shop/web"}},
		{"no pods", gateway + byClaim, []string{"IST0149 VirtualService/shop/web"}},
		{"no policies", gateway + pod + byClaim, []string{"IST0149 VirtualService/shop/web"}},
		{"no workloads", sidecars, []string{"IST0101 Sidecar/shop/a", "IST0101 Sidecar/shop/b", "IST0110 Sidecar/shop/a", "IST0110 Sidecar/shop/b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			result := judge(c.text)
			var got []string
			for _, u := range result.Undecided {
				got = append(got, fmt.Sprint(u.Code, " ", u.Object))
				if u.What == "" || len(u.Kinds) == 0 || u.Position.Line == 0 {
					t.Errorf("says too little: %+v", u)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("open: %q, want %q", got, c.want)
			}
			if len(result.Diagnostics) > 0 {
				t.Errorf("found: %v", result.Diagnostics)
			}
		})
	}
}

// TestBrokenObjects: what is wrong with objects that are refused anyway is not said, and others are judged as if they were good.
func TestBrokenObjects(t *testing.T) {
	result := judge(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  hsots: [web]
  http:
  - route: [{destination: {host: web}, weight: 50}]
  - route: [{destination: {host: web}}]
`)
	if len(result.Diagnostics) > 0 {
		t.Errorf("found: %v", result.Diagnostics)
	}
}

// TestMissingPortEdits: the port is written where the host stands, in its style, and only when there is no choice.
func TestMissingPortEdits(t *testing.T) {
	const service = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {ports: [{name: http, port: 8080}, {name: %s, port: 9090}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - route:
    - destination:%s
`
	for _, c := range []struct{ other, destination, want string }{
		{"tcp-admin", "\n        host: web", "15:9 port: {number: 8080}\n        "},
		{"tcp-admin", " {host: web, subset: v1}", "14:21 port: {number: 8080}, "},
		{"tcp-admin", " {subset: v1, host: web}", "14:33 port: {number: 8080}, "},
		{"grpc", " {host: web}", ""},
	} {
		result := judge(fmt.Sprintf(service, c.other, c.destination))
		if len(result.Diagnostics) != 1 {
			t.Fatalf("%s: found %v", c.destination, result.Diagnostics)
		}
		got := ""
		for _, e := range result.Diagnostics[0].Edits {
			got += fmt.Sprintf("%d:%d %s", e.Position.Line, e.Position.Column, e.New)
		}
		if got != c.want {
			t.Errorf("%s: edits %q, want %q", c.destination, got, c.want)
		}
	}
}
