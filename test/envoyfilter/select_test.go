package envoyfilter_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"testing"

	"github.com/meshctl/meshctl/internal/controlplane/controlplanetest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

const edge = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}
  - {port: {number: 443, name: web, protocol: HTTPS}, hosts: [secure.example.com], tls: {mode: SIMPLE, credentialName: web}}
  - {port: {number: 443, name: other, protocol: HTTPS}, hosts: [other.example.com], tls: {mode: SIMPLE, credentialName: web}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge, namespace: default}
spec:
  hosts: [shop.example.com, secure.example.com, other.example.com]
  gateways: [istio-system/edge]
  http: [{name: front, route: [{destination: {host: server, port: {number: 80}}}]}]
---
`

// system is an EnvoyFilter in the root namespace.
func system(spec, patches string) string {
	return "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: root, namespace: istio-system}\nspec:\n" + spec + "  configPatches:\n" + patches + "---\n"
}

// TestSelection: which proxies an EnvoyFilter is for, and gateways.
func TestSelection(t *testing.T) {
	m := meshtest.New(t, map[string]string{"services.yaml": services, "edge.yaml": edge, "secret.yaml": secret(t)})
	program := meshtest.StartProgram(t, "server")
	server := meshtest.Sidecar("server", "app=server", "version=v1")
	server.Ports = program.Ports()
	m.Start(server)
	client := m.Start(meshtest.Sidecar("client"))
	gateway := m.Start(meshtest.Gateway("edge", "istio=ingressgateway", "gateway.networking.k8s.io/gateway-name=edge", "gateway.networking.k8s.io/gateway-class-name=mesh"))
	m.Settle()
	inside := client.Client()
	outside, secure := gateway.ClientAt("gateway|80"), gateway.ClientOf(&http.Transport{
		DialContext: gateway.DialTo(fmt.Sprintf("127.0.0.1:%d", gateway.Port("gateway|443"))), TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	})
	has := func(t *testing.T, c *http.Client, url, want string) {
		t.Helper()
		meshtest.Await(t, c, meshtest.Request{URL: url}, func(a meshtest.Answer) error {
			if got := a.Echo.Header.Get("x-by"); got != want || a.Status != 200 {
				return fmt.Errorf("x-by is %q, want %q", got, want)
			}
			return nil
		})
	}
	sees := func(t *testing.T, edge bool, want string) {
		t.Helper()
		if edge {
			has(t, outside, "http://shop.example.com/", want)
			return
		}
		has(t, inside, "http://server/", want)
	}
	add := func(context, extra, value string) string {
		return at("HTTP_FILTER", "context: "+context+extra, "ADD", header("lua-"+value, "request", "x-by", value))
	}
	m.Case("the whole mesh, root first", system("", add("ANY", "", "r"))+filter("server", add("SIDECAR_INBOUND", "", "n")), func(t *testing.T) {
		sees(t, false, "rrn") // the client's, the server's, the server's own namespace's
		sees(t, true, "rrn")
	})
	m.Case("gateways", system("", add("GATEWAY", "", "g")), func(t *testing.T) {
		sees(t, false, "")
		sees(t, true, "g")
	})
	m.Case("by a Gateway of the Gateway API", system("  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: edge}]\n", add("GATEWAY", "", "t")), func(t *testing.T) { sees(t, true, "t") })
	m.Case("by its class", system("  targetRefs: [{group: gateway.networking.k8s.io, kind: GatewayClass, name: mesh}]\n", add("GATEWAY", "", "c")), func(t *testing.T) { sees(t, true, "c") })
	m.Case("by another one", system("  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: other}]\n", add("GATEWAY", "", "t")), func(t *testing.T) { sees(t, true, "") })
	m.Case("priority", system("  priority: 10\n", add("GATEWAY", "", "b"))+
		"apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: zero, namespace: istio-system}\nspec:\n  configPatches:\n"+add("GATEWAY", "", "a"), func(t *testing.T) { sees(t, true, "ab") })
	m.Case("proxies by version and metadata", system("", add("GATEWAY", `, proxy: {proxyVersion: '^1\.31.*'}`, "v")+add("GATEWAY", `, proxy: {proxyVersion: '^1\.20.*'}`, "o")+
		add("GATEWAY", ", proxy: {metadata: {NAME: edge}}", "m")+add("GATEWAY", ", proxy: {metadata: {NAME: other}}", "x")), func(t *testing.T) { sees(t, true, "vm") })
	m.Case("a gateway's port", system("", add("GATEWAY", ", listener: {portNumber: 80}", "p")+add("GATEWAY", ", listener: {portNumber: 81}", "q")), func(t *testing.T) { sees(t, true, "p") })
	const route = ", vhost: {name: \"shop.example.com:80\"}}"
	m.Case("a gateway's route", system("", at("VIRTUAL_HOST", "context: GATEWAY, routeConfiguration: {portNumber: 80, name: http.80"+route, "MERGE", adds("x-by", "host"))), func(t *testing.T) { sees(t, true, "host") })
	for name, match := range map[string]string{"a server by gateway and port name": "gateway: istio-system/edge, portName: web", "a server by name": "name: https.443.web.edge.istio-system"} {
		m.Case(name, system("", at("ROUTE_CONFIGURATION", "context: GATEWAY, routeConfiguration: {"+match+"}", "MERGE", adds("x-by", "server"))), func(t *testing.T) {
			has(t, secure, "https://secure.example.com/", "server")
			has(t, secure, "https://other.example.com/", "")
			sees(t, true, "")
		})
	}
	m.Case("a gateway's chain by SNI", system("", add("GATEWAY", ", listener: {filterChain: {sni: secure.example.com}}", "sni")), func(t *testing.T) {
		has(t, secure, "https://secure.example.com/", "sni")
		has(t, secure, "https://other.example.com/", "")
	})
}

// secret is a certificate for the gateway.
func secret(t *testing.T) string {
	t.Helper()
	chain, key := controlplanetest.ServerCertificate(t, "secure.example.com")
	return fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: web, namespace: istio-system}\ntype: kubernetes.io/tls\nstringData:\n  tls.crt: %q\n  tls.key: %q\n", chain, key)
}
