package traffic_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/meshtest"
)

// answering tries rules that answer without a destination, copies of requests, and CORS.
func (m *routed) answering() {
	m.Case("redirect", rules(`
  - {match: [{uri: {exact: /a}}], redirect: {uri: /elsewhere}}
  - {match: [{uri: {exact: /b}}], redirect: {authority: other.example.com, scheme: https, redirectCode: 302}}
  - {match: [{uri: {exact: /c}}], redirect: {port: 8443, redirectCode: 303}}
  - {match: [{uri: {exact: /d}, port: 81}], redirect: {authority: other.example.com, derivePort: FROM_REQUEST_PORT, redirectCode: 307}}
  - {match: [{uri: {exact: /e}}], redirect: {scheme: https, derivePort: FROM_PROTOCOL_DEFAULT, redirectCode: 308}}
  - {match: [{uri: {prefix: /f/}}], redirect: {prefixRewrite: /g/}, headers: {response: {set: {x-a: b}}}}
`), func(t *testing.T) {
		client := m.client.Client()
		for url, want := range map[string]string{
			"http://server/a?q=1": "301 http://server/elsewhere?q=1", "http://server/b": "302 https://other.example.com/b", "http://server/c": "303 http://server:8443/c",
			"http://server:81/d": "307 http://other.example.com:81/d", "http://server/e": "308 https://server/e", "http://server/f/h?q=1": "301 http://server/g/h?q=1",
		} {
			a := meshtest.Await(t, client, meshtest.Request{URL: url}, func(a meshtest.Answer) error {
				if got := fmt.Sprint(a.Status, " ", a.Header.Get("Location")); got != want {
					return fmt.Errorf("%s, want %s", got, want)
				}
				return nil
			})
			if got := a.Header.Get("x-a"); strings.Contains(url, "/f/") && got != "b" {
				t.Errorf("the redirect has x-a %q", got)
			}
		}
	})
	m.Case("directResponse", rules(`
  - {match: [{uri: {exact: /a}}], directResponse: {status: 503, body: {string: '{"error": "unknown % error"}'}}, headers: {response: {set: {content-type: application/json}}}}
  - {match: [{uri: {exact: /b}}], directResponse: {status: 201, body: {bytes: aGVsbG8=}}}
  - {match: [{uri: {exact: /c}}], directResponse: {status: 204}}
`), func(t *testing.T) {
		client := m.client.Client()
		a := meshtest.Expect(t, client, "http://server/a", 503, `{"error": "unknown % error"}`)
		if a.Header.Get("Content-Type") != "application/json" {
			t.Errorf("content type %q", a.Header.Get("Content-Type"))
		}
		meshtest.Expect(t, client, "http://server/b", 201, "hello")
		if a := meshtest.Expect(t, client, "http://server/c", 204, ""); a.Body != "" {
			t.Errorf("body %q", a.Body)
		}
	})
	m.mirroring()
	m.cors()
}

// mirroring: the copies are counted by the client's Envoy, which does not wait for their answers.
func (m *routed) mirroring() {
	const copies, versions = "outbound|80||shadow.default.svc.cluster.local", "outbound|80|v2|server.default.svc.cluster.local"
	send := func(t *testing.T, n int) (shadow, v2 int) {
		t.Helper()
		client := m.client.Client()
		meshtest.Expect(t, client, "http://server/", 200, "v1 GET /")
		shadow, v2 = m.client.WaitRequests(copies), m.client.WaitRequests(versions)
		for range n {
			if a := meshtest.Get(t, client, "http://server/"); a.Echo.Program != "v1" {
				t.Fatalf("answered by %+v", a)
			}
		}
		return m.client.WaitRequests(copies) - shadow, m.client.WaitRequests(versions) - v2
	}
	rule := func(mirror string) string {
		return rules(`  - {route: [{destination: {host: server, subset: v1}}], ` + mirror + `}`)
	}
	for _, c := range []struct {
		name, mirror string
		low, high    int // of 200 requests
	}{
		{"mirror", `mirror: {host: shadow}`, 200, 200},
		{"mirrorPercentage", `mirror: {host: shadow}, mirrorPercentage: {value: 50}`, 65, 135},
		{"mirrorPercent", `mirror: {host: shadow}, mirrorPercent: 50`, 65, 135},
		{"mirrorPercentage of nothing", `mirror: {host: shadow}, mirrorPercentage: {value: 0}`, 0, 0},
	} {
		m.Case(c.name, rule(c.mirror), func(t *testing.T) {
			if shadow, _ := send(t, 200); shadow < c.low || shadow > c.high {
				t.Errorf("%d copies of 200, want %d to %d", shadow, c.low, c.high)
			}
		})
	}
	m.Case("mirrors", rule(`mirrors: [{destination: {host: shadow, port: {number: 80}}}, {destination: {host: server, subset: v2}, percentage: {value: 50}}]`), func(t *testing.T) {
		if shadow, v2 := send(t, 200); shadow != 200 || v2 < 65 || v2 > 135 {
			t.Errorf("%d and %d copies of 200, want 200 and about 100", shadow, v2)
		}
	})
}

