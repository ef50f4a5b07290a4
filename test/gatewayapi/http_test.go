package gatewayapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

const httpListener = "{name: http, protocol: HTTP, port: 80}"

// TestGateway: what Gateways serve, and where routes lead what arrives there.
func TestGateway(t *testing.T) {
	m := meshtest.New(t, map[string]string{"services.yaml": services()})
	start(m)
	o := meshtest.Gateway("edge", "gateway.networking.k8s.io/gateway-name=edge", "role=manual", "istio=special")
	o.Namespace = "default"
	g, classic := m.Start(o), m.Start(meshtest.Gateway("ingressgateway"))
	matches(m, g)
	precedence(m, g)
	filters(m, g)
	redirects(m, g)
	weights(m, g)
	attachment(m, g)
	grants(m, g)
	listenersTLS(m, g)
	streams(m, g)
	grpcRoutes(m, g)
	ingress(m, classic)
	ingressSettings(m, g)
	manual(m, g)
}

// Answers are programs, or statuses where none answers, by "[METHOD ]HOST/PATH[ HEADER=VALUE]".
func expect(t *testing.T, client *http.Client, answers map[string]any) {
	t.Helper()
	for request, want := range answers {
		words := strings.Fields(request)
		r := meshtest.Request{Method: http.MethodGet}
		if !strings.Contains(words[0], "/") {
			r.Method, words = words[0], words[1:]
		}
		r.URL, r.Headers = "http://"+words[0], words[1:]
		var a meshtest.Answer
		envoytest.Eventually(t, request, func() (err error) { // a new listener
			a, err = meshtest.Try(client, r)
			return err
		})
		if program, ok := want.(string); ok && (a.Status != 200 || a.Echo.Program != program) || !ok && a.Status != want {
			t.Errorf("%s: %d %q, want %v", request, a.Status, a.Body, want)
		}
	}
}

func matches(m *meshtest.Mesh, g *meshtest.Workload) {
	yaml := gateway(httpListener) + httpRoute("route", `a.example.com`, `
		{matches: [{path: {type: Exact, value: /exact}}], `+to("one")+`},
		{matches: [{path: {type: PathPrefix, value: /prefix/}}], `+to("two")+`},
		{matches: [{path: {type: RegularExpression, value: "/r[0-9]+"}}], `+to("three")+`},
		{matches: [{path: {value: /h}, headers: [{name: X-One, value: "1"}, {name: x-two, type: RegularExpression, value: "a.*"}]}], `+to("one")+`},
		{matches: [{path: {value: /q}, queryParams: [{name: a, value: "1"}]}, {path: {value: /m}, method: POST}], `+to("two")+`},
		{matches: [{path: {type: RegularExpression, value: "("}}], `+to("one")+`}`)
	m.Case("matches", yaml, func(t *testing.T) {
		expect(t, g.ClientAt("gateway|80"), map[string]any{
			"a.example.com/exact": "one", "a.example.com/exact/": 404, "a.example.com/exactly": 404,
			"a.example.com/prefix": "two", "a.example.com/prefix/": "two", "a.example.com/prefix/x": "two", "a.example.com/prefixed": 404, "a.example.com/prefix?x=1": "two",
			"a.example.com/r12": "three", "a.example.com/r": 404, "a.example.com/r1/x": 404,
			"a.example.com/h x-one=1 x-two=abc": "one", "a.example.com/h x-one=1": 404,
			"a.example.com/q?a=1": "two", "a.example.com/q?a=2": 404, "POST a.example.com/m": "two", "a.example.com/m": 404, "b.example.com/exact": 404,
		})
		told(t, m, "HTTPRoute/route", "spec.rules[5].matches[0].path.value", "not a regular expression")
	})
}

