package gatewayapi_test

import (
	"net/http"
	"testing"

	"github.com/meshctl/meshctl/internal/meshtest"
)

// TestMesh: routes whose parent is a Service, and SMI.
func TestMesh(t *testing.T) {
	m := meshtest.New(t, map[string]string{"services.yaml": services()})
	start(m)
	client := m.Start(meshtest.Sidecar("client"))
	other := m.Start(meshtest.Sidecar("other"))
	gamma(m, client)
	trafficSplit(m, client)
	trafficTarget(m, client, other)
}

func gamma(m *meshtest.Mesh, client *meshtest.Workload) {
	yaml := gatewayAPI("HTTPRoute", "a", `{parentRefs: [{kind: Service, group: "", name: web, port: 80}], rules: [{matches: [{path: {value: /one}}], `+to("one")+`}, {matches: [{path: {value: /set}}], filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-set, value: s}]}}], `+to("two")+`}]}`) +
		gatewayAPI("HTTPRoute", "b", `{parentRefs: [{kind: Service, group: "", name: web}], rules: [{matches: [{path: {value: /one/more}}], `+to("three")+`}, {matches: [{path: {value: /missing}}], `+to("missing")+`}]}`) +
		gatewayAPI("HTTPRoute", "consumer", `{parentRefs: [{kind: Service, group: "", name: foreign, namespace: other}], rules: [{`+to("two")+`}]}`) + `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: stranger, namespace: other}
spec: {parentRefs: [{kind: Service, group: "", name: two, namespace: default}], rules: [{backendRefs: [{name: foreign, port: 80}]}]}
`
	m.Case("gamma", yaml, func(t *testing.T) {
		expect(t, client.Client(), map[string]any{
			"web/one": "one", "web/oneself": 404, "web/one/more/x": "three", "web/set": "two", "web/": 404, "web/missing": 500,
			"foreign.other/": "two", "two/": "two",
		})
		if a := meshtest.Get(t, client.Client(), "http://web/set"); a.Echo.Header.Get("x-set") != "s" {
			t.Errorf("headers: %v", a.Echo.Header)
		}
	})
}

func smi(group, version, kind, name, spec string) string {
	return object(group+".smi-spec.io/"+version, kind, name, spec)
}

func trafficSplit(m *meshtest.Mesh, client *meshtest.Workload) {
	m.Case("split", smi("split", "v1alpha4", "TrafficSplit", "web", "{service: web, backends: [{service: one, weight: 3}, {service: two, weight: 1}, {service: three, weight: 0}]}"), func(t *testing.T) {
		meshtest.Share(t, 200, 0.75, func() bool { return meshtest.Get(t, client.Client(), "http://web/").Echo.Program == "one" })
	})
	yaml := smi("split", "v1alpha4", "TrafficSplit", "three", "{service: three.default, backends: [{service: one, weight: 1}], matches: [{kind: HTTPRouteGroup, name: some}]}") +
		smi("specs", "v1alpha4", "HTTPRouteGroup", "some", `{matches: [{name: a, pathRegex: "/a/.*", methods: [get]}, {name: b, headers: {x-test: "y+"}}]}`)
	m.Case("split some", yaml, func(t *testing.T) {
		expect(t, client.Client(), map[string]any{"three/a/b": "one", "POST three/a/b": "three", "three/x x-test=yy": "one", "three/x": "three"})
	})
	m.Case("split none", smi("split", "v1alpha4", "TrafficSplit", "lost", "{service: missing, backends: [{service: one, weight: 1}]}"), func(t *testing.T) {
		told(t, m, "TrafficSplit/lost", "spec.service", "there is no Service missing")
	})
}

func trafficTarget(m *meshtest.Mesh, client, other *meshtest.Workload) {
	yaml := smi("access", "v1alpha3", "TrafficTarget", "one", `{destination: {kind: ServiceAccount, name: one}, sources: [{kind: ServiceAccount, name: client}],
		rules: [{kind: HTTPRouteGroup, name: some, matches: [read, item, header]}]}`) +
		smi("access", "v1alpha3", "TrafficTarget", "one-more", `{destination: {kind: ServiceAccount, name: one}, sources: [{kind: ServiceAccount, name: other}], rules: [{kind: HTTPRouteGroup, name: some, matches: [all, hard]}]}`) +
		smi("specs", "v1alpha4", "HTTPRouteGroup", "some", `{matches: [{name: read, pathRegex: "/read/.*", methods: [GET]}, {name: item, pathRegex: "/items/[^/]+"},
		{name: header, pathRegex: "/header", headers: {x-test: "a.*"}}, {name: all, pathRegex: ".*", methods: [POST]}, {name: hard, pathRegex: "/a|/b"}]}`)
	m.Case("target", yaml, func(t *testing.T) {
		for _, w := range []*meshtest.Workload{client, other} { // connections from before are let go
			meshtest.Expect(t, w.Client(), "http://one/", http.StatusForbidden, "")
		}
		expect(t, client.Client(), map[string]any{
			"one/read/x": "one", "POST one/read/x": http.StatusForbidden, "one/items/7": "one", "one/items/7/x": http.StatusForbidden, "one/": http.StatusForbidden,
			"one/header x-test=abc": "one", "one/header x-test=b": http.StatusForbidden, "two/": "two",
		})
		expect(t, other.Client(), map[string]any{"one/read/x": http.StatusForbidden, "POST one/read/x": "one", "one/a": http.StatusForbidden})
		told(t, m, "TrafficTarget/one-more", "spec.rules[0]", "no AuthorizationPolicy can say")
	})
}
