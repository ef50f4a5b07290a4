package gatewayapi_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

func weights(m *meshtest.Mesh, g *meshtest.Workload) {
	yaml := gateway(httpListener) + httpRoute("route", ``, `
		{matches: [{path: {value: /split}}], backendRefs: [{name: one, port: 80, weight: 3}, {name: two, port: 80}, {name: three, port: 80, weight: 0}]},
		{matches: [{path: {value: /part}}], backendRefs: [{name: one, port: 80}, {name: missing, port: 80}]},
		{matches: [{path: {value: /zero}}], backendRefs: [{name: one, port: 80, weight: 0}]},
		{matches: [{path: {value: /none}}]}, {matches: [{path: {value: /port}}], backendRefs: [{name: one, port: 81}]},
		{matches: [{path: {value: /kind}}], backendRefs: [{kind: Function, group: example.com, name: one, port: 80}]},
		{matches: [{path: {value: /hostname}}], backendRefs: [{kind: Hostname, group: networking.istio.io, name: two.default.svc.cluster.local, port: 80}]}`)
	m.Case("weights", yaml, func(t *testing.T) {
		client := g.ClientAt("gateway|80")
		meshtest.Share(t, 200, 0.75, func() bool { return meshtest.Get(t, client, "http://a.example.com/split").Echo.Program == "one" })
		meshtest.Share(t, 100, 0.5, func() bool {
			return meshtest.Get(t, client, "http://a.example.com/part").Status == http.StatusInternalServerError
		})
		expect(t, client, map[string]any{"a.example.com/zero": 500, "a.example.com/none": 500, "a.example.com/port": 500, "a.example.com/kind": 500, "a.example.com/hostname": "two"})
		told(t, m, "HTTPRoute/route", "spec.rules[1].backendRefs[1]", "there is no Service default/missing")
		told(t, m, "HTTPRoute/route", "spec.rules[4].backendRefs[0].port", "has no port 81")
	})
}

func attachment(m *meshtest.Mesh, g *meshtest.Workload) {
	listeners := `{name: wild, protocol: HTTP, port: 80, hostname: "*.example.com"}, {name: exact, protocol: HTTP, port: 80, hostname: a.other.org},
		{name: second, protocol: HTTP, port: 81}, {name: all, protocol: HTTP, port: 82, allowedRoutes: {namespaces: {from: All}}},
		{name: labelled, protocol: HTTP, port: 83, allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {team: t}}}}},
		{name: grpc, protocol: HTTP, port: 84, allowedRoutes: {kinds: [{kind: GRPCRoute}]}}`
	inOther := func(name, section string) string {
		return "---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: " + name + ", namespace: other}\n" +
			"spec: {parentRefs: [{name: edge, namespace: default" + section + "}], rules: [{backendRefs: [{name: foreign, port: 80}]}]}\n"
	}
	yaml := "---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: edge, namespace: default}\nspec: {gatewayClassName: istio, allowedListeners: {namespaces: {from: Same}}, listeners: [" + listeners + "]}\n" +
		"---\napiVersion: v1\nkind: Namespace\nmetadata: {name: other, labels: {team: t}}\n" +
		gatewayAPI("HTTPRoute", "section", `{parentRefs: [{name: edge, sectionName: wild}], hostnames: [a.example.com, "*.example.com", c.other.org], rules: [{`+to("one")+`}]}`) +
		gatewayAPI("HTTPRoute", "port", `{parentRefs: [{name: edge, port: 81}], rules: [{`+to("two")+`}]}`) +
		gatewayAPI("HTTPRoute", "any", `{parentRefs: [{name: edge, sectionName: exact}], rules: [{`+to("three")+`}]}`) +
		gatewayAPI("HTTPRoute", "nowhere", `{parentRefs: [{name: edge, sectionName: wild}], hostnames: [x.other.org], rules: [{`+to("two")+`}]}`) +
		gatewayAPI("HTTPRoute", "kind", `{parentRefs: [{name: edge, sectionName: grpc}], rules: [{`+to("two")+`}]}`) +
		gatewayAPI("ListenerSet", "more", `{parentRef: {name: edge}, listeners: [{name: added, protocol: HTTP, port: 85}]}`) +
		gatewayAPI("HTTPRoute", "set", `{parentRefs: [{name: more, kind: ListenerSet}], rules: [{`+to("two")+`}]}`) +
		inOther("refused", ", port: 81") + inOther("allowed", ", port: 82") + inOther("labelled", ", port: 83")
	m.Case("attachment", yaml, func(t *testing.T) {
		expect(t, g.ClientAt("gateway|80"), map[string]any{"a.example.com/": "one", "b.example.com/": "one", "c.other.org/": 404, "a.other.org/": "three", "x.other.org/": 404})
		expect(t, g.ClientAt("gateway|81"), map[string]any{"any.thing/": "two"})
		expect(t, g.ClientAt("gateway|82"), map[string]any{"any.thing/": "foreign"})
		expect(t, g.ClientAt("gateway|83"), map[string]any{"any.thing/": "foreign"})
		expect(t, g.ClientAt("gateway|85"), map[string]any{"any.thing/": "two"})
		told(t, m, "HTTPRoute/nowhere", "spec.parentRefs[0]", "serves one of the hostnames")
		told(t, m, "HTTPRoute/kind", "spec.parentRefs[0]", "allows a HTTPRoute")
		told(t, m, "HTTPRoute/refused", "spec.parentRefs[0]", "of the namespace other")
	})
}