func precedence(m *meshtest.Mesh, g *meshtest.Workload) {
	yaml := gateway(httpListener) + httpRoute("a-general", ``, `{`+to("three")+`}, {matches: [{path: {value: /x}}], `+to("three")+`}`) +
		httpRoute("b-route", `a.example.com`, `
		{matches: [{path: {value: /}}], `+to("one")+`}, {matches: [{path: {value: /long}}], `+to("one")+`},
		{matches: [{path: {value: /long}, headers: [{name: a, value: "1"}]}], `+to("two")+`}`) +
		httpRoute("c-route", `a.example.com`, `
		{matches: [{path: {value: /long/er}}], `+to("two")+`}, {matches: [{path: {type: Exact, value: /long/er}}], `+to("three")+`},
		{matches: [{path: {value: /long}, method: POST}], `+to("three")+`}, {matches: [{path: {value: /long}}], `+to("two")+`}`)
	m.Case("precedence", yaml, func(t *testing.T) {
		expect(t, g.ClientAt("gateway|80"), map[string]any{
			"a.example.com/": "one", "a.example.com/x": "one", "a.example.com/long": "one", "a.example.com/long a=1": "two", "POST a.example.com/long a=1": "three",
			"a.example.com/long/er": "three", "a.example.com/long/er/x": "two", "b.example.com/x": "three",
		})
	})
}

func filters(m *meshtest.Mesh, g *meshtest.Workload) {
	yaml := gateway(httpListener) + httpRoute("route", ``, `
		{matches: [{path: {value: /headers}}], filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-Set, value: s}], add: [{name: x-add, value: b}], remove: [x-gone]}},
			{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-answer-set, value: "1"}]}}],
			backendRefs: [{name: one, port: 80, filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-backend, value: one}]}}]}]},
		{matches: [{path: {value: /full}}], filters: [{type: URLRewrite, urlRewrite: {hostname: new.example.com, path: {type: ReplaceFullPath, replaceFullPath: /whole}}}], `+to("one")+`},
		{matches: [{path: {value: /pre/fix}}], filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /short}}}], `+to("one")+`},
		{matches: [{path: {value: /gone}}], filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}], `+to("one")+`},
		{matches: [{path: {value: /mirror}}], filters: [{type: RequestMirror, requestMirror: {backendRef: {name: two, port: 80}}}, {type: RequestMirror, requestMirror: {backendRef: {name: three, port: 80}, percent: 0}}], `+to("one")+`},
		{matches: [{path: {value: /cors}}], filters: [{type: CORS, cors: {allowOrigins: ["https://*.example.com"], allowMethods: [GET], maxAge: 60}}], `+to("one")+`},
		{matches: [{path: {value: /slow}}], timeouts: {request: 100ms}, `+to("one")+`},
		{matches: [{path: {value: /attempt}}], timeouts: {request: 10s, backendRequest: 100ms}, `+to("one")+`},
		{matches: [{path: {value: /retry}}], retry: {codes: [503], attempts: 2, backoff: 10ms}, `+to("one")+`},
		{matches: [{path: {value: /extension}}], filters: [{type: ExtensionRef, extensionRef: {group: example.com, kind: Filter, name: x}}], `+to("one")+`},
		{matches: [{path: {value: /auth}}], filters: [{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: two, port: 80}}}], `+to("one")+`}`)
	m.Case("filters", yaml, func(t *testing.T) {
		client := g.ClientAt("gateway|80")
		a := meshtest.Get(t, client, "http://a.example.com/headers", "x-set=old", "x-add=a", "x-gone=1")
		if h := a.Echo.Header; h.Get("x-set") != "s" || strings.Join(h.Values("x-add"), ",") != "a,b" || h.Get("x-gone") != "" || h.Get("x-backend") != "one" || a.Header.Get("x-answer-set") != "1" {
			t.Errorf("headers: %v, answer %v", h, a.Header)
		}
		for path, want := range map[string]string{
			"/full/x?q=1": "/whole?q=1", "/pre/fix/x?q=1": "/short/x?q=1", "/pre/fix": "/short", "/pre/fix/": "/short/", "/gone/x": "/x", "/gone": "/", "/gone/": "/",
		} {
			if a := meshtest.Get(t, client, "http://a.example.com"+path); a.Echo.Path != want {
				t.Errorf("%s arrives as %q, want %q", path, a.Echo.Path, want)
			}
		}
		if a := meshtest.Get(t, client, "http://a.example.com/full"); a.Echo.Host != "new.example.com" {
			t.Errorf("the host is %q", a.Echo.Host)
		}
		never := g.Stat("cluster.outbound|80||three.default.svc.cluster.local.upstream_rq_total")
		before := g.Stat("cluster.outbound|80||two.default.svc.cluster.local.upstream_rq_total")
		meshtest.Get(t, client, "http://a.example.com/mirror")
		g.WaitStat("cluster.outbound|80||two.default.svc.cluster.local.upstream_rq_total", before+1)
		if n := g.Stat("cluster.outbound|80||three.default.svc.cluster.local.upstream_rq_total") - never; n > 0 {
			t.Errorf("%d requests are mirrored that must not", n)
		}
		preflight := meshtest.Request{Method: http.MethodOptions, URL: "http://a.example.com/cors", Headers: []string{"origin=https://www.example.com", "access-control-request-method=GET"}}
		if h := meshtest.Do(t, client, preflight).Header; h.Get("access-control-allow-origin") != "https://www.example.com" || h.Get("access-control-max-age") != "60" {
			t.Errorf("cors: %v", h)
		}
		expect(t, client, map[string]any{
			"a.example.com/slow": 504, "a.example.com/attempt x-answer-after=1s": 504, "a.example.com/extension": 500, "a.example.com/auth": 500,
		})
		before = g.Stat("cluster.outbound|80||one.default.svc.cluster.local.upstream_rq_total")
		expect(t, client, map[string]any{"a.example.com/retry x-answer=503": 503})
		if n := g.Stat("cluster.outbound|80||one.default.svc.cluster.local.upstream_rq_total") - before; n != 3 {
			t.Errorf("%d attempts, want 3", n)
		}
		told(t, m, "HTTPRoute/route", "spec.rules[9].filters[0].type", "no filters of this mesh's own")
		told(t, m, "HTTPRoute/route", "spec.rules[10].filters[0].type", "external authorization")
	})
}

