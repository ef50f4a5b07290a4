package mesh

import (
	"fmt"
	"testing"
)

func TestPortProtocol(t *testing.T) {
	for _, c := range []struct {
		transport, app, name string
		want                 Protocol
	}{
		{"TCP", "", "http", HTTP}, {"TCP", "", "http-web", HTTP}, {"", "", "http2-x", HTTP2}, {"", "", "grpc", GRPC},
		{"", "", "grpc-web", GRPCWeb}, {"", "", "grpc-web-x", GRPCWeb}, {"", "", "grpc-webby", GRPC}, {"", "", "https", HTTPS},
		{"", "", "tls-x", TLS}, {"", "", "tcp", TCP}, {"", "", "mongo-db", TCP}, {"", "", "redis", TCP}, {"", "", "mysql", TCP},
		{"", "", "web", Auto}, {"", "", "httpx", Auto}, {"", "", "", Auto}, {"", "", "HTTP-Upper", HTTP},
		{"UDP", "", "http", UDP}, {"SCTP", "", "", UDP}, {"UDP", "http", "", UDP},
		{"TCP", "http2", "tcp-x", HTTP2}, {"TCP", "kubernetes.io/h2c", "", HTTP2}, {"TCP", "grpc", "http", GRPC}, {"TCP", "unknown", "http", HTTP},
	} {
		if got := portProtocol(c.transport, c.app, c.name); got != c.want {
			t.Errorf("transport %q, appProtocol %q, name %q: %v, want %v", c.transport, c.app, c.name, got, c.want)
		}
	}
}

func TestServerFirstPortsAreTCP(t *testing.T) {
	s := build(t, `
apiVersion: v1
kind: Service
metadata: {name: db, namespace: prod}
spec: {ports: [{name: db, port: 3306}, {name: http-odd, port: 27017}, {name: other, port: 3307}]}
`)
	svc := scopeOf(s, sidecarIn("prod")).Service("db.prod.svc.cluster.local")
	equal(t, "protocols", []Protocol{svc.Ports[0].Protocol, svc.Ports[1].Protocol, svc.Ports[2].Protocol}, []Protocol{TCP, Auto, HTTP})
}

func describe(s *Service) string {
	out := fmt.Sprintf("%s ns=%s res=%d addr=%v ext=%v headless=%v", s.Host, s.Namespace, s.Resolution, s.Addresses, s.External, s.Headless)
	for _, p := range s.Ports {
		out += fmt.Sprintf(" %d/%s->%d%s", p.Number, p.Protocol, p.TargetPort, p.TargetName)
	}
	return out
}

func TestServices(t *testing.T) {
	for _, c := range []struct{ name, yaml, host, want string }{
		{"cluster IP", `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: prod}
spec:
  clusterIP: 10.1.2.3
  ports: [{name: tcp-b, port: 90, targetPort: 9000}, {name: http-a, port: 80, targetPort: named}, {name: dns, port: 53, protocol: UDP}]`,
			"web.prod.svc.cluster.local", "web.prod.svc.cluster.local ns=prod res=0 addr=[10.1.2.3] ext=false headless=false 53/udp->53 80/http->0named 90/tcp->9000"},
		{"headless without HTTP goes where the client went", `
apiVersion: v1
kind: Service
metadata: {name: db, namespace: prod}
spec: {clusterIP: None, ports: [{name: tcp, port: 5432}]}`,
			"db.prod.svc.cluster.local", "db.prod.svc.cluster.local ns=prod res=3 addr=[] ext=false headless=true 5432/tcp->5432"},
		{"headless with HTTP is balanced", `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: prod}
spec: {clusterIP: None, ports: [{name: http, port: 80}]}`,
			"web.prod.svc.cluster.local", "web.prod.svc.cluster.local ns=prod res=0 addr=[] ext=false headless=true 80/http->80"},
		{"external name", `
apiVersion: v1
kind: Service
metadata: {name: api, namespace: prod}
spec: {type: ExternalName, externalName: API.example.com, ports: [{name: https, port: 443}]}`,
			"api.prod.svc.cluster.local", "api.prod.svc.cluster.local ns=prod res=1 addr=[] ext=true headless=false 443/https->443"},
		{"service entry", `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: api, namespace: prod}
spec:
  hosts: [API.example.com, "*.example.org"]
  addresses: [240.0.0.1]
  ports: [{number: 443, name: tls, protocol: TLS, targetPort: 8443}, {number: 80, name: x, protocol: HTTP}]
  resolution: NONE`,
			"api.example.com", "api.example.com ns=prod res=3 addr=[240.0.0.1] ext=true headless=false 80/http->80 443/tls->8443"},
		{"wildcard host", `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: api, namespace: prod}
spec: {hosts: ["*.example.org"], ports: [{number: 443, name: tls, protocol: TLS}], location: MESH_INTERNAL}`,
			"*.example.org", "*.example.org ns=prod res=3 addr=[] ext=false headless=false 443/tls->443"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := build(t, c.yaml)
			svc := s.Service(c.host, "prod")
			if svc == nil {
				t.Fatalf("no service %s", c.host)
			}
			if got := describe(svc); got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
			equal(t, "problems", messages(s), nil)
		})
	}
}