func grants(m *meshtest.Mesh, g *meshtest.Workload) {
	route := gateway(httpListener) + httpRoute("route", ``, `{backendRefs: [{name: foreign, namespace: other, port: 80}]}`)
	m.Case("not granted", route, func(t *testing.T) {
		expect(t, g.ClientAt("gateway|80"), map[string]any{"a.example.com/": 500})
		told(t, m, "HTTPRoute/route", "spec.rules[0].backendRefs[0]", "no ReferenceGrant")
	})
	m.Case("granted", route+`---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: grant, namespace: other}
spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}], to: [{group: "", kind: Service, name: foreign}]}
`, func(t *testing.T) {
		expect(t, g.ClientAt("gateway|80"), map[string]any{"a.example.com/": "foreign"})
	})
}

func listenersTLS(m *meshtest.Mesh, g *meshtest.Workload) {
	yaml := gateway(`{name: one, protocol: HTTPS, port: 443, hostname: one.example.com, tls: {certificateRefs: [{name: one}]}},
		{name: two, protocol: HTTPS, port: 443, hostname: two.example.com, tls: {certificateRefs: [{name: two, namespace: other}]}},
		{name: refused, protocol: HTTPS, port: 443, hostname: three.example.com, tls: {certificateRefs: [{name: three, namespace: other}]}},
		{name: pass, protocol: TLS, port: 444, tls: {mode: Passthrough}}, {name: ends, protocol: TLS, port: 445, hostname: one.example.com, tls: {certificateRefs: [{name: one}]}}`) +
		httpRoute("route", ``, `{`+to("one")+`}`) +
		gatewayAPI("TLSRoute", "pass", `{parentRefs: [{name: edge, sectionName: pass}], hostnames: [one.example.com], rules: [{backendRefs: [{name: two, port: 8443}]}]}`) +
		gatewayAPI("TLSRoute", "pass-other", `{parentRefs: [{name: edge, sectionName: pass}], hostnames: ["*.example.com"], rules: [{backendRefs: [{name: three, port: 8443}]}]}`) +
		gatewayAPI("TLSRoute", "ends", `{parentRefs: [{name: edge, sectionName: ends}], hostnames: [one.example.com], rules: [{backendRefs: [{name: two, port: 7000}]}]}`) +
		certificate(m.T(), "default", "one", "one.example.com") + certificate(m.T(), "other", "two", "two.example.com") + certificate(m.T(), "other", "three", "three.example.com") + `---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: grant, namespace: other}
spec: {from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: default}], to: [{group: "", kind: Secret, name: two}]}
`
	m.Case("tls", yaml, func(t *testing.T) {
		for _, name := range []string{"one.example.com", "two.example.com"} {
			envoytest.Eventually(t, name, func() error {
				conn, err := dialTLS(g, 443, name)
				if err != nil {
					return err
				}
				defer conn.Close()
				return conn.ConnectionState().PeerCertificates[0].VerifyHostname(name)
			})
			client := g.ClientOf(&http.Transport{TLSClientConfig: &tls.Config{ServerName: name, InsecureSkipVerify: true}, DialContext: g.DialTo(at(g, 443))})
			meshtest.Expect(t, client, "https://"+name+"/", 200, "one GET")
		}
		if conn, err := dialTLS(g, 443, "three.example.com"); err == nil {
			conn.Close()
			t.Error("a listener without a certificate answers")
		}
		for name, program := range map[string]string{"one.example.com": "two", "x.example.com": "three"} {
			client := g.ClientOf(&http.Transport{TLSClientConfig: &tls.Config{ServerName: name, InsecureSkipVerify: true}, DialContext: g.DialTo(at(g, 444))})
			meshtest.Expect(t, client, "https://"+name+"/", 200, program+" GET")
		}
		greeted(t, "two", func() (net.Conn, error) { return dialTLS(g, 445, "one.example.com") })
		told(t, m, "Gateway/edge", "spec.listeners[2].tls.certificateRefs[0]", "no ReferenceGrant")
	})
}

