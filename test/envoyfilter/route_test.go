package envoyfilter_test

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"

	"github.com/meshctl/meshctl/internal/meshtest"
)

// TestRoutesAndClusters patches route configurations, their virtual hosts and routes, and clusters.
func TestRoutesAndClusters(t *testing.T) {
	both(t, map[string]string{}, func(t *testing.T, m *meshtest.Traffic) {
		virtualHosts(m)
		routes(m)
		clusters(m)
	})
}

func adds(key, value string) string {
	return "{request_headers_to_add: [{header: {key: " + key + ", value: " + value + "}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}]}"
}

func virtualHosts(m *meshtest.Traffic) {
	const host = "vhost: {name: \"server.default.svc.cluster.local:80\"}"
	m.Case("virtual host by port and name", filter("client", at("VIRTUAL_HOST", "context: SIDECAR_OUTBOUND, routeConfiguration: {portNumber: 80, "+host+"}", "MERGE", adds("x-vhost", "yes"))), func(t *testing.T) {
		seen(t, m, "http://server/", "x-vhost", "yes")
	})
	m.Case("by domain", filter("client", at("VIRTUAL_HOST", `context: SIDECAR_OUTBOUND, routeConfiguration: {name: "80", vhost: {domainName: server}}`, "MERGE", adds("x-vhost", "domain"))), func(t *testing.T) {
		seen(t, m, "http://server/", "x-vhost", "domain")
	})
	m.Case("of another port", filter("client", at("VIRTUAL_HOST", "context: SIDECAR_OUTBOUND, routeConfiguration: {portNumber: 81, "+host+"}", "MERGE", adds("x-vhost", "yes"))), func(t *testing.T) {
		seen(t, m, "http://server/", "x-vhost", "")
		complained(t, m, "matches nothing")
	})
	m.Case("inbound", filter("server", at("VIRTUAL_HOST", `context: SIDECAR_INBOUND, routeConfiguration: {portNumber: 8080, vhost: {name: "inbound|http|80"}}`, "MERGE", adds("x-vhost", "inbound"))), func(t *testing.T) {
		seen(t, m, "http://server/", "x-vhost", "inbound")
	})
	m.Case("new, removed, replaced", filter("client", at("VIRTUAL_HOST", "context: SIDECAR_OUTBOUND, routeConfiguration: {portNumber: 80}", "ADD",
		`{name: "added:80", domains: [added.example.com, "added.example.com:80"], routes: [{match: {prefix: /}, direct_response: {status: 203}}]}`)+
		at("VIRTUAL_HOST", "context: SIDECAR_OUTBOUND, routeConfiguration: {portNumber: 80, "+host+"}", "REPLACE",
			`{name: "server.default.svc.cluster.local:80", domains: [server, server.default.svc.cluster.local], routes: [{match: {prefix: /}, direct_response: {status: 204}}]}`)), func(t *testing.T) {
		m.Expect("client", "http://server/", 204, "")
		meshtest.Await(t, m.Client("client", "http://server/"), meshtest.Request{URL: "http://server/", Host: "added.example.com"}, func(a meshtest.Answer) error {
			return status(a, 203)
		})
	})
	m.Case("a domain of another host", filter("client", at("VIRTUAL_HOST", "context: SIDECAR_OUTBOUND, routeConfiguration: {portNumber: 80}", "ADD",
		`{name: "added:80", domains: [server.default.svc.cluster.local], routes: [{match: {prefix: /}, direct_response: {status: 203}}]}`)+
		at("VIRTUAL_HOST", "context: SIDECAR_OUTBOUND, routeConfiguration: {portNumber: 80, "+host+"}", "MERGE", adds("x-vhost", "other"))), func(t *testing.T) {
		seen(t, m, "http://server/", "x-vhost", "other")
		complained(t, m, "server.default.svc.cluster.local", "of two virtual hosts")
	})
	m.Case("route configuration", filter("client", at("ROUTE_CONFIGURATION", `context: SIDECAR_OUTBOUND`, "MERGE", adds("x-route", "all"))), func(t *testing.T) {
		seen(t, m, "http://server/", "x-route", "all")
	})
}

func status(a meshtest.Answer, want int) error {
	if a.Status != want {
		return fmt.Errorf("status %d, want %d", a.Status, want)
	}
	return nil
}

