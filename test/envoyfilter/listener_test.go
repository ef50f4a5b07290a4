package envoyfilter_test

import (
	"bytes"
	"fmt"
	"net"
	"testing"

	"github.com/meshctl/meshctl/internal/meshtest"
)

// TestListeners patches listeners, their filters and chains.
func TestListeners(t *testing.T) {
	both(t, map[string]string{}, func(t *testing.T, m *meshtest.Traffic) {
		httpFilters(m)
		networkFilters(m)
		chainsAndListeners(m)
	})
}

func httpFilters(m *meshtest.Traffic) {
	const inbound = "context: SIDECAR_INBOUND, listener: {portNumber: 8080, " + router + "}"
	m.Case("insert before, inbound by port", filter("server", at("HTTP_FILTER", inbound, "INSERT_BEFORE", header("envoy.filters.http.lua", "response", "x-patched", "in"))), func(t *testing.T) {
		answered(t, m, "http://server/", "x-patched", "in")
	})
	m.Case("another port", filter("server", at("HTTP_FILTER", "context: SIDECAR_INBOUND, listener: {portNumber: 8081, "+router+"}", "INSERT_BEFORE", header("lua", "response", "x-patched", "in"))), func(t *testing.T) {
		answered(t, m, "http://server/", "x-patched", "")
		complained(t, m, "patch-server", "matches nothing")
	})
	m.Case("outbound only", filter("", at("HTTP_FILTER", "context: SIDECAR_OUTBOUND, listener: {portNumber: 80, "+router+"}", "INSERT_BEFORE", header("lua", "request", "x-patched", "out"))+
		at("HTTP_FILTER", `context: SIDECAR_OUTBOUND, listener: {name: "http_proxy", `+router+"}", "INSERT_BEFORE", header("lua", "request", "x-patched", "out"))), func(t *testing.T) {
		seen(t, m, "http://server/", "x-patched", "out")
	})
	m.Case("everywhere, by the old names", filter("", at("HTTP_FILTER", "listener: {filterChain: {filter: {name: envoy.http_connection_manager, subFilter: {name: envoy.router}}}}", "INSERT_BEFORE", header("lua", "request", "x-patched", "+"))), func(t *testing.T) {
		seen(t, m, "http://server/", "x-patched", "++")
	})
	order := at("HTTP_FILTER", inbound, "INSERT_BEFORE", header("b", "request", "x-order", "b")) +
		at("HTTP_FILTER", "context: SIDECAR_INBOUND, listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager, subFilter: {name: b}}}}", "INSERT_AFTER", header("c", "request", "x-order", "c")) +
		at("HTTP_FILTER", inbound, "INSERT_FIRST", header("a", "request", "x-order", "a")) +
		at("HTTP_FILTER", "context: SIDECAR_INBOUND", "ADD", header("d", "request", "x-order", "d"))
	m.Case("order of filters", filter("server", order), func(t *testing.T) { seen(t, m, "http://server/", "x-order", "abcd") })
	named := func(name string) string {
		return "context: SIDECAR_INBOUND, listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager, subFilter: {name: " + name + "}}}}"
	}
	m.Case("replace and remove", filter("server", order+at("HTTP_FILTER", named("c"), "REPLACE", header("C", "request", "x-order", "C"))+
		"  - {applyTo: HTTP_FILTER, match: {"+named("b")+"}, patch: {operation: REMOVE}}\n"), func(t *testing.T) {
		seen(t, m, "http://server/", "x-order", "aCd")
	})
	m.Case("merge", filter("server", order+at("HTTP_FILTER", named("d"), "MERGE",
		`{typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua, default_source_code: {inline_string: "function envoy_on_request(h)\n h:headers():replace('x-order', 'merged')\nend"}}}`)), func(t *testing.T) {
		seen(t, m, "http://server/", "x-order", "merged")
	})
	m.Case("filter class", filter("server",
		`  - {applyTo: HTTP_FILTER, match: {context: SIDECAR_INBOUND}, patch: {operation: ADD, filterClass: STATS, value: `+header("s", "request", "x-order", "s")+"}}\n"+
			`  - {applyTo: HTTP_FILTER, match: {context: SIDECAR_INBOUND}, patch: {operation: ADD, filterClass: AUTHZ, value: `+header("z1", "request", "x-order", "z1")+"}}\n"+
			`  - {applyTo: HTTP_FILTER, match: {context: SIDECAR_INBOUND}, patch: {operation: ADD, filterClass: AUTHZ, value: `+header("z2", "request", "x-order", "z2")+"}}\n"+
			`  - {applyTo: HTTP_FILTER, match: {context: SIDECAR_INBOUND}, patch: {operation: ADD, filterClass: AUTHN, value: `+header("n", "request", "x-order", "n")+"}}\n"), func(t *testing.T) {
		seen(t, m, "http://server/", "x-order", "nz1z2s")
	})
}

