package judged_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/analyze/catalog"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/dashboard/judged"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/topology"
)

// shop is web, which calls two versions of catalog, a gateway in front, and a host outside.
const shop = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: catalog, namespace: shop}
spec: {selector: {app: catalog}, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: pay, namespace: shop}
spec: {hosts: [pay.example.com], ports: [{number: 443, name: tls, protocol: TLS}], resolution: DNS, location: MESH_EXTERNAL}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: web-v1-a1, namespace: shop, annotations: {istio.io/autoRegistrationGroup: web-v1}}
spec: {address: 10.0.0.1, labels: {app: web, version: v1}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: catalog-v1-a1, namespace: shop, annotations: {istio.io/autoRegistrationGroup: catalog-v1}}
spec: {address: 10.0.0.2, labels: {app: catalog, version: v1}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: catalog-v2-a1, namespace: shop, annotations: {istio.io/autoRegistrationGroup: catalog-v2}}
spec: {address: 10.0.0.3, labels: {app: catalog, version: v2}}
---
`

// graph has a node for each of them.
func graph() topology.Graph {
	node := func(kind topology.Kind, namespace, name string) topology.Node {
		return topology.Node{ID: string(kind) + "/" + namespace + "/" + name, Kind: kind, Namespace: namespace, Name: name}
	}
	return topology.Graph{Nodes: []topology.Node{
		node(topology.External, "", "pay.example.com"), node(topology.Gateway, "istio-system", "istio-ingressgateway"), node(topology.Service, "shop", "catalog"),
		node(topology.Unmeshed, "", "clients"), node(topology.Workload, "shop", "catalog-v1"), node(topology.Workload, "shop", "catalog-v2"), node(topology.Workload, "shop", "web-v1"),
	}}
}

func read(t *testing.T, text string) *mesh.Snapshot {
	t.Helper()
	read := config.Decoder{DefaultNamespace: "shop"}.DecodeBytes("shop.yaml", []byte(text))
	for _, p := range read.Problems {
		t.Error(p)
	}
	return analyze.NewInput(read, mesh.Options{}, time.Time{}).Mesh
}

func TestAnObjectConcernsThoseThatItIsAbout(t *testing.T) {
	const both = "service/shop/catalog workload/shop/catalog-v1 workload/shop/catalog-v2"
	for name, c := range map[string]struct {
		object config.Key
		text   string
		want   string
	}{
		"an instance":                {config.Key{Kind: config.WorkloadEntry, Namespace: "shop", Name: "web-v1-a1"}, "", "workload/shop/web-v1"},
		"what makes instances":       {config.Key{Kind: config.Deployment, Namespace: "shop", Name: "web-v1"}, "", "workload/shop/web-v1"},
		"a service":                  {config.Key{Kind: config.Service, Namespace: "shop", Name: "catalog"}, "", both},
		"a host outside":             {config.Key{Kind: config.ServiceEntry, Namespace: "shop", Name: "pay"}, "", "external//pay.example.com"},
		"a namespace":                {config.Key{Kind: config.Namespace, Name: "shop"}, "", ""},
		"an object that is not read": {config.Key{Kind: config.AuthzPolicy, Namespace: "shop", Name: "gone"}, "", ""},
		"a rule": {config.Key{Kind: config.DestinationRule, Namespace: "shop", Name: "x"}, `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: x}
spec: {host: catalog}`, both},
		"a rule for all": {config.Key{Kind: config.DestinationRule, Namespace: "shop", Name: "x"}, `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: x}
spec: {host: "*.local"}`, ""},
		"a route from one to another": {config.Key{Kind: config.VirtualService, Namespace: "shop", Name: "x"}, `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: x}
spec: {hosts: [catalog], http: [{route: [{destination: {host: web}}]}]}`, both + " workload/shop/web-v1"},
		"a delegate": {config.Key{Kind: config.VirtualService, Namespace: "shop", Name: "x"}, `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: root}
spec: {hosts: [web], http: [{delegate: {name: x}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: x}
spec: {http: [{route: [{destination: {host: web}}]}]}`, "workload/shop/web-v1"},
		"a route of the Gateway API": {config.Key{Kind: config.HTTPRoute, Namespace: "shop", Name: "x"}, `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: x}
spec: {parentRefs: [{group: "", kind: Service, name: web}], rules: [{backendRefs: [{name: catalog, port: 80}]}]}`, both + " workload/shop/web-v1"},
		"a policy for some": {config.Key{Kind: config.AuthzPolicy, Namespace: "shop", Name: "x"}, `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: x}