func routes(m *meshtest.Traffic) {
	const host = `context: SIDECAR_OUTBOUND, routeConfiguration: {vhost: {name: "server.default.svc.cluster.local:80"`
	m.Case("route by name", filter("client", at("HTTP_ROUTE", host+", route: {name: private}}}", "MERGE", adds("x-route", "private"))), func(t *testing.T) {
		seen(t, m, "http://server/private", "x-route", "private")
		seen(t, m, "http://server/", "x-route", "")
	})
	m.Case("by action", filter("client", at("HTTP_ROUTE", host+", route: {action: REDIRECT}}}", "MERGE", `{redirect: {path_redirect: /patched}}`)+
		at("HTTP_ROUTE", host+", route: {action: DIRECT_RESPONSE}}}", "MERGE", `{direct_response: {status: 419}}`)+
		at("HTTP_ROUTE", host+", route: {action: ROUTE}}}", "MERGE", adds("x-route", "routed"))), func(t *testing.T) {
		m.Expect("client", "http://server/answered", 419, "")
		seen(t, m, "http://server/", "x-route", "routed")
		seen(t, m, "http://server/private", "x-route", "routed")
		client := m.Client("client", "http://server/")
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		if a := meshtest.Get(t, client, "http://server/moved"); a.Header.Get("Location") != "http://server/patched" {
			t.Errorf("redirected to %q", a.Header.Get("Location"))
		}
	})
	m.Case("order of routes", filter("client", at("HTTP_ROUTE", host+"}}", "INSERT_FIRST", `{name: one, match: {prefix: /one}, direct_response: {status: 201}}`)+
		at("HTTP_ROUTE", host+", route: {name: private}}}", "INSERT_BEFORE", `{name: two, match: {prefix: /private/two}, direct_response: {status: 202}}`)+
		at("HTTP_ROUTE", host+", route: {name: private}}}", "INSERT_AFTER", `{name: three, match: {prefix: /private/three}, direct_response: {status: 203}}`)+
		at("HTTP_ROUTE", host+"}}", "ADD", `{name: four, match: {prefix: /four}, direct_response: {status: 204}}`)+
		"  - {applyTo: HTTP_ROUTE, match: {"+host+", route: {name: answered}}}}, patch: {operation: REMOVE}}\n"), func(t *testing.T) {
		for path, want := range map[string]int{"/one": 201, "/private/two": 202, "/private/three": 200, "/four": 200, "/answered": 200} {
			m.Expect("client", "http://server"+path, want, "")
		}
	})
	m.Case("no such route", filter("client", at("HTTP_ROUTE", host+", route: {name: privat}}}", "MERGE", adds("x-route", "private"))), func(t *testing.T) {
		complained(t, m, `there is no route "privat"`, "write private")
	})
}

func clusters(m *meshtest.Traffic) {
	const none = "{circuit_breakers: {thresholds: [{max_requests: 0, max_pending_requests: 0, max_connections: 0}]}}"
	for name, match := range map[string]string{
		"cluster by service and port": "service: server.default.svc.cluster.local, portNumber: 80", "cluster by subset": "subset: v1", "cluster by name": `name: "outbound|80|v1|server.default.svc.cluster.local"`,
	} {
		m.Case(name, filter("client", at("CLUSTER", "context: SIDECAR_OUTBOUND, cluster: {"+match+"}", "MERGE_AND_REPLACE_LIST", none)), func(t *testing.T) {
			m.Expect("client", "http://server/private", 503, "overflow")
			if name != "cluster by service and port" {
				untouched(t, m)
			}
		})
	}
	m.Case("inbound cluster", filter("server", at("CLUSTER", "context: SIDECAR_INBOUND, cluster: {portNumber: 8080}", "MERGE_AND_REPLACE_LIST", none)), func(t *testing.T) {
		m.Expect("client", "http://server/", 503, "overflow")
	})
	m.Case("new cluster and a route to it", filter("client", at("CLUSTER", "context: SIDECAR_OUTBOUND", "ADD",
		`{name: nowhere, type: STATIC, connect_timeout: 1s, load_assignment: {cluster_name: nowhere, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 1}}}}]}]}}`)+
		at("HTTP_ROUTE", `context: SIDECAR_OUTBOUND, routeConfiguration: {vhost: {name: "server.default.svc.cluster.local:80"}}`, "INSERT_FIRST", `{match: {prefix: /nowhere}, route: {cluster: nowhere}}`)), func(t *testing.T) {
		m.Expect("client", "http://server/nowhere", 503, "")
		if !bytes.Contains(m.Member("client").Admin("/clusters"), []byte("nowhere::127.0.0.1:1")) {
			t.Error("no cluster nowhere")
		}
	})
	m.Case("no cluster any more", filter("client", "  - {applyTo: CLUSTER, match: {context: SIDECAR_OUTBOUND, cluster: {subset: v1}}, patch: {operation: REMOVE}}\n"), func(t *testing.T) {
		m.Expect("client", "http://server/private", 503, "")
		untouched(t, m)
	})
	m.Case("transport socket of another type", filter("client", at("CLUSTER", "context: SIDECAR_OUTBOUND, cluster: {service: server.default.svc.cluster.local}", "MERGE",
		`{transport_socket: {name: envoy.transport_sockets.raw_buffer, typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer}}}`)), func(t *testing.T) {
		untouched(t, m)
	})
}
