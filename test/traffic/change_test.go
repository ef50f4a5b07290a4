package traffic_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/meshctl/meshctl/internal/meshtest"
)

// changing tries what happens to requests and responses on the way: rewrite and headers.
func (m *routed) changing() {
	m.Case("rewrite", rules(`
  - match: [{uri: {prefix: /old/}}]
    rewrite: {uri: /new/}
    route: [{destination: {host: server}}]
  - match: [{uri: {exact: /whole}}]
    rewrite: {uri: /all, authority: other.example.com}
    route: [{destination: {host: server}}]
  - match: [{uri: {regex: "/service/.*"}}]
    rewrite: {uriRegexRewrite: {match: "^/service/([^/]+)(/.*)$", rewrite: '/customprefix/\2/\1'}}
    route: [{destination: {host: server}}]
  - match: [{uri: {prefix: /aaa}}]
    rewrite: {uriRegexRewrite: {match: "(?i)/xxx/", rewrite: /yyy/}}
    route: [{destination: {host: server}}]
`), func(t *testing.T) {
		client := m.client.Client()
		for _, c := range []struct{ url, path, host string }{
			{"/old/x?a=b", "/new/x?a=b", "server"}, {"/whole", "/all", "other.example.com"},
			{"/service/update/v1/api", "/customprefix//v1/api/update", "server"}, {"/aaa/XxX/bbb", "/aaa/yyy/bbb", "server"},
		} {
			meshtest.Await(t, client, meshtest.Request{URL: "http://server" + c.url}, func(a meshtest.Answer) error {
				if a.Echo.Path != c.path || a.Echo.Host != c.host {
					return fmt.Errorf("want the path %s and the host %s", c.path, c.host)
				}
				return nil
			})
		}
	})
	const operations = `{request: {set: {x-set: S, x-empty: ""}, add: {x-add: A}, remove: [x-remove]}, response: {set: {x-set: S}, add: {x-add: A}, remove: [x-remove]}}`
	seen := func(t *testing.T, where string, h http.Header) {
		t.Helper()
		for name, want := range map[string][]string{"X-Set": {"S"}, "X-Add": {"0", "A"}, "X-Remove": nil, "X-Kept": {"0"}} {
			if got := h[name]; !slices.Equal(got, want) {
				t.Errorf("%s: %s is %q, want %q", where, name, got, want)
			}
		}
	}
	sent := []string{"x-set=0", "x-add=0", "x-remove=0", "x-kept=0", "x-answer-header=x-set=0", "x-answer-header=x-add=0", "x-answer-header=x-remove=0", "x-answer-header=x-kept=0"}
	for name, http := range map[string]string{
		"headers of a rule":                     `  - {headers: ` + operations + `, route: [{destination: {host: server}}]}`,
		"headers of a destination":              `  - {route: [{destination: {host: server}, headers: ` + operations + `}]}`,
		"headers of one of several destination": `  - {route: [{destination: {host: server, subset: v1}, weight: 1, headers: ` + operations + `}, {destination: {host: server, subset: v2}, weight: 0}, {destination: {host: server, subset: v2}, weight: 1, headers: ` + operations + `}]}`,
	} {
		m.Case(name, rules(http), func(t *testing.T) {
			client := m.client.Client()
			meshtest.Expect(t, client, "http://server/", 200, "x-set: S\n")
			a := meshtest.Get(t, client, "http://server/", sent...)
			seen(t, "request", a.Echo.Header)
			seen(t, "response", a.Header)
			if empty, there := a.Echo.Header["X-Empty"]; !there || empty[0] != "" {
				t.Errorf("a header without a value is %q", empty)
			}
		})
	}
	m.Case("headers at both levels", rules(`
  - headers: {request: {add: {x-add: rule}}}
    route:
    - {destination: {host: server, subset: v1}, headers: {request: {add: {x-add: one}}}, weight: 50}
    - {destination: {host: server, subset: v2}, headers: {request: {add: {x-add: two}}}, weight: 50}
`), func(t *testing.T) {
		client := m.client.Client()
		for program, own := range map[string]string{"v1": "one", "v2": "two"} {
			meshtest.Await(t, client, meshtest.Request{URL: "http://server/"}, func(a meshtest.Answer) error {
				if got := a.Echo.Header["X-Add"]; a.Echo.Program != program || !slices.Contains(got, own) || !slices.Contains(got, "rule") || len(got) != 2 {
					return fmt.Errorf("want %s with %s", program, own)
				}
				return nil
			})
		}
	})
	m.Case("headers with the host", rules(`
  - {match: [{uri: {exact: /a}}], headers: {request: {set: {":authority": a.example.com}}}, route: [{destination: {host: server}}]}
  - {match: [{uri: {exact: /b}}], headers: {request: {set: {Host: b.example.com}}}, route: [{destination: {host: server}}]}
  - {match: [{uri: {exact: /c}}], route: [{destination: {host: server}, headers: {request: {set: {host: c.example.com}}}}]}
  - match: [{uri: {exact: /d}}]
    route:
    - {destination: {host: server, subset: v1}, weight: 50, headers: {request: {set: {host: d1.example.com}}}}
    - {destination: {host: server, subset: v2}, weight: 50, headers: {request: {set: {host: d2.example.com}}}}
  - {match: [{uri: {exact: /e}}], rewrite: {authority: e.example.com}, headers: {request: {set: {host: lost.example.com}}}, route: [{destination: {host: server}}]}
`), func(t *testing.T) {
		client := m.client.Client()
		for url, body := range map[string]string{
			"/a": " /a\nhost: a.example.com\n", "/b": " /b\nhost: b.example.com\n", "/c": " /c\nhost: c.example.com\n", "/e": " /e\nhost: e.example.com\n",
		} {
			meshtest.Expect(t, client, "http://server"+url, 200, body)
		}
		meshtest.Expect(t, client, "http://server/d", 200, "v1 GET /d\nhost: d1.example.com\n")
		meshtest.Expect(t, client, "http://server/d", 200, "v2 GET /d\nhost: d2.example.com\n")
	})
}
