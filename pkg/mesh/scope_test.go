package mesh

import (
	"fmt"
	"strings"
	"testing"
)

func sidecarObject(name, namespace, spec string) string {
	return fmt.Sprintf("\n---\napiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: %s, namespace: %s}\nspec: %s", name, namespace, spec)
}

// short shortens hosts to what differs.
func short(hosts []string) string {
	return strings.ReplaceAll(strings.Join(hosts, " "), ".svc.cluster.local", "")
}

func TestSidecarEgress(t *testing.T) {
	mesh := services("web.prod", "db.prod", "web.test") + `
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: e, namespace: ext}
spec: {hosts: [api.example.com], ports: [{number: 443, name: tls, protocol: TLS}, {number: 80, name: http, protocol: HTTP}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: w, namespace: ext}
spec: {hosts: ["*.wild.example.com"], ports: [{number: 443, name: tls, protocol: TLS}]}`
	for _, c := range []struct{ hosts, want string }{
		{`["*/*"]`, "*.wild.example.com api.example.com db.prod web.prod web.test"},
		{`["./*"]`, "web.test"},
		{`["prod/*"]`, "db.prod web.prod"},
		{`["~/*"]`, ""},
		{`["./*", "prod/db.prod.svc.cluster.local"]`, "db.prod web.test"},
		{`["*/*.example.com"]`, "*.wild.example.com api.example.com"},
		{`["ext/*.wild.example.com"]`, "*.wild.example.com"},
		{`["prod/api.example.com"]`, ""},
		{`["*/web.prod"]`, ""},
	} {
		t.Run(c.hosts, func(t *testing.T) {
			s := build(t, mesh+sidecarObject("s", "test", "{egress: [{hosts: "+c.hosts+"}]}"))
			if got := short(hostsOf(scopeOf(s, sidecarIn("test")))); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	s := build(t, mesh+sidecarObject("s", "test", `{egress: [{port: {number: 443, name: tls, protocol: TLS}, hosts: ["ext/api.example.com", "prod/*"]}]}`))
	scope := scopeOf(s, sidecarIn("test"))
	if got := short(hostsOf(scope)); got != "api.example.com" {
		t.Errorf("with a port: %q", got)
	}
	if p := scope.Services[0].Ports; len(p) != 1 || p[0].Number != 443 {
		t.Errorf("ports %v", p)
	}
}

func TestSidecarPrecedence(t *testing.T) {
	root := sidecarObject("default", "istio-system", `{egress: [{hosts: ["~/*"]}], outboundTrafficPolicy: {mode: REGISTRY_ONLY}}`)
	wide := sidecarObject("wide", "test", `{egress: [{hosts: ["./*"]}], outboundTrafficPolicy: {mode: ALLOW_ANY}}`)
	sel := sidecarObject("sel", "test", `{workloadSelector: {labels: {app: x}}, egress: [{hosts: ["prod/*"]}]}`)
	for _, c := range []struct {
		name, yaml string
		p          Proxy
		sidecar    string
		hosts      string
		allowAny   bool
	}{
		{"none", "", sidecarIn("test"), "", "web.prod web.test", true},
		{"mesh policy", meshYAML("outboundTrafficPolicy: {mode: REGISTRY_ONLY}"), sidecarIn("test"), "", "web.prod web.test", false},
		{"root", root, sidecarIn("test"), "istio-system/default", "", false},
		{"namespace before root", root + wide, sidecarIn("test"), "test/wide", "web.test", true},
		{"selector before namespace", root + wide + sel, sidecarIn("test", "app=x"), "test/sel", "web.prod", true},
		{"selector that does not match", root + wide + sel, sidecarIn("test", "app=y"), "test/wide", "web.test", true},
		{"a selector in the root namespace is of that namespace", sidecarObject("s", "istio-system", "{workloadSelector: {labels: {app: x}}}"), sidecarIn("test", "app=x"), "", "web.prod web.test", true},
		{"gateways have none", root, Proxy{Type: Router, Namespace: "test"}, "", "web.prod web.test", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := build(t, services("web.prod", "web.test")+c.yaml)
			scope, name := scopeOf(s, c.p), ""
			if scope.Sidecar != nil {
				name = scope.Sidecar.Key.Namespace + "/" + scope.Sidecar.Key.Name
			}
			if got := short(hostsOf(scope)); got != c.hosts || name != c.sidecar || scope.AllowAny != c.allowAny {
				t.Errorf("sidecar %q hosts %q allow any %v", name, got, scope.AllowAny)
			}
		})
	}
}

func TestSidecarAndVirtualServices(t *testing.T) {
	const route = "{hosts: [web.prod.svc.cluster.local], http: [{route: [{destination: {host: db.prod.svc.cluster.local}}]}]}"
	s := build(t, services("web.prod", "db.prod")+virtualService("v", "prod", route)+
		sidecarObject("s", "test", `{egress: [{hosts: ["prod/web.prod.svc.cluster.local"]}]}`))
	scope := scopeOf(s, sidecarIn("test"))
	if got := short(hostsOf(scope)); got != "db.prod web.prod" {
		t.Errorf("a destination of a visible VirtualService must be visible too: %q", got)
	}
	s = build(t, services("web.prod", "db.prod")+virtualService("v", "other", route)+
		sidecarObject("s", "test", `{egress: [{hosts: ["prod/web.prod.svc.cluster.local"]}]}`))
	if got := scopeOf(s, sidecarIn("test")).Services[0].Virtual; len(got) != 0 {
		t.Errorf("a VirtualService of a namespace that egress does not list counts: %v", got)
	}
}

func TestPeerAuthentication(t *testing.T) {
	policy := func(name, ns, spec string) string {
		return fmt.Sprintf("\n---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: %s, namespace: %s}\nspec: %s", name, ns, spec)
	}
	mesh := policy("mesh", "istio-system", "{mtls: {mode: STRICT}}")
	space := policy("ns", "prod", "{mtls: {mode: DISABLE}}")
	for _, c := range []struct{ name, yaml, labels, want string }{
		{"none", "", "app=x", "0 map[]"},
		{"mesh", mesh, "app=x", "1 map[]"},
		{"namespace", mesh + space, "app=x", "2 map[]"},
		{"namespace UNSET inherits", mesh + policy("ns", "prod", "{mtls: {mode: UNSET}}"), "app=x", "1 map[]"},
		{"namespace without mtls inherits", mesh + policy("ns", "prod", "{}"), "app=x", "1 map[]"},
		{"workload", mesh + space + policy("w", "prod", "{selector: {matchLabels: {app: x}}, mtls: {mode: PERMISSIVE}}"), "app=x", "0 map[]"},
		{"another workload", mesh + space + policy("w", "prod", "{selector: {matchLabels: {app: x}}, mtls: {mode: PERMISSIVE}}"), "app=y", "2 map[]"},
		{"ports, the rest inherits", mesh + policy("w", "prod", "{selector: {matchLabels: {app: x}}, portLevelMtls: {8080: {mode: DISABLE}, 9090: {mode: UNSET}}}"), "app=x", "1 map[8080:2]"},
		{"ports need a selector", policy("ns", "prod", "{portLevelMtls: {8080: {mode: DISABLE}}}"), "app=x", "0 map[]"},
		{"the oldest of a namespace", policy("a, creationTimestamp: \"2024-01-02T00:00:00Z\"", "prod", "{mtls: {mode: STRICT}}") +
			policy("b, creationTimestamp: \"2024-01-01T00:00:00Z\"", "prod", "{mtls: {mode: DISABLE}}"), "app=x", "2 map[]"},
		{"another namespace", policy("ns", "test", "{mtls: {mode: STRICT}}"), "app=x", "0 map[]"},
		{"root namespace with a selector", policy("w", "istio-system", "{selector: {matchLabels: {app: x}}, mtls: {mode: STRICT}}"), "app=x", "0 map[]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := build(t, c.yaml).Workload(sidecarIn("prod", c.labels))
			if got := fmt.Sprint(w.PeerAuthn.Mode, w.PeerAuthn.Ports); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestGateways(t *testing.T) {
	gw := func(ns, hosts string) string {
		return "\n---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: gw, namespace: " + ns + "}\nspec: {selector: {istio: ingressgateway}, servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: " +
			hosts + ", tls: {mode: SIMPLE, credentialName: cert}}]}"
	}
	const host = "{hosts: [shop.example.com], gateways: [prod/gw], " + toWeb + "}"
	router := Proxy{Type: Router, Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway"}}
	for _, c := range []struct{ name, yaml, want string }{
		{"any host", gw("prod", `["*"]`) + virtualService("v", "test", host), "test/v "},
		{"name without namespace", gw("prod", `["*"]`) + virtualService("v", "prod", "{hosts: [shop.example.com], gateways: [gw], "+toWeb+"}"), "prod/v "},
		{"hosts that do not meet", gw("prod", `["*.example.org"]`) + virtualService("v", "test", host), ""},
		{"wildcard", gw("prod", `["*.example.com"]`) + virtualService("v", "test", host), "test/v "},
		{"wildcard VirtualService", gw("prod", `["shop.example.com"]`) + virtualService("v", "test", `{hosts: ["*"], gateways: [prod/gw], `+toWeb+"}"), "test/v "},
		{"namespace of the hosts", gw("prod", `["other/*"]`) + virtualService("v", "test", host), ""},
		{"own namespace of the hosts", gw("prod", `["./*"]`) + virtualService("v", "test", host) + virtualService("w", "prod", host), "prod/w "},
		{"not visible to the gateway", gw("prod", `["*"]`) + virtualService("v", "test", `{hosts: [shop.example.com], gateways: [prod/gw], exportTo: ["."], `+toWeb+"}"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := build(t, services("web.prod")+c.yaml)
			got := ""
			for _, v := range scopeOf(s, router).Servers[0].Virtual {
				got += v.Object.Key.Namespace + "/" + v.Object.Key.Name + " "
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	secret := func(ns string) string {
		return "\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: cert, namespace: " + ns + "}\ntype: kubernetes.io/tls\ndata: {tls.crt: YQ==, tls.key: YQ==}"
	}
	if c := scopeOf(build(t, gw("prod", `["*"]`)+secret("prod")), router).Servers[0].Credentials[0].Object; c != nil {
		t.Errorf("the credential is that of the Gateway's namespace, not the proxy's: %v", c.Key)
	}
	if c := scopeOf(build(t, gw("prod", `["*"]`)+secret("istio-system")), router).Servers[0].Credentials[0].Object; c == nil {
		t.Error("no credential")
	}
	if s := scopeOf(build(t, gw("prod", `["*"]`)), Proxy{Type: Router, Namespace: "prod"}).Servers; len(s) != 0 {
		t.Errorf("a gateway that the selector does not match has servers: %v", s)
	}
}

func TestWorkload(t *testing.T) {
	s := build(t, webService+`
apiVersion: v1
kind: Service
metadata: {name: web-metrics, namespace: prod}
spec: {selector: {app: web}, ports: [{name: http, port: 9090}, {name: tcp, port: 81, targetPort: 8080}]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: vm, namespace: prod}
spec: {address: 10.0.0.1, labels: {app: web}, ports: {http: 7000}, serviceAccount: sa}`)
	ports := func(p Proxy) string {
		out := ""
		for _, w := range s.Workload(p).Ports {
			out += fmt.Sprintf("%d=%s:%d/%s ", w.Target, w.Service.Name, w.Port.Number, w.Protocol)
		}
		return out
	}
	if got, want := ports(sidecarIn("prod", "app=web")), "8080=web:80/http 9090=web-metrics:9090/http "; got != want {
		t.Errorf("by labels: got %q, want %q", got, want)
	}
	byAddress := Proxy{Namespace: "prod", Name: "unknown", Addresses: []string{"10.0.0.1"}}
	if got, want := ports(byAddress), "7000=web:80/http 8080=web-metrics:81/tcp "; got != want {
		t.Errorf("by address: got %q, want %q", got, want)
	}
	if w := s.Workload(byAddress); w.ServiceAccount != "sa" || w.Labels["app"] != "web" {
		t.Errorf("%+v", w)
	}
	if got := ports(sidecarIn("prod", "app=other")); got != "" {
		t.Errorf("not selected: %q", got)
	}
}

func TestListens(t *testing.T) {
	s := build(t, services("web.prod")+`
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: prod}
spec: {selector: {app: db}, ports: [{name: tcp, port: 5432}, {name: dns, port: 53, protocol: UDP}]}`)
	names := func(p Proxy) []string {
		var out []string
		for _, l := range s.Listens(p) {
			out = append(out, l.Name)
		}
		return out
	}
	p := sidecarIn("prod", "app=db")
	equal(t, "redirected", names(p), nil)
	p.Mode, p.AppPorts = Explicit, map[uint32]uint32{9999: 1}
	equal(t, "explicit", names(p), []string{"http_proxy", "inbound|5432", "inbound|9999",
		"outbound|5432|db.prod.svc.cluster.local", "outbound|80|web.prod.svc.cluster.local"})
	s = Build(large(300), Options{})
	equal(t, "a large mesh has no ports for plain HTTP", names(Proxy{Mode: Explicit, Namespace: "ns1"}), []string{"http_proxy"})
}

// TestBoundPorts: the registry's entry maps target ports to where the proxy of an Explicit workload listens.
func TestBoundPorts(t *testing.T) {
	s := build(t, webService+`
apiVersion: v1
kind: Service
metadata: {name: web-admin, namespace: prod}
spec: {selector: {app: web}, ports: [{name: http, port: 90, targetPort: 9090}, {name: more, port: 91}]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: p, namespace: prod, annotations: {meshctl.io/bound-ports: "true"}}
spec: {address: 127.0.0.1, labels: {app: web}, ports: {"8080": 31000, "9090": 32000, http: 32000}, serviceAccount: sa}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: p, namespace: prod}
spec: {selector: {matchLabels: {app: web}}, portLevelMtls: {9090: {mode: DISABLE}}}`)
	web, admin := endpointsOf(t, s, "web.prod.svc.cluster.local"), endpointsOf(t, s, "web-admin.prod.svc.cluster.local")
	equal(t, "web", places(web), []string{"127.0.0.1:31000"})
	equal(t, "admin", places(admin), []string{"127.0.0.1:32000"})
	if !web.Endpoints[0].MutualTLS || admin.Endpoints[0].MutualTLS {
		t.Error("portLevelMtls is about target ports")
	}
	svc := s.Service("web-admin.prod.svc.cluster.local", "prod")
	equal(t, "a port that is not bound is not served", places(s.Endpoints(svc, svc.Ports[1])), nil)
	p := sidecarIn("prod", "app=web")
	p.Mode = Explicit
	var targets []uint32
	for _, w := range s.Workload(p).Ports {
		targets = append(targets, w.Target)
	}
	equal(t, "targets", targets, []uint32{91, 8080, 9090})
}
