package envoyfilter_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/meshtest"
)

// TestMistakes: patches that cannot be used touch no traffic and are reported where they stand; the others of the same object work.
func TestMistakes(t *testing.T) {
	published, err := os.ReadFile("../../pkg/envoyfilter/testdata/access-log-format.yaml")
	if err != nil {
		t.Fatal(err)
	}
	both(t, map[string]string{}, func(t *testing.T, m *meshtest.Traffic) {
		m.Case("published", string(published), func(t *testing.T) {
			untouched(t, m)
			complained(t, m, "Line:6", "spec.configPatches[0].applyTo", "applyTo: NETWORK_FILTER")
			complained(t, m, "Line:19", "log_format")
		})
		corrected := filter("server", at("NETWORK_FILTER", "context: SIDECAR_INBOUND, listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager}}}", "MERGE",
			`{typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, access_log: [{name: envoy.access_loggers.file, typed_config: `+
				`{"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: /dev/stdout, log_format: {text_format_source: {inline_string: "logged %REQ(:PATH)%\n"}}}}]}}`))
		m.Case("corrected", corrected, func(t *testing.T) {
			const url = "http://server/corrected"
			meshtest.Await(t, m.Client("client", url), meshtest.Request{URL: url}, func(meshtest.Answer) error {
				if !strings.Contains(m.Member("server").Log.String(), "logged /corrected") {
					return errors.New("nothing is logged")
				}
				return nil
			})
		})
		good := at("HTTP_FILTER", "context: SIDECAR_INBOUND", "ADD", header("good", "request", "x-good", "yes"))
		for name, c := range map[string]struct{ patch, want string }{
			"unknown filter": {at("HTTP_FILTER", "context: SIDECAR_INBOUND, listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager, subFilter: {name: envoy.filters.http.roter}}}}", "INSERT_BEFORE", header("lua", "request", "x", "y")),
				`there is no HTTP filter "envoy.filters.http.roter"`},
			"after the router": {at("HTTP_FILTER", "context: SIDECAR_INBOUND, listener: {"+router+"}", "INSERT_AFTER", header("lua", "request", "x", "y")), "the router must be the last HTTP filter"},
			"no router":        {"  - {applyTo: HTTP_FILTER, match: {context: SIDECAR_INBOUND, listener: {" + router + "}}, patch: {operation: REMOVE}}\n", "the router must be the last HTTP filter"},
			"another type": {at("NETWORK_FILTER", "context: SIDECAR_INBOUND, listener: {filterChain: {filter: {name: envoy.filters.network.tcp_proxy}}}", "MERGE",
				`{typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, server_name: x}}`), "use operation: REPLACE"},
			"same connections": {at("FILTER_CHAIN", "context: SIDECAR_INBOUND", "ADD", `{name: twin, filter_chain_match: {transport_protocol: raw_buffer, destination_port: 8080}, filters: [{name: echo, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo}}]}`) +
				at("FILTER_CHAIN", "context: SIDECAR_INBOUND", "ADD", `{name: twin2, filter_chain_match: {transport_protocol: raw_buffer, destination_port: 8080}, filters: [{name: echo, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo}}]}`), "take the same connections"},
			"name of a cluster":  {at("CLUSTER", "cluster: {service: server.default.svc.cluster.loca}", "MERGE", "{connect_timeout: 1s}"), "matches nothing"},
			"cluster of no type": {at("CLUSTER", "cluster: {subset: v1}", "MERGE", "{type: ORIGINAL_DST}"), "which Envoy would refuse"},
			"cluster twice":      {at("CLUSTER", "context: SIDECAR_OUTBOUND", "ADD", `{name: one, type: STATIC}`) + at("CLUSTER", "context: SIDECAR_OUTBOUND", "ADD", `{name: one, type: STATIC}`), "adds one of the name"},
		} {
			m.Case(name, filter("", c.patch+good), func(t *testing.T) {
				seen(t, m, "http://server/", "X-Good", "yes")
				complained(t, m, strings.Split(c.want, "|")...)
			})
		}
	})
}
