package planned_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/dashboard/planned"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/topology"
)

// shop is a small mesh: a gateway, web which calls catalog v1 and v2, and ads that nobody calls.
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
apiVersion: v1
kind: Service
metadata: {name: ads, namespace: shop}
spec: {selector: {app: ads}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {selector: {app: db}, ports: [{name: tcp, port: 3306}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: catalog, namespace: shop}
spec:
  host: catalog
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}, {name: v3, labels: {version: v3}}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
---
` + front

const front = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: front, namespace: shop}
spec:
  hosts: ["*"]
  gateways: [front]
  http: [{route: [{destination: {host: web}}]}]
---
` + catalogAt80

const catalogAt80 = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: catalog, namespace: shop}
spec:
  hosts: [catalog]
  http:
  - route:
    - {destination: {host: catalog, subset: v1}, weight: 80}
    - {destination: {host: catalog, subset: v2}, weight: 20}
`

// entries are instances of APP-VERSION.
func entries(names ...string) string {
	var b strings.Builder
	for i, name := range names {
		app, version, _ := strings.Cut(name, "-")
		fmt.Fprintf(&b, "---\napiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: %s, namespace: shop}\n"+
			"spec: {address: 127.0.0.%d, labels: {app: %s, version: %s}}\n", name, i+2, app, version)
	}
	return b.String()
}

func catalog(http string) string {
	return "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: catalog, namespace: shop}\nspec:\n  hosts: [catalog]\n  http:\n" + http
}

const running = "web-v1 catalog-v1 catalog-v2 ads-v1 db-v1"

// today is the traffic of the shop.
func today() topology.Graph {
	var g topology.Graph
	for _, name := range strings.Fields("ads-v1 catalog-v1 catalog-v2 db-v1 web-v1") {
		app, version, _ := strings.Cut(name, "-")
		g.Nodes = append(g.Nodes, topology.Node{ID: "workload/shop/" + name, Kind: topology.Workload, Name: name, Namespace: "shop", Service: app, Version: version, Instances: 1})
	}
	g.Nodes = append([]topology.Node{{ID: "gateway/istio-system/istio-ingressgateway", Kind: topology.Gateway, Name: "istio-ingressgateway", Namespace: "istio-system"}}, g.Nodes...)
	edge := func(from, to, host string, port uint32, p topology.Protocol) {
		g.Edges = append(g.Edges, topology.Edge{From: from, To: "workload/shop/" + to, Host: host + ".shop.svc.cluster.local", Port: port, Protocol: p})
	}
	edge("gateway/istio-system/istio-ingressgateway", "web-v1", "web", 80, topology.HTTP)
	edge("workload/shop/web-v1", "catalog-v1", "catalog", 80, topology.HTTP)
	edge("workload/shop/web-v1", "catalog-v2", "catalog", 80, topology.HTTP)
	edge("workload/shop/web-v1", "db-v1", "db", 3306, topology.TCP)
	return g
}

func snapshot(t *testing.T, base string, change string) *mesh.Snapshot {
	t.Helper()
	decode := func(name, text string) config.Result {
		r := config.Decoder{}.DecodeBytes(name, []byte(text))
		for _, p := range r.Problems {
			t.Fatalf("%v", p)
		}
		return r
	}
	read := decode("base.yaml", base)
	if change != "" {
		read = decode("change.yaml", change).Over(read)
	}
	return mesh.Build(config.Set{}.With(config.Batch{Full: true, Upserts: read.Objects}), mesh.Options{})
}

func TestOver(t *testing.T) {
	base := shop + entries(strings.Fields(running)...)
	for name, c := range map[string]struct {
		change string
		want   []string
	}{
		"nothing": {catalogAt80, nil},
		"weights": {catalog("  - route:\n    - {destination: {host: catalog, subset: v1}, weight: 50}\n    - {destination: {host: catalog, subset: v2}, weight: 50}\n"), []string{
			"web-v1 > catalog-v1 reweighted 80>50%", "web-v1 > catalog-v2 reweighted 20>50%",
		}},
		"all to one": {catalog("  - route: [{destination: {host: catalog, subset: v2}}]\n"), []string{
			"web-v1 > catalog-v1 removed 80>0%", "web-v1 > catalog-v2 reweighted 20>100%",
		}},
		"to another service": {catalog("  - route: [{destination: {host: ads}}]\n"), []string{
			"web-v1 > ads-v1 added 100%", "web-v1 > catalog-v1 removed 80>0%", "web-v1 > catalog-v2 removed 20>0%",
		}},
		"to a subset without workloads": {
			catalog("  - route:\n    - {destination: {host: catalog, subset: v1}, weight: 80}\n    - {destination: {host: catalog, subset: v3}, weight: 20}\n"),
			[]string{"web-v1 > catalog v3 added 20%", "web-v1 > catalog-v2 removed 20>0%"},
		},
		"for some": {catalog("  - match: [{headers: {user: {exact: jason}}}]\n    route: [{destination: {host: ads}}]\n" +
			"  - route:\n    - {destination: {host: catalog, subset: v1}, weight: 80}\n    - {destination: {host: catalog, subset: v2}, weight: 20}\n"), []string{"web-v1 > ads-v1 added 100%*"}},
		"mirrored": {catalog("  - route:\n    - {destination: {host: catalog, subset: v1}, weight: 80}\n    - {destination: {host: catalog, subset: v2}, weight: 20}\n" +
			"    mirrors: [{destination: {host: ads}, percentage: {value: 10}}]\n"), []string{"web-v1 > ads-v1 added 10%"}},
		"redirected": {catalog("  - redirect: {uri: /gone}\n"), []string{"web-v1 > catalog-v1 removed 80>0%", "web-v1 > catalog-v2 removed 20>0%"}},
		"for other callers": {catalog("  - match: [{sourceLabels: {app: other}}]\n    route: [{destination: {host: ads}}]\n" +
			"  - route:\n    - {destination: {host: catalog, subset: v1}, weight: 80}\n    - {destination: {host: catalog, subset: v2}, weight: 20}\n"), nil},
		"weight zero": {catalog("  - route:\n    - {destination: {host: catalog, subset: v1}, weight: 100}\n    - {destination: {host: catalog, subset: v2}, weight: 0}\n"), []string{
			"web-v1 > catalog-v1 reweighted 80>100%", "web-v1 > catalog-v2 removed 20>0%",
		}},
		"a gateway's routes": {"apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: front, namespace: shop}\nspec:\n  hosts: ['*']\n  gateways: [front]\n" +
			"  http:\n  - match: [{uri: {prefix: /ads}}]\n    route: [{destination: {host: ads}}]\n  - route: [{destination: {host: web}}]\n", []string{
			"istio-ingressgateway > ads-v1 added 100%*",
		}},
		"a workload more": {entries("catalog-v1", "catalog-v9")[4:] + "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: catalog, namespace: shop}\n" +
			"spec: {hosts: [catalog], http: [{route: [{destination: {host: catalog}}]}]}\n", []string{
			"web-v1 > catalog-v1 reweighted 80>33%", "web-v1 > catalog-v2 reweighted 20>33%", "web-v1 > catalog-v9 added 33%",
		}},
		"TCP": {"apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: db, namespace: shop}\n" +
			"spec: {hosts: [db], tcp: [{route: [{destination: {host: db}, weight: 90}, {destination: {host: ads, port: {number: 80}}, weight: 10}]}]}\n", []string{
			"web-v1 > ads-v1 added 10%", "web-v1 > db-v1 reweighted 100>90%",
		}},
		"a service that nobody calls": {"apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: ads, namespace: shop}\n" +
			"spec: {hosts: [ads], http: [{route: [{destination: {host: web}}]}]}\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			g := planned.New(snapshot(t, base, ""), snapshot(t, base, c.change), nil).Over(today())
			var got []string
			names := map[string]string{}
			for _, n := range g.Nodes {
				names[n.ID] = n.Name
			}
			for _, e := range g.Edges {
				if e.Planned != topology.Unchanged {
					got = append(got, fmt.Sprintf("%s > %s %s %s", names[e.From], names[e.To], e.Planned, e.Change.Text(">")))
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if n := g.Plan.Added + g.Plan.Removed + g.Plan.Reweighted; n != len(got) {
				t.Errorf("%d in %+v", len(got), g.Plan)
			}
			if diff := cmp.Diff(today(), g.Today()); diff != "" {
				t.Errorf("without the plan (-want +got):\n%s", diff)
			}
		})
	}
}

// A host that is routed to others only may be called by those that call these.
func TestElsewhere(t *testing.T) {
	base := shop + entries(strings.Fields(running)...)
	alias := func(host string) string {
		return "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: goods, namespace: shop}\nspec: {hosts: [goods.example.com], http: [{route: [{destination: {host: " +
			host + "}}]}]}\n"
	}
	entry := "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: goods, namespace: shop}\n" +
		"spec: {hosts: [goods.example.com], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}\n"
	g := planned.New(snapshot(t, base+entry+alias("catalog"), ""), snapshot(t, base+entry+alias("ads"), ""), nil).Over(today())
	if g.Plan.Added != 1 || g.Plan.Removed+g.Plan.Reweighted != 0 {
		t.Errorf("%+v", g.Plan)
	}
}

func TestTheOriginIsTheObjectAsWritten(t *testing.T) {
	base := shop + entries(strings.Fields(running)...)
	g := today()
	g.Edges = append(g.Edges, topology.Edge{From: "workload/shop/web-v1", To: "workload/shop/ads-v1", Host: "ads.shop.svc.cluster.local", Port: 80, Protocol: topology.HTTP})
	g = planned.New(snapshot(t, base, ""), snapshot(t, base, "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: ads, namespace: shop}\n"+
		"spec: {parentRefs: [{group: '', kind: Service, name: ads}], rules: [{backendRefs: [{name: ads, port: 80, weight: 1}, {name: web, port: 80, weight: 1}]}]}\n"), nil).Over(g)
	var origins []string
	for _, e := range g.Edges {
		if e.Change != nil {
			origins = append(origins, e.Change.Origin)
		}
	}
	if want := []string{"HTTPRoute shop/ads", "HTTPRoute shop/ads"}; !slices.Equal(origins, want) {
		t.Errorf("%q instead of %q", origins, want)
	}
}
