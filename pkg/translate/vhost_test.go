package translate

import (
	"slices"
	"strings"
	"testing"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
)

// routeNames names the routes of a host in order; the one that no rule made is "default".
func routeNames(host *routev3.VirtualHost) string {
	var out []string
	for _, r := range host.Routes {
		out = append(out, r.Name)
	}
	return strings.Join(out, " ")
}

func TestRulesForOtherPortsLeaveTheDefaultRoute(t *testing.T) {
	r := resourcesFor(build(t, `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {ports: [{name: http, port: 80}, {name: http-admin, port: 81}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: default}
spec:
  hosts: [web]
  http:
  - {name: admin, match: [{port: 81, uri: {prefix: /admin}}], route: [{destination: {host: web, port: {number: 81}}}]}
`), redirected())
	for port, want := range map[string]string{"80": "default", "81": "admin"} {
		if got := routeNames(r.vhost(t, port, "web.default.svc.cluster.local:"+port)); got != want {
			t.Errorf("port %s: routes %q, want %q", port, got, want)
		}
	}
}

func TestGatewaysMoveTheCatchAllToTheEnd(t *testing.T) {
	fragment := func(name, created, rules string) string {
		return `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ` + name + `, namespace: default, creationTimestamp: "` + created + `"}
spec:
  hosts: [shop.example.com]
  gateways: [shop]
  http:
` + rules
	}
	s := build(t, webYAML+`
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: shop, namespace: default}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["shop.example.com"]}]
`+fragment("a", "2024-01-01T00:00:00Z", `
  - {name: a, match: [{uri: {prefix: /a}}], route: [{destination: {host: web}}]}
  - {name: rest, route: [{destination: {host: web}}]}
  - {name: never, match: [{uri: {prefix: /never}}], route: [{destination: {host: web}}]}
`)+fragment("b", "2024-01-02T00:00:00Z", `
  - {name: b, match: [{uri: {prefix: /b}}], route: [{destination: {host: web}}]}
  - {name: second, route: [{destination: {host: web}}]}
`))
	gateway := bound(s, router(), counting())
	if got, want := routeNames(resourcesFor(s, gateway).vhost(t, "http.80", "shop.example.com:80")), "a b rest"; got != want {
		t.Errorf("routes %q, want %q", got, want)
	}
}

func TestWeightsFitEnvoy(t *testing.T) {
	d := "{destination: {host: web}, weight: 2147483647}"
	r := route(t, "route: ["+strings.Join([]string{d, d, d, "{destination: {host: web}, weight: 1}"}, ", ")+"]")
	var sum uint64
	for _, c := range r.GetRoute().GetWeightedClusters().GetClusters() {
		sum += uint64(c.Weight.Value)
		if c.Weight.Value == 0 {
			t.Errorf("a destination with a weight gets nothing: %v", c)
		}
	}
	if sum > 1<<32-1 {
		t.Errorf("the sum is %d", sum)
	}
}

func TestPseudoHeadersAreNotSet(t *testing.T) {
	r := route(t, `{headers: {request: {set: {":method": POST, x: "1"}, remove: [":scheme", y]}}, route: [{destination: {host: web}}]}`)
	if len(r.RequestHeadersToAdd) != 1 || r.RequestHeadersToAdd[0].Header.Key != "x" || !slices.Equal(r.RequestHeadersToRemove, []string{"y"}) {
		t.Errorf("set %v, removed %v", r.RequestHeadersToAdd, r.RequestHeadersToRemove)
	}
}
