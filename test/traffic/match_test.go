package traffic_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/meshtest"
)

// matching tries every condition of HTTPMatchRequest.
func (m *routed) matching() {
	m.Case("match uri", alternatives(`{uri: {exact: /one}}`, `{uri: {prefix: /two}}`, `{uri: {regex: "/three/[0-9]+"}}`), func(t *testing.T) {
		m.answered(t, m.client, at("v2", "/one"), at("v1", "/one/more"), at("v1", "/ONE"), at("v2", "/one?a=b"),
			at("v2", "/two"), at("v2", "/twofold"), at("v1", "/a/two"), at("v2", "/three/12"), at("v1", "/three/12x"), at("v1", "/x/three/12"))
	})
	m.Case("match ignoreUriCase", alternatives(`{uri: {exact: /One}, ignoreUriCase: true}`, `{uri: {prefix: /two}, ignoreUriCase: true}`), func(t *testing.T) {
		m.answered(t, m.client, at("v2", "/oNE"), at("v2", "/TWO/x"), at("v1", "/ones"))
	})
	m.Case("match scheme", alternatives(`{scheme: {exact: https}}`), func(t *testing.T) {
		m.answered(t, m.client, at("v1", "/"))
	})
	m.Case("match scheme http", alternatives(`{scheme: {prefix: http}}`), func(t *testing.T) {
		m.answered(t, m.client, at("v2", "/"))
	})
	m.Case("match method", alternatives(`{method: {exact: POST}}`, `{method: {regex: "PUT|PATCH"}}`), func(t *testing.T) {
		m.answered(t, m.client, at("v1", "/"), asks{"v2", meshtest.Request{Method: http.MethodPost, URL: "/"}}, asks{"v2", meshtest.Request{Method: http.MethodPatch, URL: "/"}},
			asks{"v1", meshtest.Request{Method: http.MethodDelete, URL: "/"}})
	})
	m.Case("match authority", alternatives(`{authority: {prefix: "server.default"}}`), func(t *testing.T) {
		m.answered(t, m.client, at("v1", "/"), at("v2", "http://server.default.svc.cluster.local/"))
	})
	m.Case("match headers", alternatives(`{headers: {x-a: {exact: b}, x-c: {prefix: d}}}`, `{headers: {x-e: {regex: "f+"}}}`, `{headers: {x-there: {}}}`), func(t *testing.T) {
		m.answered(t, m.client, at("v1", "/", "x-a=b"), at("v2", "/", "x-a=b", "x-c=de"), at("v1", "/", "x-a=B", "x-c=d"), at("v2", "/", "x-e=fff"), at("v1", "/", "x-e=fffg"),
			at("v2", "/", "x-there="), at("v2", "/", "X-There=yes"), at("v1", "/"))
	})
	m.Case("match withoutHeaders", alternatives(`{uri: {prefix: /a}, withoutHeaders: {x-a: {}}}`, `{uri: {prefix: /b}, withoutHeaders: {x-b: {exact: c}}}`), func(t *testing.T) {
		m.answered(t, m.client, at("v2", "/a"), at("v1", "/a", "x-a=anything"), at("v2", "/b"), at("v2", "/b", "x-b=d"), at("v1", "/b", "x-b=c"))
	})
	m.Case("match queryParams", alternatives(`{queryParams: {a: {exact: b}}}`, `{queryParams: {c: {prefix: d}}}`, `{queryParams: {e: {regex: '\d+$'}}}`, `{queryParams: {there: {}}}`, `{queryParams: {empty: {exact: ""}}}`), func(t *testing.T) {
		m.answered(t, m.client, at("v2", "/?a=b"), at("v2", "/?x=y&a=b"), at("v1", "/?a=bc"), at("v2", "/?c=de"), at("v1", "/?c=e"), at("v2", "/?e=123"), at("v1", "/?e=a123"),
			at("v2", "/?there"), at("v2", "/?there=1"), at("v2", "/?empty"), at("v1", "/?empty=1"), at("v1", "/?other"))
	})
	m.Case("match port", alternatives(`{port: 81}`), func(t *testing.T) {
		m.answered(t, m.client, at("v1", "/"), at("v1", "http://server:80/"), at("v2", "http://server:81/"))
	})
	m.Case("several conditions and alternatives", alternatives(`{uri: {prefix: /a}, method: {exact: GET}, headers: {x-a: {exact: b}}}, {uri: {exact: /c}}`), func(t *testing.T) {
		m.answered(t, m.client, at("v2", "/a", "x-a=b"), at("v1", "/a"), at("v1", "/b", "x-a=b"), at("v2", "/c"))
	})
	m.Case("match sourceLabels", alternatives(`{sourceLabels: {app: client, tier: gold}}`), func(t *testing.T) {
		m.answered(t, m.client, at("v2", "/"))
		m.answered(t, m.far, at("v1", "http://server.default/"))
	})
	m.Case("match sourceNamespace", alternatives(`{sourceNamespace: far}`), func(t *testing.T) {
		m.answered(t, m.client, at("v1", "/"))
		m.answered(t, m.far, at("v2", "http://server.default/"))
	})
	onBoth := strings.NewReplacer("hosts: [server]", "hosts: [server]\n  gateways: [mesh, edge]", "host: server,", "host: server, port: {number: 80},")
	m.Case("match gateways", onBoth.Replace(alternatives(`{gateways: [edge]}`)), func(t *testing.T) {
		m.answered(t, m.client, at("v1", "/"))
		meshtest.Expect(t, m.gateway.ClientAt("gateway|8080"), "http://server.default.svc.cluster.local/", 200, "v2 GET /")
	})
	m.Case("names and statPrefix", rules(`
  - name: rule
    match: [{name: first, uri: {exact: /named}, statPrefix: important}]
    route: [{destination: {host: server}}]
  - name: rest
    route: [{destination: {host: server}}]
`), func(t *testing.T) {
		m.answered(t, m.client, at("v1", "/named"), at("v1", "/other"))
		m.client.WaitStat("vhost.server.default.svc.cluster.local:80.route.important.upstream_rq_200", 1)
		m.client.WaitLog("route=rule.first path=/named")
		m.client.WaitLog("route=rest path=/other")
	})
}