func TestServiceEntriesOfOneHostMerge(t *testing.T) {
	s := build(t, `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: one, namespace: prod, creationTimestamp: "2024-01-01T00:00:00Z"}
spec:
  hosts: [api.example.com]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 10.0.0.1}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: two, namespace: prod, creationTimestamp: "2024-01-02T00:00:00Z"}
spec:
  hosts: [api.example.com]
  ports: [{number: 80, name: http, protocol: HTTP}, {number: 443, name: tls, protocol: TLS}]
  resolution: STATIC
  endpoints: [{address: 10.0.0.2}]
`)
	svc := s.Service("api.example.com", "x")
	if len(svc.Ports) != 2 || svc.From.Name != "one" {
		t.Fatalf("%s from %v", describe(svc), svc.From)
	}
	equal(t, "80", places(s.Endpoints(svc, svc.Ports[0])), []string{"10.0.0.1:80", "10.0.0.2:80"})
	equal(t, "443", places(s.Endpoints(svc, svc.Ports[1])), []string{"10.0.0.2:443"})
}

func TestExportTo(t *testing.T) {
	const yaml = `
apiVersion: v1
kind: Service
metadata: {name: open, namespace: prod}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: own, namespace: prod, annotations: {networking.istio.io/exportTo: "."}}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: some, namespace: prod, annotations: {networking.istio.io/exportTo: "test, dev"}}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: none, namespace: prod, annotations: {networking.istio.io/exportTo: "~"}}
spec: {ports: [{name: http, port: 80}]}
`
	s := build(t, yaml)
	equal(t, "prod", hostsOf(scopeOf(s, sidecarIn("prod"))), []string{"open.prod.svc.cluster.local", "own.prod.svc.cluster.local"})
	equal(t, "test", hostsOf(scopeOf(s, sidecarIn("test"))), []string{"open.prod.svc.cluster.local", "some.prod.svc.cluster.local"})
	equal(t, "else", hostsOf(scopeOf(s, sidecarIn("else"))), []string{"open.prod.svc.cluster.local"})
	s = build(t, yaml+meshYAML(`defaultServiceExportTo: ["."]`))
	equal(t, "else with a default", hostsOf(scopeOf(s, sidecarIn("else"))), nil)
}

// meshYAML is the ConfigMap with the mesh-wide configuration.
func meshYAML(mesh string) string {
	return "\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata:\n  mesh: |\n    " + mesh + "\n"
}

func TestHostInSeveralNamespaces(t *testing.T) {
	entry := func(ns, created string) string {
		return "\n---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: e, namespace: " + ns + ", creationTimestamp: \"" + created +
			"\"}\nspec: {hosts: [api.example.com], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}"
	}
	s := build(t, entry("a", "2024-01-02T00:00:00Z")+entry("b", "2024-01-01T00:00:00Z")+entry("c", "2024-01-03T00:00:00Z"))
	for client, want := range map[string]string{"a": "a", "b": "b", "c": "c", "d": "b"} {
		if got := scopeOf(s, sidecarIn(client)).Service("api.example.com").Namespace; got != want {
			t.Errorf("from %s: the service of %s, want that of %s", client, got, want)
		}
		if got := s.Service("API.example.com", client).Namespace; got != want {
			t.Errorf("Service from %s: %s, want %s", client, got, want)
		}
	}
}

func TestServiceProblems(t *testing.T) {
	for _, c := range []struct{ name, yaml, want string }{
		{"no host", "spec: {ports: [{number: 80, name: http, protocol: HTTP}]}",
			"test.yaml:5:7: ServiceEntry/prod/e: spec.hosts: a ServiceEntry needs at least one host (fix: add the name that clients use)"},
		{"static name", "spec: {hosts: [a.b], resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: c.d}]}",
			`test.yaml:5:115: ServiceEntry/prod/e: spec.endpoints[0].address: "c.d" is not an IP address, which resolution STATIC needs; the endpoint is left out (fix: use resolution: DNS, or an address)`},
		{"wildcard in DNS", `spec: {hosts: ["*.b"], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}]}`,
			`test.yaml:5:16: ServiceEntry/prod/e: spec.hosts[0]: *.b cannot be looked up in DNS (fix: list endpoints, or use resolution: NONE)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := build(t, "\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: e, namespace: prod}\n"+c.yaml)
			equal(t, "problems", messages(s), []string{c.want})
		})
	}
}
