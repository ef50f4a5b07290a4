package rules

import "testing"

func ruleOf(t *testing.T, text string) Rule {
	t.Helper()
	p, faults := Parse(read(t, "{rules: ["+text+"]}"), "shop", nil)
	if len(faults) > 0 {
		t.Fatalf("%s: %+v", text, faults)
	}
	return p.Rules[0]
}

func TestImplication(t *testing.T) {
	for _, c := range []struct {
		narrow, wide string
		want         bool
	}{
		{`{to: [{operation: {methods: [GET]}}]}`, `{}`, true},
		{`{}`, `{to: [{operation: {methods: [GET]}}]}`, false},
		{`{to: [{operation: {paths: [/api/v1]}}]}`, `{to: [{operation: {paths: ["/api/*"]}}]}`, true},
		{`{to: [{operation: {paths: ["/api/*"]}}]}`, `{to: [{operation: {paths: [/api/v1]}}]}`, false},
		{`{to: [{operation: {paths: ["/{*}/a"]}}]}`, `{to: [{operation: {paths: ["/x*"]}}]}`, false},
		{`{to: [{operation: {hosts: [A.example.com]}}]}`, `{to: [{operation: {hosts: ["*.example.com"]}}]}`, true},
		{`{from: [{source: {namespaces: [a]}}, {source: {namespaces: [b]}}]}`, `{from: [{source: {namespaces: [a, b]}}]}`, true},
		{`{from: [{source: {namespaces: [a]}}, {source: {namespaces: [c]}}]}`, `{from: [{source: {namespaces: [a, b]}}]}`, false},
		{`{from: [{source: {namespaces: [a]}}]}`, `{from: [{source: {notNamespaces: [b]}}]}`, true},
		{`{from: [{source: {namespaces: ["a*"]}}]}`, `{from: [{source: {notNamespaces: ["*b"]}}]}`, false},
		{`{from: [{source: {notNamespaces: [a, b]}}]}`, `{from: [{source: {notNamespaces: [b]}}]}`, true},
		{`{from: [{source: {principals: [td/ns/a/sa/x]}}]}`, `{from: [{source: {namespaces: [a]}}]}`, true},
		{`{from: [{source: {principals: ["*/sa/x"]}}]}`, `{from: [{source: {namespaces: [a]}}]}`, false},
		{`{from: [{source: {ipBlocks: [10.1.0.0/16]}}]}`, `{from: [{source: {ipBlocks: [10.0.0.0/8]}}]}`, true},
		{`{from: [{source: {ipBlocks: [10.0.0.0/8]}}]}`, `{from: [{source: {ipBlocks: [10.1.0.0/16]}}]}`, false},
		{`{from: [{source: {ipBlocks: [10.1.0.0/16]}}]}`, `{from: [{source: {remoteIpBlocks: [10.0.0.0/8]}}]}`, false},
		{`{when: [{key: "request.auth.claims[g]", values: [a]}]}`, `{when: [{key: "request.auth.claims[g]", notValues: [b]}]}`, false},
		{`{when: [{key: "request.headers[X-A]", values: [a]}]}`, `{when: [{key: "request.headers[x-a]", values: ["*"]}]}`, true},
	} {
		if got := ruleOf(t, c.narrow).Implies(ruleOf(t, c.wide)); got != c.want {
			t.Errorf("%s implies %s: %v", c.narrow, c.wide, got)
		}
	}
}

func TestContradictions(t *testing.T) {
	for text, want := range map[string]bool{
		`{from: [{source: {namespaces: [a], principals: [td/ns/b/sa/x]}}]}`:                                                        true,
		`{from: [{source: {namespaces: ["b*"], principals: [td/ns/b/sa/x]}}]}`:                                                     false,
		`{from: [{source: {namespaces: [a], principals: ["*"]}}]}`:                                                                 false,
		`{to: [{operation: {methods: [GET], notMethods: ["*"]}}]}`:                                                                 true,
		`{to: [{operation: {paths: ["/a*"], notPaths: ["/ab*"]}}]}`:                                                                false,
		`{to: [{operation: {ports: ["80"]}}], when: [{key: destination.port, values: ["81"]}]}`:                                    true,
		`{to: [{operation: {ports: ["80"]}}, {operation: {ports: ["81"]}}], when: [{key: destination.port, values: ["81"]}]}`:      false,
		`{when: [{key: source.ip, values: [10.0.0.0/8]}, {key: source.ip, values: [192.168.0.0/16]}]}`:                             true,
		`{when: [{key: source.ip, values: [10.0.0.0/8]}, {key: source.ip, values: [10.1.0.0/16]}]}`:                                false,
		`{when: [{key: "request.headers[a]", values: ["x*"]}, {key: "request.headers[a]", values: ["*y"]}]}`:                       false,
		`{when: [{key: "request.auth.claims[g]", values: [a]}, {key: "request.auth.claims[g]", values: [b]}]}`:                     false,
		`{when: [{key: source.namespace, values: ["a*c"]}, {key: source.namespace, values: ["abc", "x"]}]}`:                        false,
		`{when: [{key: "request.headers[a]", values: ["x*"]}, {key: "request.headers[b]", values: [z]}]}`:                          false,
		`{to: [{operation: {paths: ["/{*}/a"]}}], from: [{source: {serviceAccounts: [a], notServiceAccounts: [shop/a, shop/b]}}]}`: true,
	} {
		if _, _, got := ruleOf(t, text).Contradiction(); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
