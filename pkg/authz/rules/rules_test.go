package rules

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	security "istio.io/api/security/v1beta1"
	"sigs.k8s.io/yaml"
)

func read(t testing.TB, text string) *security.AuthorizationPolicy {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	out := &security.AuthorizationPolicy{}
	if err := protojson.Unmarshal(data, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestFaults holds what Istio refuses against what is reported, and makes sure that its constraint is Invalid.
func TestFaults(t *testing.T) {
	for _, c := range []struct{ name, spec, field, part string }{
		{"range", `{rules: [{from: [{source: {ipBlocks: [10.0.0.0/8, 10.0.0.0/33]}}]}]}`, "spec.rules[0].from[0].source.ipBlocks[1]", "10.0.0.0/33"},
		{"address", `{rules: [{when: [{key: source.ip, notValues: [ten]}]}]}`, "spec.rules[0].when[0].notValues[0]", "neither an address"},
		{"port", `{rules: [{to: [{operation: {ports: ["65536"]}}]}]}`, "spec.rules[0].to[0].operation.ports[0]", "no port"},
		{"empty value", `{rules: [{to: [{operation: {notMethods: [""]}}]}]}`, "spec.rules[0].to[0].operation.notMethods[0]", "empty"},
		{"unknown key", `{rules: [{when: [{key: source.port, values: ["1"]}]}]}`, "spec.rules[0].when[0].key", "no attribute"},
		{"header without a name", `{rules: [{when: [{key: "request.headers[]", values: ["1"]}]}]}`, "spec.rules[0].when[0].key", "no attribute"},
		{"header with a newline", `{rules: [{when: [{key: "request.headers[a\nb]", values: ["1"]}]}]}`, "spec.rules[0].when[0].key", "no attribute"},
		{"no values", `{rules: [{when: [{key: source.ip}]}]}`, "spec.rules[0].when[0]", "values or notValues"},
		{"empty source", `{rules: [{from: [{source: {}}]}]}`, "spec.rules[0].from[0].source", "nothing"},
		{"no source", `{rules: [{from: [{}]}]}`, "spec.rules[0].from[0].source", "nothing"},
		{"no operation", `{rules: [{to: [{}]}]}`, "spec.rules[0].to[0].operation", "nothing"},
		{"wildcard in a path", `{rules: [{to: [{operation: {paths: [/a/*/b]}}]}]}`, "spec.rules[0].to[0].operation.paths[0]", "only at the start"},
		{"wildcards around a path", `{rules: [{to: [{operation: {paths: ["*a*"]}}]}]}`, "spec.rules[0].to[0].operation.paths[0]", "only at the start"},
		{"braces", `{rules: [{to: [{operation: {paths: ["/{a}"]}}]}]}`, "spec.rules[0].to[0].operation.paths[0]", "braces"},
		{"template with text in a segment", `{rules: [{to: [{operation: {paths: ["/foo/{*}.txt"]}}]}]}`, "spec.rules[0].to[0].operation.paths[0]", "no segment"},
		{"template with a wildcard", `{rules: [{to: [{operation: {paths: ["/*/baz/{*}"]}}]}]}`, "spec.rules[0].to[0].operation.paths[0]", "no segment"},
		{"template that goes on", `{rules: [{to: [{operation: {notPaths: ["/{**}/foo/{*}"]}}]}]}`, "spec.rules[0].to[0].operation.notPaths[0]", "last"},
		{"template without a slash", `{rules: [{to: [{operation: {paths: ["{**}"]}}]}]}`, "spec.rules[0].to[0].operation.paths[0]", "begin with /"},
		{"template with an empty segment", `{rules: [{to: [{operation: {paths: ["//{*}"]}}]}]}`, "spec.rules[0].to[0].operation.paths[0]", "no segment"},
		{"template with two slashes at the end", `{rules: [{to: [{operation: {paths: ["/{*}//"]}}]}]}`, "spec.rules[0].to[0].operation.paths[0]", "no segment"},
		{"account with a wildcard", `{rules: [{from: [{source: {serviceAccounts: ["a/*"]}}]}]}`, "spec.rules[0].from[0].source.serviceAccounts[0]", "no service account"},
		{"accounts and principals", `{rules: [{from: [{source: {serviceAccounts: [a], principals: [b]}}]}]}`, "spec.rules[0].from[0].source.serviceAccounts", "exclude"},
		{"principal with its scheme", `{rules: [{from: [{source: {principals: ["spiffe://cluster.local/ns/a/sa/b"]}}]}]}`, "spec.rules[0].from[0].source.principals[0]", "without spiffe://"},
		{"wildcard in a principal", `{rules: [{from: [{source: {notPrincipals: ["cluster.local/ns/*/sa/b"]}}]}]}`, "spec.rules[0].from[0].source.notPrincipals[0]", "only at the start"},
		{"trust domain", `{rules: [{from: [{source: {trustDomains: [a/b]}}]}]}`, "spec.rules[0].from[0].source.trustDomains[0]", "no trust domain"},
		{"custom by principal", `{action: CUSTOM, provider: {name: x}, rules: [{from: [{source: {principals: [a]}}]}]}`, "spec.rules[0].from[0].source.principals", "CUSTOM"},
		{"custom by claim", `{action: CUSTOM, provider: {name: x}, rules: [{when: [{key: "request.auth.claims[iss]", values: [a]}]}]}`, "spec.rules[0].when[0].key", "CUSTOM"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, faults := Parse(read(t, c.spec), "default", nil)
			if !slices.ContainsFunc(faults, func(f Fault) bool { return f.Field == c.field && strings.Contains(f.Message, c.part) && !f.Warning }) {
				t.Errorf("%+v", faults)
			}
			constraints := p.Rules[0].Conditions
			for _, terms := range [][]Term{p.Rules[0].Sources, p.Rules[0].Operations} {
				for _, term := range terms {
					constraints = append(constraints, term...)
				}
			}
			if !slices.ContainsFunc(constraints, func(c Constraint) bool { return c.Invalid }) {
				t.Errorf("nothing is invalid: %+v", p)
			}
		})
	}
}

func TestWholePolicies(t *testing.T) {
	for _, c := range []struct {
		name, spec, field string
		rules             int
	}{
		{"selector and targets", `{selector: {matchLabels: {a: b}}, targetRefs: [{kind: Gateway}], rules: [{}]}`, "spec.selector", 0},
		{"DENY with selector and targets", `{action: DENY, selector: {matchLabels: {a: b}}, targetRefs: [{kind: Gateway}], rules: [{}]}`, "spec.selector", 1},
		{"two sorts of targets", `{targetRef: {kind: Gateway}, targetRefs: [{kind: Gateway}], rules: [{}]}`, "spec.targetRef", 0},
		{"label with a wildcard", `{selector: {matchLabels: {a: "*"}}, rules: [{}]}`, "spec.selector.matchLabels[a]", 0},
		{"provider of an ALLOW", `{provider: {name: x}, rules: [{}]}`, "spec.provider", 0},
		{"CUSTOM without a provider", `{action: CUSTOM, rules: [{}]}`, "spec.provider", 1},
		{"DENY of nothing", `{action: DENY}`, "spec.rules", 0},
		{"CUSTOM for nothing", `{action: CUSTOM, provider: {name: x}}`, "spec.rules", 0},
		{"HTTP only", `{action: DENY, rules: [{to: [{operation: {methods: [GET]}}]}]}`, "spec.rules[0]", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, faults := Parse(read(t, c.spec), "default", nil)
			if len(p.Rules) != c.rules || !slices.ContainsFunc(faults, func(f Fault) bool { return f.Field == c.field }) {
				t.Errorf("%d rules, %+v", len(p.Rules), faults)
			}
		})
	}
	for _, good := range []string{
		`{}`, `{rules: [{}]}`, `{action: DENY, rules: [{to: [{operation: {methods: [GET], ports: ["80"]}}]}]}`,
		`{rules: [{from: [{source: {namespaces: ["a*b"], ipBlocks: ["::1", 10.0.0.1]}}], when: [{key: "experimental.envoy.filters.network.mysql_proxy[db.table]", values: ["[update]"]}]}]}`,
		`{rules: [{to: [{operation: {paths: [/a, /a*, "*a", "*", "/{*}/a/{**}", "/foo/{**}/"]}}], when: [{key: "request.headers[accept]", values: ["text/html,*/*;q=0.8"]}]}]}`,
	} {
		if _, faults := Parse(read(t, good), "default", nil); len(faults) > 0 {
			t.Errorf("%s: %+v", good, faults)
		}
	}
}