func (m *routed) cors() {
	m.Case("corsPolicy", rules(`
  - match: [{uri: {prefix: /strict}}]
    corsPolicy: {allowOrigins: [{exact: "https://a.example.com"}], unmatchedPreflights: IGNORE}
    route: [{destination: {host: server}}]
  - match: [{uri: {prefix: /old}}]
    corsPolicy: {allowOrigin: ["*"]}
    route: [{destination: {host: server}}]
  - corsPolicy:
      allowOrigins: [{exact: "https://a.example.com"}, {prefix: "https://b."}, {regex: "https://c[0-9]+\\.example\\.com"}]
      allowMethods: [GET, PUT]
      allowHeaders: [x-a, x-b]
      exposeHeaders: [x-c]
      maxAge: 24h
      allowCredentials: true
    route: [{destination: {host: server}}]
`), func(t *testing.T) {
		client := m.client.Client()
		preflight := func(path, origin string) meshtest.Request {
			return meshtest.Request{Method: http.MethodOptions, URL: "http://server" + path, Headers: []string{"Origin=" + origin, "Access-Control-Request-Method=PUT"}}
		}
		a := meshtest.Await(t, client, preflight("/", "https://a.example.com"), func(a meshtest.Answer) error {
			if a.Header.Get("Access-Control-Allow-Origin") == "" {
				return fmt.Errorf("no CORS")
			}
			return nil
		})
		for name, want := range map[string]string{
			"Access-Control-Allow-Origin": "https://a.example.com", "Access-Control-Allow-Methods": "GET,PUT", "Access-Control-Allow-Headers": "x-a,x-b",
			"Access-Control-Max-Age": "86400", "Access-Control-Allow-Credentials": "true",
		} {
			if got := a.Header.Get(name); got != want {
				t.Errorf("preflight: %s is %q, want %q", name, got, want)
			}
		}
		if a.Echo.Program != "" {
			t.Errorf("the program answered the preflight: %+v", a)
		}
		for _, origin := range []string{"https://b.example.org", "https://c12.example.com"} {
			if a := meshtest.Get(t, client, "http://server/", "Origin="+origin); a.Header.Get("Access-Control-Allow-Origin") != origin || a.Header.Get("Access-Control-Expose-Headers") != "x-c" {
				t.Errorf("%s: %v", origin, a.Header)
			}
		}
		if a := meshtest.Do(t, client, preflight("/", "https://evil.example.com")); a.Header.Get("Access-Control-Allow-Origin") != "" || a.Echo.Program == "" {
			t.Errorf("the preflight of a stranger does not go on: %+v", a)
		}
		if a := meshtest.Do(t, client, preflight("/strict", "https://evil.example.com")); a.Header.Get("Access-Control-Allow-Origin") != "" || a.Echo.Program != "" {
			t.Errorf("the preflight of a stranger goes on: %+v", a)
		}
		if a := meshtest.Get(t, client, "http://server/old", "Origin=https://any.example.com"); a.Header.Get("Access-Control-Allow-Origin") != "https://any.example.com" {
			t.Errorf("allowOrigin: %v", a.Header)
		}
	})
}
