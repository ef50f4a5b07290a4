package traffic_test

import (
	"fmt"
	"testing"

	"github.com/meshctl/meshctl/internal/meshtest"
)

// combining tries several VirtualServices together, and what their hosts stand for.
func (m *routed) combining() {
	m.Case("weights", rules(`
  - route:
    - {destination: {host: server, subset: v1}, weight: 30}
    - {destination: {host: server, subset: v2}, weight: 10}
    - {destination: {host: shadow}}
`), func(t *testing.T) {
		client := m.client.Client()
		meshtest.Expect(t, client, "http://server/", 200, "v2")
		meshtest.Share(t, 400, 0.25, func() bool {
			a := meshtest.Get(t, client, "http://server/")
			if a.Echo.Program == "shadow" {
				t.Error("a destination without weight answers")
			}
			return a.Echo.Program == "v2"
		})
	})
	m.Case("destination with a port", rules(`  - {route: [{destination: {host: server.default.svc.cluster.local, subset: v2, port: {number: 81}}}]}`), func(t *testing.T) {
		m.answered(t, m.client, at("v2", "/"))
		m.client.WaitStat("cluster.outbound|81|v2|server.default.svc.cluster.local.upstream_rq_200", 1)
	})
	m.Case("delegate", rules(`
  - {match: [{uri: {prefix: /team}}], headers: {request: {set: {x-root: root}}}, delegate: {name: team, namespace: far}}
  - {match: [{uri: {prefix: /own}}], delegate: {name: own}}
  - {directResponse: {status: 404}}
`)+`
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: team, namespace: far}
spec:
  http:
  - {match: [{uri: {prefix: /team/two}}], route: [{destination: {host: server.default.svc.cluster.local, subset: v2}}]}
  - {match: [{uri: {prefix: /foreign}}], route: [{destination: {host: server.default.svc.cluster.local, subset: v2}}]}
  - {route: [{destination: {host: server.default.svc.cluster.local, subset: v1}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: own, namespace: default}
spec: {http: [{route: [{destination: {host: server, subset: v2}}]}]}
`, func(t *testing.T) {
		m.answered(t, m.client, at("v1", "/team"), at("v2", "/team/two"), at("v2", "/own"), at("", "/foreign"))
		meshtest.Expect(t, m.client.Client(), "http://server/team", 200, "x-root: root\n")
		if m.Problem("spec.http[1] of the VirtualService far/team", "subset") == "" {
			t.Errorf("nobody says that a route of the delegate has no effect: %v", m.Plane.Status().Problems)
		}
	})
	m.hostNames()
	m.Case("two VirtualServices of a host on a gateway", edge("first", "2024-01-01T00:00:00Z", `[shop.example.com]`, `
  - {match: [{uri: {prefix: /first}}], route: [{destination: {host: server, subset: v1, port: {number: 80}}}]}
  - {route: [{destination: {host: shadow, port: {number: 80}}}]}`)+edge("second", "2024-01-02T00:00:00Z", `[shop.example.com]`, `
  - {match: [{uri: {prefix: /first}}, {uri: {prefix: /second}}], route: [{destination: {host: server, subset: v2, port: {number: 80}}}]}`)+
		edge("wild", "2024-01-01T00:00:00Z", `["*.example.com"]`, `
  - {directResponse: {status: 418}}`), func(t *testing.T) {
		client := m.gateway.ClientAt("gateway|8080")
		for url, program := range map[string]string{"/first": "v1", "/second": "v2", "/third": "shadow"} {
			meshtest.Expect(t, client, "http://shop.example.com"+url, 200, program+" GET "+url)
		}
		meshtest.Expect(t, client, "http://any.example.com/", 418, "")
		meshtest.Expect(t, client, "http://example.org/", 404, "")
	})
	m.Case("two VirtualServices of a host on sidecars", `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: young, namespace: default, creationTimestamp: "2024-01-02T00:00:00Z"}
spec: {hosts: [server], http: [{match: [{uri: {prefix: /young}}], route: [{destination: {host: shadow}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: old, namespace: default, creationTimestamp: "2024-01-01T00:00:00Z"}
spec: {hosts: [server], http: [{route: [{destination: {host: server, subset: v2}}]}]}
`, func(t *testing.T) {
		m.answered(t, m.client, at("v2", "/"), at("v2", "/young"))
		if m.Problem("old", "already routes server.default.svc.cluster.local") == "" {
			t.Errorf("nobody says that one has no effect: %v", m.Plane.Status().Problems)
		}
	})
	m.Case("exportTo", rules(`  - {route: [{destination: {host: server, subset: v2}}]}`)+"  exportTo: [.]\n", func(t *testing.T) {
		m.answered(t, m.client, at("v2", "/"))
		for _, program := range []string{"v1", "v2"} { // the other namespace has no rules
			m.answered(t, m.far, at(program, "http://server.default/"))
		}
	})
}

// edge is a VirtualService of the gateway.
func edge(name, created, hosts, http string) string {
	return fmt.Sprintf(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: %s, namespace: default, creationTimestamp: "%s"}
spec:
  hosts: %s
  gateways: [edge]
  http:%s
---
`, name, created, hosts, http)
}

// hostNames: short names are of the VirtualService's namespace, the most specific host decides, and hosts need be no services.
func (m *routed) hostNames() {
	m.Case("hosts", `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: wild, namespace: default}
spec:
  hosts: ["*.example.com", "*.default.svc.cluster.local"]
  http: [{directResponse: {status: 418}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: one, namespace: default}
spec:
  hosts: [server, one.example.com, "*.deep.example.com"]
  http: [{route: [{destination: {host: server, subset: v2}}]}]
`, func(t *testing.T) {
		m.answered(t, m.client, at("v2", "/"), at("v2", "http://server.default/"), at("v2", "http://server.default.svc/"), at("v2", "http://server.default.svc.cluster.local/"),
			at("v2", "http://one.example.com/"), at("v2", "http://a.deep.example.com/"))
		client := m.client.Client()
		meshtest.Expect(t, client, "http://other.example.com/", 418, "")
		meshtest.Expect(t, client, "http://shadow/", 418, "")
	})
	m.Case("short names of another namespace", `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: server, namespace: far}
spec: {hosts: [server], http: [{directResponse: {status: 418}}]}
`, func(t *testing.T) {
		m.answered(t, m.client, at("v1", "/"), at("v2", "/"))
	})
}