func dialTLS(g *meshtest.Workload, port int, name string) (*tls.Conn, error) {
	return tls.Dial("tcp", at(g, port), &tls.Config{ServerName: name, InsecureSkipVerify: true})
}

// greeted wants a connection to be answered by a program.
func greeted(t *testing.T, want string, dial func() (net.Conn, error)) {
	t.Helper()
	envoytest.Eventually(t, want, func() error {
		conn, err := dial()
		if err != nil {
			return err
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(envoytest.Timeout))
		name, err := meshtest.Greeting(conn)
		if err == nil && name != want {
			err = fmt.Errorf("%q answers", name)
		}
		return err
	})
}

func streams(m *meshtest.Mesh, g *meshtest.Workload) {
	yaml := gateway(`{name: tcp, protocol: TCP, port: 31400}`) +
		gatewayAPI("TCPRoute", "route", `{parentRefs: [{name: edge}], rules: [{backendRefs: [{name: one, port: 7000, weight: 0}, {name: two, port: 7000}]}]}`)
	m.Case("tcp", yaml, func(t *testing.T) {
		greeted(t, "two", func() (net.Conn, error) { return net.Dial("tcp", at(g, 31400)) })
	})
}

func grpcRoutes(m *meshtest.Mesh, g *meshtest.Workload) {
	yaml := gateway(httpListener) + gatewayAPI("GRPCRoute", "route", `{parentRefs: [{name: edge}], rules: [
		{matches: [{method: {service: grpc.health.v1.Health}}], backendRefs: [{name: one, port: 9000}]},
		{matches: [{method: {service: grpc.health.v1.Health, method: Check}, headers: [{name: to, value: two}]}], backendRefs: [{name: two, port: 9000}]},
		{matches: [{method: {method: Check}, headers: [{name: to, value: three}]}, {method: {service: grpc.health.v1.Health, method: Check}, headers: [{name: to, value: three}]}], backendRefs: [{name: three, port: 9000}]},
		{matches: [{method: {type: RegularExpression, service: "other.*"}}], backendRefs: [{name: three, port: 9000}]}]}`)
	m.Case("grpc", yaml, func(t *testing.T) {
		for header, program := range map[string]string{"to=one": "one", "to=two": "two", "to=three": "three"} {
			if md, err := meshtest.CallGRPC(t, at(g, 80), header); err != nil || md.Get("program")[0] != program {
				t.Errorf("%s: %v %v", header, md, err)
			}
		}
		expect(t, g.ClientAt("gateway|80"), map[string]any{"a.example.com/unknown/Check": 404})
	})
}

