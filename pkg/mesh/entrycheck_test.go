package mesh

import (
	"testing"
)

// TestEntryProblems: what a ServiceEntry cannot mean is left out, and the rest of it goes on.
func TestEntryProblems(t *testing.T) {
	for name, c := range map[string]struct{ spec, field, message string }{
		"two ways to endpoints":  {"{hosts: [a.b], ports: [{number: 80, name: http}], resolution: STATIC, workloadSelector: {labels: {a: b}}, endpoints: [{address: 10.0.0.1}]}", "spec.workloadSelector", "stands beside endpoints; it is ignored"},
		"a selector without use": {"{hosts: [a.b], ports: [{number: 80, name: http}], workloadSelector: {labels: {a: b}}}", "spec.workloadSelector", "has no effect with resolution NONE, by which connections go where the client says"},
		"no ports":               {"{hosts: [a.b]}", "spec.ports", "without ports nothing is served"},
		"exportTo":               {"{hosts: [a.b], ports: [{number: 80, name: http}], exportTo: [Prod]}", "spec.exportTo[0]", `"Prod" is no namespace`},
		"half a wildcard":        {"{hosts: ['*b.c'], ports: [{number: 80, name: http}]}", "spec.hosts[0]", `"*b.c" is not a host`},
		"a name by the request":  {"{hosts: [a.b], ports: [{number: 80, name: http}], resolution: DYNAMIC_DNS}", "spec.hosts[0]", "resolution DYNAMIC_DNS is for wildcard hosts only"},
		"bytes by the request":   {"{hosts: ['*.b'], ports: [{number: 80, name: http, protocol: HTTP}, {number: 90, name: tcp, protocol: TCP}], resolution: DYNAMIC_DNS}", "spec.ports[1].protocol", "resolution DYNAMIC_DNS needs a protocol that says which host is meant: tcp does not; the port is left out"},
		"an address by name":     {"{hosts: ['*.b'], addresses: [10.0.0.1], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DYNAMIC_DNS}", "spec.addresses[0]", "resolution DYNAMIC_DNS goes by names only; the address is left out"},
		"a range by name":        {"{hosts: [a.b], addresses: [10.0.0.0/8], ports: [{number: 80, name: http}], resolution: DNS}", "spec.addresses[0]", "a range of addresses needs resolution NONE or STATIC; it is left out"},
		"targetPort":             {"{hosts: [a.b], ports: [{number: 80, name: http, targetPort: 70000}, {number: 90, name: more}]}", "spec.ports[0].targetPort", "port 70000 is not between 1 and 65535; the port is left out"},
		"protocol":               {"{hosts: [a.b], ports: [{number: 80, name: http, protocol: SPDY}]}", "spec.ports[0].protocol", `the protocol "SPDY" is not known; the port is taken for TCP`},
		"port names":             {"{hosts: [a.b], ports: [{number: 80, name: http}, {number: 81, name: http}]}", "spec.ports[1].name", `the name "http" is given to two ports; ports of endpoints that have it mean both`},
		"endpoints of NONE":      {"{hosts: [a.b], ports: [{number: 80, name: http}], endpoints: [{address: 10.0.0.1}]}", "spec.endpoints", "resolution NONE sends connections where the client says; the endpoints are ignored"},
		"two of one":             {"{hosts: [a.b], ports: [{number: 80, name: http}], resolution: DNS_ROUND_ROBIN, endpoints: [{address: c.d}, {address: e.f}]}", "spec.endpoints[1]", "resolution DNS_ROUND_ROBIN has one endpoint; this one is left out"},
		"a socket in DNS":        {"{hosts: [a.b], ports: [{number: 80, name: http}], resolution: DNS, endpoints: [{address: 'unix:///x'}]}", "spec.endpoints[0].address", "a Unix socket needs resolution STATIC; the endpoint is left out"},
		"a socket for two":       {"{hosts: [a.b], ports: [{number: 80, name: http}, {number: 81, name: more}], resolution: STATIC, endpoints: [{address: 'unix:///x'}]}", "spec.endpoints[0].address", "with a Unix socket there must be exactly one port; the endpoint is left out"},
		"a wildcard in DNS":      {"{hosts: [a.b], ports: [{number: 80, name: http}], resolution: DNS, endpoints: [{address: '*.c.d'}]}", "spec.endpoints[0].address", `"*.c.d" is no name that DNS knows; the endpoint is left out`},
		"a port of nobody":       {"{hosts: [a.b], ports: [{number: 80, name: http}], resolution: STATIC, endpoints: [{address: 10.0.0.1, ports: {htp: 8080}}]}", "spec.endpoints[0].ports.htp", "the ServiceEntry has no port of that name"},
	} {
		t.Run(name, func(t *testing.T) {
			s := build(t, "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: e, namespace: prod}\nspec: "+c.spec)
			for _, p := range s.Problems() {
				if p.Field == c.field && p.Message == c.message && p.Fix != "" {
					return
				}
			}
			t.Errorf("want %s: %s, got %v", c.field, c.message, s.Problems())
		})
	}
}

// TestGatewayProblems: a server that cannot be served is left out with a reason, and the others go on.
func TestGatewayProblems(t *testing.T) {
	const port = "port: {number: 80, name: http, protocol: HTTP}"
	for name, c := range map[string]struct{ servers, field, message string }{
		"none":                    {"[]", "spec.servers", "a Gateway without servers serves nothing"},
		"no hosts":                {"[{" + port + "}]", "spec.servers[0].hosts", "the server has no hosts; it is left out"},
		"a host with a path":      {"[{" + port + ", hosts: [a.b/c/d]}]", "spec.servers[0].hosts[0]", `"a.b/c/d" is not a host; it is left out`},
		"half a wildcard":         {"[{" + port + ", hosts: [a.b, '*c.d']}]", "spec.servers[0].hosts[1]", `"*c.d" is not a host; it is left out`},
		"the namespace of nobody": {"[{" + port + ", hosts: ['~/*']}]", "spec.servers[0].hosts[0]", `the namespace "~" means no VirtualService at all; the host is left out`},
		"port 0":                  {"[{port: {number: 0, name: http, protocol: HTTP}, hosts: ['*']}]", "spec.servers[0].port", "port 0 is not between 1 and 65535; the server is left out"},
		"bind to a name":          {"[{" + port + ", hosts: ['*'], bind: localhost}]", "spec.servers[0].bind", `"localhost" is neither an IP address nor a Unix socket; the server is left out`},
		"a socket with a port":    {"[{" + port + ", hosts: ['*'], bind: 'unix://@edge'}]", "spec.servers[0].port.number", "a Unix socket has no port; the server is left out"},
		"a socket in a folder": {"[{port: {number: 0, name: http, protocol: HTTP}, hosts: ['*'], bind: 'unix:///no/edge'}]", "spec.servers[0].bind",
			"whether unix:///no/edge can be made is known to the gateway's machine only, and Envoy refuses a listener whose folder is missing; the server is left out"},
		"names": {"[{name: a, " + port + ", hosts: ['*']}, {name: a, port: {number: 81, name: more, protocol: HTTP}, hosts: ['*']}]", "spec.servers[1].name",
			`the name "a" is given to two servers; their statistics are counted together`},
	} {
		t.Run(name, func(t *testing.T) {
			s := build(t, "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g, namespace: prod}\nspec: {selector: {a: b}, servers: "+c.servers+"}")
			for _, p := range s.Problems() {
				if p.Field == c.field && p.Message == c.message && p.Fix != "" {
					return
				}
			}
			t.Errorf("want %s: %s, got %v", c.field, c.message, s.Problems())
		})
	}
}