spec: {selector: {matchLabels: {version: v1}}}`, "workload/shop/catalog-v1 workload/shop/web-v1"},
		"a policy for a namespace": {config.Key{Kind: config.AuthzPolicy, Namespace: "shop", Name: "x"}, `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: x}
spec: {}`, ""},
		"a policy of the root namespace": {config.Key{Kind: config.PeerAuthn, Namespace: "istio-system", Name: "x"}, `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: x, namespace: istio-system}
spec: {selector: {matchLabels: {app: web}}}`, "workload/shop/web-v1"},
		"a gateway": {config.Key{Kind: config.Gateway, Namespace: "shop", Name: "x"}, `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: x}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}`, "gateway/istio-system/istio-ingressgateway"},
	} {
		t.Run(name, func(t *testing.T) {
			g := judged.New(read(t, shop+c.text), []analyze.Diagnostic{{Code: "IST0001", Object: c.object, Message: "wrong"}}).Over(graph(), "")
			var got []string
			for _, n := range g.Nodes {
				if len(n.Findings) > 0 {
					got = append(got, n.ID)
				}
			}
			want := strings.Fields(c.want)
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%v instead of %v", got, want)
			}
			if homeless := len(g.Findings) == 1; homeless != (len(got) == 0) {
				t.Errorf("beside the nodes: %v", g.Findings)
			}
		})
	}
}

func TestFindingsOfAnalysis(t *testing.T) {
	snapshot := read(t, shop+`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: catalog}
spec: {hosts: [catalog], http: [{route: [{destination: {host: catalog, subset: v9}}]}]}`)
	found := judged.New(snapshot, analyze.Run(t.Context(), analyze.Input{Mesh: snapshot, Complete: func(config.Kind) bool { return true }}, catalog.All()).Diagnostics)
	before := graph()
	before.Nodes[4].Findings = []topology.Finding{{Code: "IST0101", Level: "error", Message: "the same in other words"}, {Code: "IST9999", Level: "warning", Message: "only the control plane knows"}}
	after := found.Over(before, "")
	codes := func(n topology.Node) (out []string) {
		for _, f := range n.Findings {
			out = append(out, f.Level+" "+f.Code)
		}
		return out
	}
	if want, got := []string{"error IST0101", "warning IST9999"}, codes(after.Nodes[4]); !slices.Equal(got[:2], want) {
		t.Errorf("%v instead of %v", got, want)
	}
	if message := after.Nodes[4].Findings[0].Message; !strings.HasPrefix(message, "shop.yaml:") || !strings.Contains(message, `"v9"`) {
		t.Error(message)
	}
	if len(before.Nodes[5].Findings) != 0 || slices.Contains(codes(after.Nodes[6]), "error IST0101") {
		t.Error("a graph was changed that others hold, or a finding is on a node that it does not concern")
	}
}

func TestWithoutAnalysisAGraphStaysAsItIs(t *testing.T) {
	var none *judged.Findings
	if diff := cmp.Diff(graph(), none.Over(graph(), "")); diff != "" {
		t.Error(diff)
	}
}

func TestAGraphOfANamespaceHasNothingOfOthers(t *testing.T) {
	far := config.Key{Kind: config.AuthzPolicy, Namespace: "far", Name: "x"}
	f := judged.New(read(t, shop), []analyze.Diagnostic{
		{Code: "IST0001", Object: far, Message: "of another"}, {Code: "IST0002", Object: config.Key{Kind: config.AuthzPolicy, Namespace: "shop", Name: "x"}, Message: "its own"},
		{Code: "IST0003", Message: "of the mesh"}, {Code: "IST0004", Object: config.Key{Kind: config.Deployment, Namespace: "shop", Name: "web-v1"}, Message: "on a node"},
	})
	for namespace, want := range map[string]int{"": 3, "shop": 2, "other": 1} {
		if g := f.Over(graph(), namespace); len(g.Findings) != want || len(g.Nodes[6].Findings) != 1 {
			t.Errorf("%q: %v, %v", namespace, g.Findings, g.Nodes[6].Findings)
		}
	}
}
