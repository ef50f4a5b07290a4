package traffichub

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/registry"
	"github.com/meshctl/meshctl/pkg/topology"
)

const web = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: default}
spec: {host: web, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front, namespace: default}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
`

// virtual is a VirtualService; the spec is more of it than hosts.
func virtual(name, host, spec string) string {
	return fmt.Sprintf("---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: %s, namespace: default}\nspec:\n  hosts: [%s]\n%s", name, host, spec)
}

// rule sends a share to v1 and the rest to v2, for those who match.
func rule(v1 int, match string) string {
	if match != "" {
		match = "match: [{" + match + "}], "
	}
	return fmt.Sprintf("  - {%sroute: [{destination: {host: web, subset: v1}, weight: %d}, {destination: {host: web, subset: v2}, weight: %d}]}\n", match, v1, 100-v1)
}

// caller is a registered proxy with labels, "a=b".
func caller(namespace, name string, labels ...string) registry.Proxy {
	p := registry.Proxy{NodeID: name + "." + namespace, Namespace: namespace, Name: name, Labels: map[string]string{}}
	for _, l := range labels {
		key, value, _ := strings.Cut(l, "=")
		p.Labels[key] = value
	}
	if strings.HasSuffix(name, "gateway") {
		p.Type = agentapi.ProxyType_ROUTER
	}
	return p
}

// TestSplitsAreOfCallers: each caller has the shares of the routes that hold for it.
func TestSplitsAreOfCallers(t *testing.T) {
	plain, canary, gate := caller("default", "client"), caller("default", "canary", "canary=yes"), caller("default", "ingressgateway", "istio=ingressgateway")
	far := caller("far", "client")
	for name, test := range map[string]struct {
		objects string
		want    map[string]string // of subset v1, by caller
	}{
		"everybody": {virtual("web", "web", "  http:\n"+rule(75, "")), map[string]string{"client.default": "75 web", "canary.default": "75 web", "client.far": "75 web"}},
		"by labels": {
			virtual("web", "web", "  http:\n"+rule(10, "sourceLabels: {canary: 'yes'}")+rule(75, "")),
			map[string]string{"client.default": "75 web", "canary.default": "10 web", "client.far": "75 web"},
		},
		"by namespace": {
			virtual("web", "web", "  http:\n"+rule(10, "sourceNamespace: far")+rule(75, "")),
			map[string]string{"client.default": "75 web", "canary.default": "75 web", "client.far": "10 web"},
		},
		"not exported": {virtual("web", "web", "  exportTo: ['.']\n  http:\n"+rule(75, "")), map[string]string{"client.default": "75 web", "canary.default": "75 web"}},
		"gateway": {
			virtual("web", "web", "  http:\n"+rule(75, "")) + virtual("front", "www.example.com", "  gateways: [front]\n  http:\n"+rule(5, "")),
			map[string]string{"client.default": "75 web", "canary.default": "75 web", "client.far": "75 web", "ingressgateway.default": "5 www.example.com"},
		},
		"gateway by match": {
			virtual("web", "web.example.com", "  gateways: [front, mesh]\n  http:\n"+rule(5, "gateways: [default/front]")+rule(75, "gateways: [mesh]")),
			map[string]string{
				"client.default": "75 web.example.com", "canary.default": "75 web.example.com", "client.far": "75 web.example.com", "ingressgateway.default": "5 web.example.com",
			},
		},
		"another host": {
			virtual("a", "a.example.com", "  http:\n"+rule(5, "")) + virtual("web", "web", "  exportTo: ['.']\n  http:\n"+rule(75, "")),
			map[string]string{"client.default": "75 web", "canary.default": "75 web", "client.far": "5 a.example.com"},
		},
		"two for one host": {
			virtual("a", "web", "  http:\n"+rule(30, "")) + virtual("b", "web", "  http:\n"+rule(75, "")),
			map[string]string{"client.default": "30 web", "canary.default": "30 web", "client.far": "30 web"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKnown(snapshotOf(t, web+test.objects), nil)
			for _, c := range []registry.Proxy{plain, canary, far, gate} {
				got := ""
				cluster := k.cluster("outbound|80|v1|web.default.svc.cluster.local", c, k.routesOf(c), map[string]topology.Node{})
				if s := cluster.Split; s != nil {
					got = fmt.Sprintf("%.0f %s", 100*s.Share, strings.TrimSuffix(s.Host, ".default.svc.cluster.local"))
				}
				if want := test.want[c.NodeID]; got != want {
					t.Errorf("%s: %q, want %q", c.NodeID, got, want)
				}
			}
		})
	}
}

// TestBadgesAreOfCallers: what a route does is said of those only for whom it holds.
func TestBadgesAreOfCallers(t *testing.T) {
	k := newKnown(snapshotOf(t, web+virtual("web", "web", "  exportTo: ['.']\n  http: [{timeout: 1s, retries: {attempts: 2}, route: [{destination: {host: web}}]}]\n")), nil)
	for c, want := range map[string][]topology.Badge{"default": {topology.Retried, topology.Timeout}, "far": nil} {
		p := caller(c, "client")
		if got := k.cluster("outbound|80||web.default.svc.cluster.local", p, k.routesOf(p), map[string]topology.Node{}).Badges; !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", c, got, want)
		}
	}
}

// TestTheOnlyWorkload: aborted requests were meant for one where a subset, or a service, has no more.
func TestTheOnlyWorkload(t *testing.T) {
	entry := func(name, version string) string {
		return "---\napiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: " + name + ", namespace: default, annotations: {istio.io/autoRegistrationGroup: web-" + version + "}}\n" +
			"spec: {address: 10.0.0." + name[len(name)-1:] + ", labels: {app: web, version: " + version + "}}\n"
	}
	const partly = `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: partly, namespace: default}
spec: {hosts: [partly], resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: 192.0.2.1}], location: MESH_EXTERNAL}
`
	k := newKnown(snapshotOf(t, web+entry("a1", "v1")+entry("a2", "v1")+entry("b3", "v2")+partly), nil)
	for name, want := range map[string]string{
		"outbound|80|v1|web.default.svc.cluster.local": "workload/default/web-v1",
		"outbound|80|v2|web.default.svc.cluster.local": "workload/default/web-v2",
		"outbound|80||web.default.svc.cluster.local":   "", "outbound|81|v1|web.default.svc.cluster.local": "", "outbound|80||other": "", "outbound|80||partly": "", "": "", "-": "",
	} {
		if got := k.onlyWorkload(name, caller("default", "client")); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