func redirects(m *meshtest.Mesh, g *meshtest.Workload) {
	redirect := func(path, how string) string {
		return "{matches: [{path: {value: " + path + "}}], filters: [{type: RequestRedirect, requestRedirect: {" + how + "}}]}"
	}
	yaml := gateway(httpListener+", {name: high, protocol: HTTP, port: 8088}") + httpRoute("route", ``, strings.Join([]string{
		redirect("/scheme", "scheme: https, statusCode: 301"), redirect("/host", "hostname: new.example.com"), redirect("/port", "port: 8443, scheme: https"),
		redirect("/usual", "port: 443, scheme: https"), redirect("/full", "path: {type: ReplaceFullPath, replaceFullPath: /whole}"),
		redirect("/pre/fix", "path: {type: ReplacePrefixMatch, replacePrefixMatch: /short}, statusCode: 307"), redirect("/gone", "path: {type: ReplacePrefixMatch, replacePrefixMatch: /}"),
	}, ", "))
	m.Case("redirects", yaml, func(t *testing.T) {
		client := g.ClientAt("gateway|80")
		for path, want := range map[string]string{
			"/scheme/x": "301 https://a.example.com/scheme/x", "/host/x": "302 http://new.example.com/host/x", "/port": "302 https://a.example.com:8443/port",
			"/usual": "302 https://a.example.com/usual", "/full/x?q=1": "302 http://a.example.com/whole?q=1", "/pre/fix/x?q=1": "307 http://a.example.com/short/x?q=1",
			"/gone/x": "302 http://a.example.com/x", "/gone": "302 http://a.example.com/",
		} {
			expectRedirect(t, client, path, want)
		}
		expectRedirect(t, g.ClientAt("gateway|8088"), "/host/x", "302 http://new.example.com:8088/host/x")
	})
}

func expectRedirect(t *testing.T, client *http.Client, path, want string) {
	t.Helper()
	a := meshtest.Get(t, client, "http://a.example.com"+path)
	if got := fmt.Sprintf("%d %s", a.Status, a.Header.Get("Location")); got != want {
		t.Errorf("%s: %s, want %s", path, got, want)
	}
}
