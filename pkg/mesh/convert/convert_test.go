package convert_test

import (
	"slices"
	"strings"
	"testing"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh/convert"
)

// world is what a set holds.
type world struct{ config.Set }

func (w world) In(kind config.Kind, namespace string) []*config.Object {
	return slices.DeleteFunc(w.Sorted(kind), func(o *config.Object) bool { return o.Key.Namespace != namespace })
}

var settings = convert.Settings{DomainSuffix: "cluster.local", TrustDomain: "cluster.local", SystemNamespace: "istio-system", IngressClass: "istio", IngressSelector: "ingressgateway"}

// shared is in every world.
const shared = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: blind, namespace: default}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: proxies, namespace: default}
spec: {selector: {app: proxies}, ports: [{name: http, port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: default}
spec: {gatewayClassName: istio, listeners: [{name: http, protocol: HTTP, port: 80}, {name: tcp, protocol: TCP, port: 81}, {name: tls, protocol: TLS, port: 82, tls: {mode: Passthrough}}]}
---
`

// problems converts the last object of a document and tells what it reports, as "FIELD: MESSAGE".
func problems(t *testing.T, yaml string) []string {
	t.Helper()
	objects, faults := config.Decode("x.yaml", strings.NewReader(shared+yaml))
	for _, f := range faults {
		t.Fatal(f)
	}
	last := objects[len(objects)-1]
	var out []string
	for _, p := range convert.Object(last, world{config.Set{}.With(config.Batch{Upserts: objects})}, settings).Problems {
		if p.Fix == "" || p.Position.Line == 0 {
			t.Errorf("%v: no fix or no position", p)
		}
		out = append(out, p.Field+": "+p.Message)
	}
	return out
}

func api(kind, spec string) string {
	return "apiVersion: gateway.networking.k8s.io/v1\nkind: " + kind + "\nmetadata: {name: x, namespace: default}\nspec: " + spec
}

func route(rule string) string {
	return api("HTTPRoute", "{parentRefs: [{name: edge}], rules: [{"+rule+"}]}")
}

func gateway(spec string) string { return api("Gateway", "{gatewayClassName: istio, "+spec+"}") }

const backends = "backendRefs: [{name: web, port: 80}]"

// TestProblems: whatever has no effect, or another than its author meant, is said where it is written.
func TestProblems(t *testing.T) {
	for yaml, want := range map[string]string{
		api("Gateway", "{gatewayClassName: other, listeners: []}"):                                                                                               "spec.gatewayClassName: there is no GatewayClass other",
		api("Gateway", "{gatewayClassName: istio-waypoint, listeners: []}"):                                                                                      "spec.gatewayClassName: a waypoint",
		gateway("addresses: [{type: Hostname, value: proxies}], infrastructure: {labels: {a: b}}, listeners: []"):                                                "spec.infrastructure: ",
		gateway("infrastructure: {parametersRef: {group: '', kind: ConfigMap, name: x}}, listeners: []"):                                                         "spec.infrastructure.parametersRef: there is no ConfigMap default/x",
		gateway("infrastructure: {parametersRef: {group: a.b, kind: C, name: x}}, listeners: []"):                                                                "spec.infrastructure.parametersRef: C x is not supported",
		gateway("tls: {backend: {clientCertificateRef: {name: x}}}, listeners: []"):                                                                              "spec.tls.backend: ",
		gateway("addresses: [{type: IPAddress, value: 10.0.0.1}, {type: Hostname, value: proxies}], listeners: []"):                                              "spec.addresses[0].type: ",
		gateway("addresses: [{type: Hostname, value: nobody}], listeners: []"):                                                                                   "spec.addresses[0].value: there is no Service default/nobody",
		gateway("listeners: [{name: a, protocol: UDP, port: 53}]"):                                                                                               "spec.listeners[0].protocol: UDP",
		gateway("listeners: [{name: a, protocol: FTP, port: 53}]"):                                                                                               "spec.listeners[0].protocol: \"FTP\"",
		gateway("listeners: [{name: a, protocol: HTTP, port: 80}, {name: a, protocol: HTTP, port: 81}]"):                                                         "spec.listeners[1].name: ",
		gateway("listeners: [{name: a, protocol: HTTP, port: 80}, {name: b, protocol: HTTP, port: 80}]"):                                                         "spec.listeners[1]: an earlier listener",
		gateway("listeners: [{name: a, protocol: HTTP, port: 80, tls: {mode: Terminate}}]"):                                                                      "spec.listeners[0].tls: ",
		gateway("listeners: [{name: a, protocol: HTTPS, port: 443}]"):                                                                                            "spec.listeners[0].protocol: ",
		gateway("listeners: [{name: a, protocol: HTTPS, port: 443, tls: {mode: Passthrough}}]"):                                                                  "spec.listeners[0].tls.mode: ",
		gateway("listeners: [{name: a, protocol: HTTPS, port: 443, tls: {certificateRefs: [{name: x}]}}]"):                                                       "spec.listeners[0].tls.certificateRefs[0]: there is no Secret default/x",
		gateway("listeners: [{name: a, protocol: HTTPS, port: 443, tls: {certificateRefs: [{name: x, kind: Other}]}}]"):                                          "spec.listeners[0].tls.certificateRefs[0]: a certificate is in a Secret",
		gateway("listeners: [{name: a, protocol: HTTPS, port: 443, tls: {mode: Terminate}}]"):                                                                    "spec.listeners[0].tls.certificateRefs: ",
		gateway("listeners: [{name: a, protocol: HTTP, port: 80, allowedRoutes: {kinds: [{kind: TCPRoute}]}}]"):                                                  "spec.listeners[0].allowedRoutes.kinds[0]: ",
		gateway("listeners: [{name: a, protocol: TLS, port: 82, tls: {mode: Passthrough, options: {example.com/x: y}}}]"):                                        "spec.listeners[0].tls.options[example.com/x]: ",
		api("ListenerSet", "{parentRef: {name: edge}, listeners: []}"):                                                                                           "spec.parentRef: the Gateway default/edge allows no ListenerSets",
		api("HTTPRoute", "{parentRefs: [{name: nobody}], rules: [{"+backends+"}]}"):                                                                              "spec.parentRefs[0]: there is no Gateway default/nobody",
		api("HTTPRoute", "{parentRefs: [{name: edge, sectionName: x}], rules: [{"+backends+"}]}"):                                                                "spec.parentRefs[0]: no listener",
		api("HTTPRoute", "{parentRefs: [{name: x, kind: Service, group: ''}], rules: [{"+backends+"}]}"):                                                         "spec.parentRefs[0]: there is no Service default/x",
		api("HTTPRoute", "{parentRefs: [{name: x, kind: Mesh, group: x.y}], rules: [{"+backends+"}]}"):                                                           "spec.parentRefs[0]: a route cannot have",
		api("HTTPRoute", "{rules: [{"+backends+"}]}"):                                                                                                            "spec.parentRefs: ",
		api("HTTPRoute", "{parentRefs: [{name: web, kind: Service, group: ''}], hostnames: [a.b], rules: [{"+backends+"}]}"):                                     "spec.hostnames: ",
		route(backends + ", sessionPersistence: {sessionName: x}"):                                                                                               "spec.rules[0].sessionPersistence: ",
		route(backends + ", matches: [{path: {type: Exact, value: a}}]"):                                                                                         "spec.rules[0].matches[0].path.value: ",
		route("backendRefs: [{name: web}]"):                                                                                                                      "spec.rules[0].backendRefs[0].port: ",
		route("backendRefs: [{name: web, port: 80, filters: [{type: URLRewrite, urlRewrite: {hostname: a.b}}]}]"):                                                "spec.rules[0].backendRefs[0].filters[0]: ",
		route(backends + ", filters: [{type: RequestRedirect, requestRedirect: {scheme: https}}]"):                                                               "spec.rules[0].backendRefs: every request is redirected",
		route(backends + ", filters: [{type: RequestRedirect, requestRedirect: {port: 70000}}]"):                                                                 "spec.rules[0].filters[0].requestRedirect.port: ",
		route(backends + ", filters: [{type: CORS}]"):                                                                                                            "spec.rules[0].filters[0].type: ",
		route(backends + ", filters: [{type: CORS, cors: {allowCredentials: true, allowMethods: ['*']}}]"):                                                       "spec.rules[0].filters[0].cors.allowMethods: ",
		route(backends + ", filters: [{type: RequestMirror, requestMirror: {backendRef: {name: x, port: 80}}}]"):                                                 "spec.rules[0].filters[0].requestMirror.backendRef: ",
		api("GRPCRoute", "{parentRefs: [{name: edge}], rules: [{"+backends+", matches: [{method: {}}]}]}"):                                                       "spec.rules[0].matches[0].method: ",
		api("TCPRoute", "{parentRefs: [{name: edge}], rules: [{"+backends+"}, {"+backends+"}]}"):                                                                 "spec.rules[1]: ",
		api("TCPRoute", "{parentRefs: [{name: edge}], rules: [{backendRefs: []}]}"):                                                                              "spec.rules[0].backendRefs: ",
		"apiVersion: access.smi-spec.io/v1alpha3\nkind: TrafficTarget\nmetadata: {name: x}\nspec: {destination: {kind: Group, name: a}, sources: [], rules: []}": "spec.destination: ",
		"apiVersion: access.smi-spec.io/v1alpha3\nkind: TrafficTarget\nmetadata: {name: x}\nspec: {destination: {kind: ServiceAccount, name: a}, sources: [{kind: Group, name: b}, {kind: ServiceAccount, name: c}], rules: []}": "spec.sources[0]: ",
		"apiVersion: split.smi-spec.io/v1alpha4\nkind: TrafficSplit\nmetadata: {name: x, namespace: default}\nspec: {service: web, backends: [{service: web, weight: 0}]}":                                                       "spec.backends: ",
	} {
		if got := problems(t, yaml); len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("%s\n\tgot  %q\n\twant %q", yaml, got, want)
		}
	}
}

// TestOthersAreLeftAlone: what belongs to other controllers is neither converted nor complained about.
func TestOthersAreLeftAlone(t *testing.T) {
	class := "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: other}\nspec: {controllerName: example.com/c}\n---\n"
	theirs := "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: theirs, namespace: default}\nspec: {gatewayClassName: other, listeners: [{name: a, protocol: ODD, port: 1}]}\n"
	for _, yaml := range []string{class + theirs, class + theirs + "---\n" + api("HTTPRoute", "{parentRefs: [{name: theirs}], rules: [{"+backends+"}]}")} {
		if got := problems(t, yaml); len(got) > 0 {
			t.Errorf("%q", got)
		}
	}
}

// TestKeysLeadBack: a derived object names the one that people wrote.
func TestKeysLeadBack(t *testing.T) {
	objects, _ := config.Decode("x.yaml", strings.NewReader(shared))
	w := world{config.Set{}.With(config.Batch{Upserts: objects})}
	gateway := objects[3]
	r := convert.Object(gateway, w, settings)
	if len(r.Objects) != 3 {
		t.Fatalf("%d objects", len(r.Objects))
	}
	for _, d := range r.Objects {
		if o := d.Object; !o.Key.Derived() || o.Key.Origin() != gateway.Key || o.Spec.(*networking.Gateway).Selector[convert.LabelGatewayName] != "edge" {
			t.Errorf("%v comes from %v", o.Key, o.Key.Origin())
		}
	}
	if key := gateway.Key; key.Derived() || key.Origin() != key {
		t.Errorf("%v is what people wrote", key)
	}
}