func TestKeys(t *testing.T) {
	for key, want := range map[string]string{
		"request.headers[User-Agent]":               `[11,["User-Agent"]]`,
		"request.auth.claims[iss]":                  `[10,["iss"]]`,
		"request.auth.claims[a][b]":                 `[10,["a","b"]]`,
		"request.auth.claims[https://x.org/[a]b]":   `[10,["https://x.org/[a]b"]]`,
		"experimental.envoy.filters.network.m[a.b]": `[18,["envoy.filters.network.m","a.b"]]`,
		"request.auth.claims[a][]":                  `[0,null]`,
		"request.auth.claims":                       `[0,null]`,
		"experimental.envoy.filters.[a]":            `[0,null]`,
		"experimental.other[a]":                     `[0,null]`,
		"source.IP":                                 `[0,null]`,
	} {
		a, path := attributeOf(key)
		if got, _ := json.Marshal([]any{a, path}); string(got) != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
}

func TestTrustDomains(t *testing.T) {
	mesh := []string{"new-td", "old-td"}
	for in, want := range map[string]string{
		"cluster.local/ns/a/sa/b": "new-td/ns/a/sa/b old-td/ns/a/sa/b",
		"old-td/ns/a/sa/b":        "new-td/ns/a/sa/b old-td/ns/a/sa/b",
		"other/ns/a/sa/b":         "other/ns/a/sa/b",
		"*/ns/a/sa/b":             "*/ns/a/sa/b",
		"*-td/ns/a/sa/b":          "*-td/ns/a/sa/b",
		"*w-td/ns/a/sa/b":         "*w-td/ns/a/sa/b old-td/ns/a/sa/b",
		"old-td/ns/a/sa/*":        "new-td/ns/a/sa/* old-td/ns/a/sa/*",
		"*":                       "*",
		"cluster.local/*":         "cluster.local/*",
	} {
		if got := strings.Join(Principals([]string{in}, mesh), " "); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	if got := TrustDomains([]string{"x", "old-td"}, mesh); !slices.Equal(got, []string{"x", "new-td", "old-td"}) {
		t.Error(got)
	}
}

// FuzzParse makes sure that nothing that can be decoded makes it panic, and that what ALLOW cannot ask is said.
func FuzzParse(f *testing.F) {
	f.Add(`{"rules":[{"from":[{"source":{"principals":["*a*"]}}],"when":[{"key":"request.auth.claims[a][","values":["["]}]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		spec := &security.AuthorizationPolicy{}
		if protojson.Unmarshal([]byte(text), spec) != nil {
			return
		}
		p, faults := Parse(spec, "default", map[string]string{DryRunAnnotation: text})
		for _, r := range p.Rules {
			if slices.ContainsFunc(r.Conditions, func(c Constraint) bool { return c.Invalid }) && len(faults) == 0 {
				t.Errorf("%s: invalid without a fault", text)
			}
		}
	})
}
