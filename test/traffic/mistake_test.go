package traffic_test

import (
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/meshtest"
)

// mistakes: each is named with its field, Envoy is sent nothing that it would refuse, and the rest of the object is in force.
func (m *routed) mistakes() {
	for _, c := range []struct{ name, yaml, field, message string }{
		{"wrong expression", rules(`
  - {match: [{uri: {regex: "("}}], route: [{destination: {host: shadow}}]}
  - {route: [{destination: {host: server, subset: v2}}]}`), "spec.http[0].match[0].uri", "regular expression"},
		{"wrong header name", rules(`
  - {match: [{headers: {"a b": {exact: c}}}], route: [{destination: {host: shadow}}]}
  - {route: [{destination: {host: server, subset: v2}}]}`), "spec.http[0].match[0].headers.a b", "not the name of a header"},
		{"wrong status", rules(`
  - {match: [{uri: {exact: /x}}], directResponse: {status: 42}}
  - {route: [{destination: {host: server, subset: v2}}]}`), "spec.http[0].directResponse.status", "200 to 599"},
		{"wrong redirect", rules(`
  - {match: [{uri: {exact: /x}}], redirect: {uri: /y, redirectCode: 200}}
  - {route: [{destination: {host: server, subset: v2}}]}`), "spec.http[0].redirect.redirectCode", "no redirect that Envoy knows"},
		{"wrong fault", rules(`  - {fault: {abort: {httpStatus: 1000, percentage: {value: 100}}, delay: {percentage: {value: 100}}}, route: [{destination: {host: server, subset: v2}}]}`),
			"spec.http[0].fault.abort.httpStatus", "200 to 599"},
		{"wrong replacement", rules(`  - {rewrite: {uriRegexRewrite: {match: a, rewrite: '\1'}}, route: [{destination: {host: server, subset: v2}}]}`),
			"spec.http[0].rewrite.uriRegexRewrite.rewrite", "group"},
		{"wrong conditions", rules(`  - {retries: {attempts: 2, retryOn: "5xx,sometimes"}, route: [{destination: {host: server, subset: v2}}]}`), "spec.http[0].retries.retryOn", "no condition for retries"},
		{"wrong pseudo header", rules(`  - {headers: {request: {set: {":path": /x}, remove: [host]}}, route: [{destination: {host: server, subset: v2}}]}`),
			"spec.http[0].headers.request.set.:path", "not a header"},
		{"wrong CORS", rules(`  - {corsPolicy: {allowOrigins: [{regex: "("}], allowMethods: ["GET\nX-Evil: 1"]}, route: [{destination: {host: server, subset: v2}}]}`),
			"spec.http[0].corsPolicy.allowMethods[0]", "no name that a header can carry"},
		{"wrong durations and shares", rules(`  - {timeout: -5s, retries: {attempts: 1, backoff: 0.1ms, perTryTimeout: 0.1ms}, mirror: {host: shadow}, mirrorPercentage: {value: 1000}, route: [{destination: {host: server, subset: v2}}]}`),
			"spec.http[0].retries.backoff", "at least 1ms"},
		{"wrong weights", rules(`
  - {match: [{uri: {exact: /x}}], route: [{destination: {host: server}, weight: -5}, {destination: {host: shadow}, weight: 0}]}
  - {route: [{destination: {host: server, subset: v2}}]}`), "spec.http[0].route[0].weight", "less than 0"},
		{"a rule without outcome", rules(`
  - {match: [{uri: {exact: /x}}]}
  - {route: [{destination: {host: server, subset: v2}}]}`), "spec.http[0]", "says nothing of what becomes of requests"},
	} {
		m.Case(c.name, c.yaml, func(t *testing.T) {
			m.answered(t, m.client, at("v2", "/"))
			m.reported(t, c.field, c.message)
		})
	}
	m.Case("rules that lead nowhere", rules(`
  - {match: [{uri: {exact: /a}}]}
  - {match: [{uri: {exact: /b}}], route: [{destination: {host: server}, weight: 0}, {destination: {host: shadow}, weight: 0}]}
  - {match: [{uri: {exact: /c}}], route: [{destination: {host: gone}}]}`), func(t *testing.T) {
		for _, url := range []string{"/a", "/b", "/c"} {
			meshtest.Expect(t, m.client.Client(), "http://server"+url, 503, "")
		}
		meshtest.Expect(t, m.client.Client(), "http://server/else", 404, "")
		m.reported(t, "spec.http[1].route", "no destination has any weight")
		m.reported(t, "spec.http[2].route[0].destination.host", "no service has the host")
	})
	m.Case("wrong sniHosts and subnets", streams("server", `
  tls: [{match: [{sniHosts: ["x*.example.com"]}], route: [{destination: {host: server}}]}]
  tcp: [{match: [{destinationSubnets: [10.0.0.0/99]}], route: [{destination: {host: shadow}}]}, {route: [{destination: {host: server, subset: v2}}]}]
`), func(t *testing.T) {
		for range 5 {
			if name := greeted(t, m.client.Local(serverHost, 7000)); name != "v2" {
				t.Fatalf("%s answers", name)
			}
		}
		m.reported(t, "spec.tls[0].match[0].sniHosts[0]", "no name that a client could ask for")
		m.reported(t, "spec.tcp[0].match[0].destinationSubnets[0]", "no address range")
	})
	m.Case("a long body", rules(`  - {match: [{uri: {exact: /x}}], directResponse: {status: 200, body: {string: "`+strings.Repeat("x", 1<<20+1)+`"}}}
  - {route: [{destination: {host: server, subset: v2}}]}`), func(t *testing.T) {
		m.answered(t, m.client, at("v2", "/"))
		m.reported(t, "spec.http[0].directResponse.body", "longer than 1 MB")
		meshtest.Expect(t, m.client.Client(), "http://server/x", 200, "")
	})
}

// reported wants a problem with its place and what to write instead.
func (m *routed) reported(t *testing.T, field, message string) {
	t.Helper()
	for _, p := range m.Plane.Status().Problems {
		if p.Field == field && strings.Contains(p.Message, message) {
			if p.Line == 0 || p.Fix == "" {
				t.Errorf("no place or no fix: %+v", p)
			}
			return
		}
	}
	t.Errorf("nobody says %q of %s: %v", message, field, m.Plane.Status().Problems)
}
