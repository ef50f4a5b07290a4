package envoyfilter

import (
	"os"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/pkg/config"
)

// object decodes one EnvoyFilter with the given patches.
func object(t testing.TB, patches string) *config.Object {
	t.Helper()
	text := "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: f, namespace: default}\nspec:\n  configPatches:\n" + patches
	objects, problems := config.Decode("f.yaml", strings.NewReader(text))
	for _, p := range problems {
		if p.Severity == config.Error {
			t.Fatal(p)
		}
	}
	return objects[0]
}

const (
	luaType = `"@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua`
	hcmType = `"@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`
)

// TestMistakes: what shows without a proxy is refused where it stands, with what to write instead.
func TestMistakes(t *testing.T) {
	for name, c := range map[string]struct{ patch, want string }{
		"misspelt field": {
			`{applyTo: CLUSTER, patch: {operation: MERGE, value: {conect_timeout: 1s}}}`,
			"spec.configPatches[0].patch.value.conect_timeout: a Cluster has no such field in Envoy's API v3 (fix: write connect_timeout)"},
		"misspelt field of a filter": {
			`{applyTo: HTTP_FILTER, patch: {operation: ADD, value: {name: lua, typed_config: {` + luaType + `, inline_cod: x}}}}`,
			"spec.configPatches[0].patch.value.typed_config.inline_cod: a Lua has no such field in Envoy's API v3 (fix: write inline_code)"},
		"no list": {
			`{applyTo: VIRTUAL_HOST, patch: {operation: MERGE, value: {rate_limits: {actions: []}}}}`, "spec.configPatches[0].patch.value.rate_limits: must be a list"},
		"wrong type": {`{applyTo: CLUSTER, patch: {operation: MERGE, value: {connect_timeout: soon}}}`, `connect_timeout: invalid google.protobuf.Duration value "soon" (fix: seconds, for example "1.5s")`},
		"wrong enum": {`{applyTo: CLUSTER, patch: {operation: MERGE, value: {lb_policy: ROUNDROBIN}}}`, "(fix: write ROUND_ROBIN)"},
		"both of one": {
			`{applyTo: HTTP_ROUTE, patch: {operation: MERGE, value: {route: {cluster: a, cluster_header: b}}}}`, "value.route.cluster_header: excludes cluster: only one of them may be set"},
		"v2": {
			`{applyTo: HTTP_FILTER, patch: {operation: ADD, value: {name: lua, typed_config: {"@type": type.googleapis.com/envoy.config.filter.http.lua.v2.Lua}}}}`,
			"typed_config[@type]: Envoy 1.40 has no type envoy.config.filter.http.lua.v2.Lua (fix: API v2 is gone: write type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua)"},
		"misspelt type": {
			`{applyTo: HTTP_FILTER, patch: {operation: ADD, value: {name: lua, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Luaa}}}}`,
			"(fix: write type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua)"},
		"Istio's own": {
			`{applyTo: HTTP_FILTER, patch: {operation: ADD, value: {name: stats, typed_config: {"@type": type.googleapis.com/stats.PluginConfig}}}}`, "Istio's own build of Envoy"},
		"no type": {
			`{applyTo: HTTP_FILTER, patch: {operation: ADD, value: {name: envoy.filters.http.lua, typed_config: {inline_code: x}}}}`,
			`typed_config: has no "@type" (fix: add "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua)`},
		"field out of range": {
			`{applyTo: HTTP_FILTER, patch: {operation: ADD, value: {name: f, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit}}}}`,
			"patch.value: Envoy would refuse it: LocalRateLimit.StatPrefix: value length must be at least 1"},
		"another kind of filter": {
			`{applyTo: NETWORK_FILTER, patch: {operation: ADD, value: {name: lua, typed_config: {` + luaType + `}}}}`, "which is no configuration of a filter envoy.filters.network.*"},
		"bad expression": {`{applyTo: HTTP_ROUTE, patch: {operation: ADD, value: {match: {safe_regex: {regex: "("}}, direct_response: {status: 200}}}}`, "error parsing regexp"},
		"endpoint": {
			`{applyTo: CLUSTER, patch: {operation: ADD, value: {name: a, type: STATIC, load_assignment: {cluster_name: a, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: a.example.com, port_value: 1}}}}]}]}}}}`,
			"use STRICT_DNS for names"},
		"operation":         {`{applyTo: ROUTE_CONFIGURATION, patch: {operation: ADD, value: {}}}`, "patch.operation: ADD cannot be done to a ROUTE_CONFIGURATION (fix: one of MERGE, MERGE_AND_REPLACE_LIST)"},
		"no applyTo":        {`{patch: {operation: ADD, value: {}}}`, "applyTo: missing"},
		"no operation":      {`{applyTo: CLUSTER, patch: {value: {}}}`, "patch.operation: missing"},
		"no value":          {`{applyTo: CLUSTER, patch: {operation: MERGE}}`, "patch.value: missing"},
		"waypoint":          {`{applyTo: CLUSTER, match: {context: WAYPOINT}, patch: {operation: MERGE, value: {}}}`, "no waypoint proxies"},
		"port name":         {`{applyTo: LISTENER, match: {listener: {portName: http}}, patch: {operation: MERGE, value: {}}}`, "match.listener.portName: is not implemented"},
		"wrong match":       {`{applyTo: CLUSTER, match: {listener: {}}, patch: {operation: MERGE, value: {}}}`, "match.listener: says nothing about a CLUSTER (fix: match.cluster)"},
		"version":           {`{applyTo: CLUSTER, match: {proxy: {proxyVersion: "("}}, patch: {operation: MERGE, value: {}}}`, "match.proxy.proxyVersion: is no regular expression"},
		"remove what":       {`{applyTo: HTTP_FILTER, patch: {operation: REMOVE}}`, "does not say of which filter (fix: add match.listener.filterChain.filter.subFilter.name)"},
		"deprecated":        {`{applyTo: CLUSTER, patch: {operation: MERGE, value: {http2_protocol_options: {}}}}`, "http2_protocol_options: is deprecated"},
		"filter of a chain": {`{applyTo: NETWORK_FILTER, match: {listener: {filterChain: {filter: {name: envoy.filters.network.tcp_proxy, subFilter: {name: x}}}}}, patch: {operation: REMOVE}}`, "applyTo is NETWORK_FILTER"},
	} {
		t.Run(name, func(t *testing.T) {
			_, problems := Compile(object(t, "  - "+c.patch+"\n"))
			for _, p := range problems {
				if strings.Contains(p.Error(), c.want) {
					return
				}
			}
			t.Errorf("no problem says %q: %v", c.want, problems)
		})
	}
}