func ingress(m *meshtest.Mesh, in *meshtest.Workload) {
	yaml := `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: default, annotations: {kubernetes.io/ingress.class: istio}}
spec:
  defaultBackend: {service: {name: three, port: {name: http}}}
  tls: [{hosts: [a.example.com], secretName: one}]
  rules:
  - host: a.example.com
    http: {paths: [{path: /exact, pathType: Exact, backend: {service: {name: one, port: {number: 80}}}}, {path: /prefix, pathType: Prefix, backend: {service: {name: two, port: {number: 80}}}},
      {path: /like.*, pathType: ImplementationSpecific, backend: {service: {name: two, port: {number: 80}}}}, {path: /lost, pathType: Prefix, backend: {service: {name: missing, port: {number: 80}}}}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: others, namespace: default}
spec: {ingressClassName: nginx, defaultBackend: {service: {name: one, port: {number: 80}}}}
` + certificate(m.T(), "default", "one", "a.example.com")
	m.Case("ingress", yaml, func(t *testing.T) {
		expect(t, in.ClientAt("gateway|80"), map[string]any{
			"a.example.com/exact": "one", "a.example.com/exact/x": "three", "a.example.com/prefix/x": "two", "a.example.com/prefixed": "three", "a.example.com/likely": "two",
			"a.example.com/lost": 500, "b.example.com/": "three",
		})
		client := in.ClientOf(&http.Transport{TLSClientConfig: &tls.Config{ServerName: "a.example.com", InsecureSkipVerify: true}, DialContext: in.DialTo(at(in, 443))})
		meshtest.Expect(t, client, "https://a.example.com/exact", 200, "one GET")
		told(t, m, "Ingress/web", "spec.rules[0].http.paths[3].backend.service.name", "there is no Service default/missing")
	})
}

// ingressSettings: which Ingresses count, and whose they are, is said in the MeshConfig.
func ingressSettings(m *meshtest.Mesh, g *meshtest.Workload) {
	ingress := func(name, settings, path, service string) string {
		return "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: " + name + ", namespace: default}\nspec: {" + settings +
			"rules: [{http: {paths: [{path: " + path + ", pathType: Prefix, backend: {service: {name: " + service + ", port: {number: 80}}}}]}}]}\n"
	}
	yaml := `
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "{ingressControllerMode: DEFAULT, ingressClass: mine, ingressSelector: special}"}
` + ingress("unclassed", "", "/unclassed", "one") + ingress("mine", "ingressClassName: mine, ", "/mine", "two") + ingress("istio", "ingressClassName: istio, ", "/istio", "three") +
		ingress("through", "ingressClassName: through, ", "/through", "three") + `---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: through}
spec: {controller: istio.io/ingress-controller}
`
	m.Case("ingress settings", yaml, func(t *testing.T) {
		expect(t, g.ClientAt("gateway|80"), map[string]any{"a.b/unclassed": "one", "a.b/mine": "two", "a.b/istio": 404, "a.b/through": "three"})
	})
}

// manual: a Gateway with the name of the Service that its proxies stand behind.
func manual(m *meshtest.Mesh, g *meshtest.Workload) {
	yaml := `
apiVersion: v1
kind: Service
metadata: {name: manual, namespace: default}
spec: {selector: {role: manual}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: chosen, namespace: other}
spec: {gatewayClassName: istio, addresses: [{type: Hostname, value: manual.default.svc.cluster.local}], listeners: [{name: http, protocol: HTTP, port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route, namespace: other}
spec: {parentRefs: [{name: chosen}], rules: [{backendRefs: [{name: foreign, port: 80}]}]}
`
	m.Case("manual", yaml, func(t *testing.T) {
		expect(t, g.ClientAt("gateway|8080"), map[string]any{"a.example.com/": "foreign"})
	})
}

// at is where a gateway serves a port.
func at(g *meshtest.Workload, port int) string {
	return fmt.Sprintf("127.0.0.1:%d", g.Port(fmt.Sprintf("gateway|%d", port)))
}
