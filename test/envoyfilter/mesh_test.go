package envoyfilter_test

import (
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/internal/meshtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// services are a server with subsets, and the edge.
const services = `
apiVersion: v1
kind: Service
metadata: {name: server, namespace: default}
spec:
  selector: {app: server}
  clusterIP: 10.96.0.10
  ports: [{name: http, port: 80, targetPort: 8080}, {name: tcp, port: 7000, targetPort: 7000}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: server, namespace: default}
spec: {host: server, subsets: [{name: v1, labels: {version: v1}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: server, namespace: default}
spec:
  hosts: [server]
  http:
  - name: private
    match: [{uri: {prefix: /private}}]
    route: [{destination: {host: server, subset: v1}}]
  - name: moved
    match: [{uri: {prefix: /moved}}]
    redirect: {uri: /elsewhere}
  - name: answered
    match: [{uri: {prefix: /answered}}]
    directResponse: {status: 418}
  - name: all
    route: [{destination: {host: server}}]
`

func members() []meshtest.Member {
	return []meshtest.Member{
		{Options: meshtest.Sidecar("server", "app=server", "version=v1"), Serves: true},
		{Options: meshtest.Sidecar("client")},
	}
}

// both runs cases in both modes.
func both(t *testing.T, files map[string]string, test func(t *testing.T, m *meshtest.Traffic)) {
	t.Helper()
	files["services.yaml"] = services
	meshtest.BothModes(t, files, members(), test)
}

// filter is an EnvoyFilter in namespace default for workloads with an app label; "" is all.
func filter(app, patches string) string {
	selector := ""
	if app != "" {
		selector = "  workloadSelector: {labels: {app: " + app + "}}\n"
	}
	return "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: " + strings.TrimSuffix("patch-"+app, "-") + ", namespace: default}\nspec:\n" + selector +
		"  configPatches:\n" + patches
}

// at is a patch on one line: what is in match, an operation, and a value.
func at(applyTo, match, operation, value string) string {
	return fmt.Sprintf("  - {applyTo: %s, match: {%s}, patch: {operation: %s, value: %s}}\n", applyTo, match, operation, value)
}

// router matches the router of every connection manager.
const router = `filterChain: {filter: {name: envoy.filters.network.http_connection_manager, subFilter: {name: envoy.filters.http.router}}}`

// header is a Lua filter that sets a header of requests or responses.
func header(name, on, key, value string) string {
	return fmt.Sprintf(`{name: %s, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua, default_source_code: {inline_string: `+
		`"function envoy_on_%s(h)\n h:headers():replace('%s', (h:headers():get('%s') or '') .. '%s')\nend"}}}`, name, on, key, key, value)
}

// answered waits until requests of the client have a header in the answer; "" is none.
func answered(t *testing.T, m *meshtest.Traffic, url, name, want string) {
	t.Helper()
	meshtest.Await(t, m.Client("client", url), meshtest.Request{URL: url}, func(a meshtest.Answer) error {
		if got := a.Header.Get(name); got != want {
			return fmt.Errorf("%s is %q, want %q", name, got, want)
		}
		return nil
	})
}

// seen waits until the program sees a header of the client's requests; "" is none.
func seen(t *testing.T, m *meshtest.Traffic, url, name, want string) {
	t.Helper()
	meshtest.Await(t, m.Client("client", url), meshtest.Request{URL: url}, func(a meshtest.Answer) error {
		if got := a.Echo.Header.Get(name); got != want {
			return fmt.Errorf("%s is %q, want %q", name, got, want)
		}
		return nil
	})
}

// untouched makes sure that traffic is as it was.
func untouched(t *testing.T, m *meshtest.Traffic) {
	t.Helper()
	m.Expect("client", "http://server/", 200, "server GET /")
}

// complained wants a problem whose text has all parts.
func complained(t *testing.T, m *meshtest.Traffic, parts ...string) {
	t.Helper()
	for _, p := range m.Plane.Status().Problems {
		text := fmt.Sprintf("%+v", p)
		missing := false
		for _, part := range parts {
			missing = missing || !strings.Contains(text, part)
		}
		if !missing {
			return
		}
	}
	t.Errorf("no problem says %q:", parts)
	for _, p := range m.Plane.Status().Problems {
		t.Logf("%+v", p)
	}
}