func networkFilters(m *meshtest.Traffic) {
	const manager = "filterChain: {filter: {name: envoy.filters.network.http_connection_manager}}"
	const typed = `"@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`
	m.Case("merge into the connection manager", filter("server", at("NETWORK_FILTER", "context: SIDECAR_INBOUND, listener: {"+manager+"}", "MERGE",
		`{typed_config: {`+typed+`, server_name: patched, common_http_protocol_options: {idle_timeout: 7s}}}`)), func(t *testing.T) {
		answered(t, m, "http://server/", "Server", "patched")
		if !bytes.Contains(m.Member("server").Admin("/config_dump"), []byte(`"idle_timeout": "7s"`)) {
			t.Error("no idle_timeout in the dump")
		}
	})
	m.Case("lists and false", filter("server", at("NETWORK_FILTER", "context: SIDECAR_INBOUND, listener: {"+manager+"}", "MERGE_AND_REPLACE_LIST",
		`{typed_config: {`+typed+`, normalize_path: false, upgrade_configs: [{upgrade_type: other}]}}`)), func(t *testing.T) {
		m.Expect("client", "http://server/", 200, "")
		dump := m.Member("server").Admin("/config_dump")
		for part, want := range map[string]bool{`"normalize_path": false`: true, `"upgrade_type": "other"`: true} {
			if bytes.Contains(dump, []byte(part)) != want {
				t.Errorf("%s in the dump: want %v", part, want)
			}
		}
	})
	const tcp = "context: SIDECAR_INBOUND, listener: {portNumber: 7000, filterChain: {filter: {name: envoy.filters.network.tcp_proxy}}}"
	const limit = `{name: limit, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit, stat_prefix: tcp_limit, token_bucket: {max_tokens: 1, fill_interval: 3600s}}}`
	m.Case("limit connections", filter("server", at("NETWORK_FILTER", tcp, "INSERT_BEFORE", limit)), func(t *testing.T) {
		greets := 0
		for range 3 {
			if conn, err := m.Dial("client", "server", 7000); err == nil {
				if line, err := meshtest.Greeting(conn); err == nil && line != "" {
					greets++
				}
				conn.Close()
			}
		}
		if greets != 1 {
			t.Errorf("%d connections of 3 were let in, want 1", greets)
		}
	})
	m.Case("nothing after the end", filter("server", at("NETWORK_FILTER", tcp, "INSERT_AFTER", limit)), func(t *testing.T) {
		complained(t, m, "patch-server", "case.yaml", "ends its filter chain")
	})
}