// TestPublishedAccessLog is a patch as it circulates: meant for the connection manager, with an access log of API v2.
func TestPublishedAccessLog(t *testing.T) {
	file, err := os.Open("testdata/access-log-format.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	objects, problems := config.Decode("access-log-format.yaml", file)
	if len(problems) > 0 || len(objects) != 1 {
		t.Fatal(problems)
	}
	f, problems := Compile(objects[0])
	if len(f.Patches) != 0 {
		t.Error("the patch is used")
	}
	text := ""
	for _, p := range problems {
		p.Position = objects[0].FieldPosition(p.Field)
		text += p.Error() + "\n"
	}
	for _, want := range []string{
		"access-log-format.yaml:6:14: EnvoyFilter/default/access-log-format: spec.configPatches[0].applyTo: an HTTP_FILTER is a filter within the connection manager",
		"applyTo: NETWORK_FILTER", "access-log-format.yaml:19:23", "write log_format",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

// TestUnderstood: what users write for other spellings is taken.
func TestUnderstood(t *testing.T) {
	for name, patch := range map[string]string{
		"typed struct": `{applyTo: HTTP_FILTER, patch: {operation: ADD, value: {name: lua, typed_config: {"@type": type.googleapis.com/udpa.type.v1.TypedStruct, type_url: type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua, value: {defaultSourceCode: {inlineString: "x = 1"}}}}}}`,
		"camel case":   `{applyTo: CLUSTER, patch: {operation: MERGE, value: {connectTimeout: 5s, circuitBreakers: {thresholds: [{maxRequests: 5}]}}}}`,
		"null":         `{applyTo: CLUSTER, patch: {operation: MERGE, value: {connect_timeout: null}}}`,
		"wrapped":      `{applyTo: EXTENSION_CONFIG, patch: {operation: ADD, value: {name: x, typed_config: {"@type": type.googleapis.com/google.protobuf.StringValue, value: text}}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			f, problems := Compile(object(t, "  - "+patch+"\n"))
			if len(problems) > 0 || len(f.Patches) != 1 {
				t.Errorf("%v", problems)
			}
		})
	}
}

func FuzzCompile(f *testing.F) {
	f.Add(`{applyTo: HTTP_FILTER, patch: {operation: ADD, value: {name: lua, typed_config: {` + luaType + `, inline_code: x}}}}`)
	f.Add(`{applyTo: CLUSTER, match: {cluster: {name: a}}, patch: {operation: MERGE, value: {connect_timeout: 1s}}}`)
	f.Add(`{applyTo: BOOTSTRAP, patch: {operation: MERGE, value: {admin: {}}}}`)
	f.Fuzz(func(t *testing.T, patch string) {
		text := "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: f}\nspec:\n  configPatches:\n  - " + patch + "\n"
		objects, _ := config.Decode("f.yaml", strings.NewReader(text))
		for _, o := range objects {
			compiled, _ := Compile(o)
			NewProgram([]*Filter{compiled}, "istio-system", map[string]string{"ISTIO_VERSION": "1.31.0"})
		}
	})
}
