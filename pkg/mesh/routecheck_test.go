package mesh

import (
	"strings"
	"testing"
)

// TestRouteProblems: whatever Istio's reference excludes is said, at the field, with what to write instead.
func TestRouteProblems(t *testing.T) {
	const to = "route: [{destination: {host: web}}]"
	for _, c := range []struct{ spec, field, message string }{
		{`{hosts: [web]}`, "spec", "no http, tls or tcp routes"},
		{`{tcp: [{` + to + `}]}`, "spec.hosts", "only http routes can be delegated"},
		{`{hosts: [web], http: [{}]}`, "spec.http[0]", "says nothing of what becomes of requests"},
		{`{hosts: [web], http: [{redirect: {uri: /x}, ` + to + `}]}`, "spec.http[0].route", "cannot have both redirect and route"},
		{`{hosts: [web], http: [{redirect: {uri: /x}, directResponse: {status: 200}}]}`, "spec.http[0].directResponse", "cannot have both"},
		{`{hosts: [web], http: [{redirect: {uri: /x}, rewrite: {uri: /y}}]}`, "spec.http[0].rewrite", "nothing to rewrite"},
		{`{hosts: [web], http: [{route: [{destination: {host: web}, weight: -1}]}]}`, "spec.http[0].route[0].weight", "less than 0"},
		{`{hosts: [web], http: [{route: [{destination: {}}]}]}`, "spec.http[0].route[0].destination.host", "needs a host"},
		{`{hosts: [web], http: [{route: [{destination: {host: web, port: {number: 70000}}}]}]}`, "spec.http[0].route[0].destination.port.number", "not between 1 and 65535"},
		{`{hosts: [web], http: [{match: [{port: 70000}], ` + to + `}]}`, "spec.http[0].match[0].port", "not between 1 and 65535"},
		{`{hosts: [web], http: [{match: [{headers: {uri: {exact: /x}}}], ` + to + `}]}`, "spec.http[0].match[0].headers.uri", "not looked for among headers"},
		{`{hosts: [web], http: [{match: [{uri: {regex: "/x"}, ignoreUriCase: true}], ` + to + `}]}`, "spec.http[0].match[0].ignoreUriCase", "no effect"},
		{`{hosts: [web], http: [{match: [{gateways: [edge]}], ` + to + `}]}`, "spec.http[0].match[0].gateways[0]", "not bound to prod/edge"},
		{`{hosts: [web], gateways: [edge], http: [{match: [{sourceLabels: {a: b}}], ` + to + `}]}`, "spec.http[0].match[0].sourceLabels", "sidecars only"},
		{`{hosts: [web], gateways: [edge], http: [{match: [{sourceNamespace: x}], ` + to + `}]}`, "spec.http[0].match[0].sourceNamespace", "sidecars only"},
		{`{hosts: [web], http: [{redirect: {redirectCode: 302}}]}`, "spec.http[0].redirect", "where the request already is"},
		{`{hosts: [web], http: [{redirect: {uri: /x, prefixRewrite: /y}}]}`, "spec.http[0].redirect.uri", "exclude each other"},
		{`{hosts: [web], http: [{redirect: {port: 70000}}]}`, "spec.http[0].redirect.port", "not between 1 and 65535"},
		{`{hosts: [web], http: [{redirect: {prefixRewrite: /y}}]}`, "spec.http[0].redirect.prefixRewrite", "without a prefix"},
		{`{hosts: [web], http: [{rewrite: {}, ` + to + `}]}`, "spec.http[0].rewrite", "changes nothing"},
		{`{hosts: [web], http: [{rewrite: {uri: /x, uriRegexRewrite: {match: a, rewrite: b}}, ` + to + `}]}`, "spec.http[0].rewrite.uri", "exclude each other"},
		{`{hosts: [web], http: [{timeout: -1s, ` + to + `}]}`, "spec.http[0].timeout", "at least 0ms"},
		{`{hosts: [web], http: [{retries: {attempts: -1}, ` + to + `}]}`, "spec.http[0].retries.attempts", "less than 0"},
		{`{hosts: [web], http: [{retries: {retryOn: 5xx}, ` + to + `}]}`, "spec.http[0].retries.attempts", "other settings have no effect"},
		{`{hosts: [web], http: [{retries: {attempts: 1, backoff: 0.1ms}, ` + to + `}]}`, "spec.http[0].retries.backoff", "at least 1ms"},
		{`{hosts: [web], http: [{fault: {}, ` + to + `}]}`, "spec.http[0].fault", "neither"},
		{`{hosts: [web], http: [{fault: {abort: {httpStatus: 500, percentage: {value: 101}}}, ` + to + `}]}`, "spec.http[0].fault.abort.percentage.value", "not between 0 and 100"},
		{`{hosts: [web], http: [{mirror: {host: web}, mirrors: [{destination: {host: web}}], ` + to + `}]}`, "spec.http[0].mirror", "exclude each other"},
		{`{hosts: [web], http: [{mirrorPercentage: {value: 1}, ` + to + `}]}`, "spec.http[0]", "no mirror"},
		{`{hosts: [web], http: [{corsPolicy: {maxAge: -1s}, ` + to + `}]}`, "spec.http[0].corsPolicy.maxAge", "at least 0ms"},
		{`{hosts: [web], tls: [{match: [{sniHosts: [other.com]}], ` + to + `}]}`, "spec.tls[0].match[0].sniHosts[0]", "not among the hosts"},
		{`{hosts: ["*.a.com"], tls: [{match: [{sniHosts: ["x*.a.com"]}], ` + to + `}]}`, "spec.tls[0].match[0].sniHosts[0]", "no name that a client could ask for"},
		{`{hosts: [web], tls: [{` + to + `}]}`, "spec.tls[0].match", "needs the names"},
		{`{hosts: [web], tls: [{match: [{port: 443}], ` + to + `}]}`, "spec.tls[0].match[0].sniHosts", "at least one name"},
		{`{hosts: [web], tcp: [{match: [{destinationSubnets: [10.0.0]}], ` + to + `}]}`, "spec.tcp[0].match[0].destinationSubnets[0]", "no address range"},
		{`{hosts: [web], tcp: [{match: [{port: 80}]}]}`, "spec.tcp[0].route", "no destination"},
	} {
		s := build(t, services("web.prod")+virtualService("v", "prod", c.spec))
		found := false
		for _, p := range s.Problems() {
			if p.Field == c.field && strings.Contains(p.Message, c.message) {
				found = true
				if p.Position.Line == 0 || p.Fix == "" {
					t.Errorf("%s: no place or no fix: %+v", c.spec, p)
				}
			}
		}
		if !found {
			t.Errorf("%s: want %s at %s, got %v", c.spec, c.message, c.field, messages(s))
		}
	}
}

func TestGoodRoutesHaveNoProblems(t *testing.T) {
	s := build(t, services("web.prod")+virtualService("v", "prod", `{hosts: [web, "*.a.com"],
  http: [{match: [{uri: {prefix: /x}}], redirect: {prefixRewrite: /y, derivePort: FROM_REQUEST_PORT}}, {retries: {attempts: 0}, timeout: 0s, route: [{destination: {host: web}}]}],
  tls: [{match: [{sniHosts: [web, web.prod.svc.cluster.local, b.a.com, "*.c.a.com"]}], route: [{destination: {host: web}}]}], tcp: [{route: [{destination: {host: web}}]}]}`))
	equal(t, "problems", messages(s), nil)
}