func chainsAndListeners(m *meshtest.Traffic) {
	m.Case("filter chain", filter("server", at("FILTER_CHAIN", "context: SIDECAR_INBOUND, listener: {filterChain: {transportProtocol: tls, destinationPort: 8080}}", "MERGE", "{transport_socket_connect_timeout: 13s}")), func(t *testing.T) {
		untouched(t, m)
		if n := bytes.Count(m.Member("server").Admin("/config_dump"), []byte(`"transport_socket_connect_timeout": "13s"`)); n != 1 {
			t.Errorf("%d chains have the timeout, want 1", n)
		}
	})
	m.Case("chain by name", filter("server", at("FILTER_CHAIN", "context: SIDECAR_INBOUND, listener: {filterChain: {name: 'inbound|8080|mtls'}}", "MERGE", "{transport_socket_connect_timeout: 14s}")), func(t *testing.T) {
		if n := bytes.Count(m.Member("server").Admin("/config_dump"), []byte(`"transport_socket_connect_timeout": "14s"`)); n != 1 {
			t.Errorf("%d chains have the timeout, want 1", n)
		}
	})
	m.Case("chain by protocol", filter("server", at("FILTER_CHAIN", "context: SIDECAR_INBOUND, listener: {filterChain: {destinationPort: 8080, applicationProtocols: 'istio,istio-peer-exchange'}}", "MERGE", "{transport_socket_connect_timeout: 15s}")), func(t *testing.T) {
		if n := bytes.Count(m.Member("server").Admin("/config_dump"), []byte(`"transport_socket_connect_timeout": "15s"`)); n != 1 {
			t.Errorf("%d chains have the timeout, want 1", n)
		}
	})
	m.Case("its transport socket", filter("server", at("FILTER_CHAIN", "context: SIDECAR_INBOUND, listener: {filterChain: {destinationPort: 8080, transportProtocol: tls}}", "MERGE",
		`{transport_socket: {name: envoy.transport_sockets.tls, typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext, common_tls_context: {tls_params: {tls_minimum_protocol_version: TLSv1_3}}}}}`)), func(t *testing.T) {
		untouched(t, m)
		if !bytes.Contains(m.Member("server").Admin("/config_dump"), []byte(`"tls_minimum_protocol_version": "TLSv1_3"`)) {
			t.Error("the chain's TLS has not changed")
		}
	})
	m.Case("filter chain without plaintext", filter("server", "  - {applyTo: FILTER_CHAIN, match: {context: SIDECAR_INBOUND, listener: {portNumber: 7000, filterChain: {transportProtocol: tls}}}, patch: {operation: REMOVE}}\n"), func(t *testing.T) {
		if conn, err := m.Dial("client", "server", 7000); err == nil {
			defer conn.Close()
			if line, err := meshtest.Greeting(conn); err == nil && line != "" {
				t.Errorf("greeted %q over mutual TLS, whose chain is gone", line)
			}
		}
		untouched(t, m)
	})
	m.Case("listener", filter("server", at("LISTENER", "context: SIDECAR_INBOUND, listener: {portNumber: 15006}", "MERGE", "{per_connection_buffer_limit_bytes: 65537}")), func(t *testing.T) {
		untouched(t, m)
		if !bytes.Contains(m.Member("server").Admin("/config_dump"), []byte(`"per_connection_buffer_limit_bytes": 65537`)) {
			t.Error("no limit in the dump")
		}
	})
	m.Case("listener filter", filter("server", at("LISTENER_FILTER", "context: SIDECAR_INBOUND, listener: {portNumber: 15006, listenerFilter: envoy.filters.listener.tls_inspector}", "INSERT_BEFORE",
		`{name: envoy.filters.listener.proxy_protocol, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol, allow_requests_without_proxy_protocol: true}}`)), func(t *testing.T) {
		untouched(t, m)
		if !bytes.Contains(m.Member("server").Admin("/config_dump"), []byte(`"envoy.filters.listener.proxy_protocol"`)) {
			t.Error("no filter in the dump")
		}
	})
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		m.T().Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	added := fmt.Sprintf(`{name: hello, address: {socket_address: {address: 127.0.0.1, port_value: %d}}, filter_chains: [{filters: [{name: direct, typed_config: `+
		`{"@type": type.googleapis.com/envoy.extensions.filters.network.direct_response.v3.Config, response: {inline_string: "hello there\n"}}}]}]}`, port)
	m.Case("new listener", filter("client", at("LISTENER", "context: SIDECAR_OUTBOUND", "ADD", added)), func(t *testing.T) {
		if !bytes.Contains(m.Member("client").Admin("/listeners"), fmt.Appendf(nil, "hello::127.0.0.1:%d", port)) {
			t.Error("no listener hello")
		}
		if m.Redirected {
			return // the pod's loopback is not ours
		}
		conn := meshtest.Connect(t, fmt.Sprintf("127.0.0.1:%d", port))
		defer conn.Close()
		if line, err := meshtest.Greeting(conn); err != nil || line != "hello there" {
			t.Errorf("got %q, %v", line, err)
		}
	})
	m.Case("no listener any more", filter("client", ""), func(t *testing.T) {
		if bytes.Contains(m.Member("client").Admin("/listeners"), []byte("hello::")) {
			t.Error("the listener hello is still there")
		}
	})
}
