package topology_test

import (
	"testing"

	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/topology/topologytest"
)

func of(requests, errors, p99 float64) topology.Rates {
	return topology.Rates{Requests: &requests, Errors: &errors, P99: &p99}
}

func versions() topology.Graph {
	node := func(name, service string, in topology.Rates) topology.Node {
		return topology.Node{ID: "workload/shop/" + name, Kind: topology.Workload, Name: name, Namespace: "shop", Service: service, Instances: 2, Proxies: 1, In: in}
	}
	edge := func(from, to string, r topology.Rates, s topology.Security) topology.Edge {
		return topology.Edge{From: from, To: to, Protocol: topology.HTTP, Host: "cart.shop", Port: 80, Security: s, Rates: r}
	}
	front := topology.Node{ID: "unmeshed//curl", Kind: topology.Unmeshed, Name: "curl"}
	return topology.Graph{
		Nodes: []topology.Node{front, node("cart-v1", "cart", of(4, 1, 10)), node("cart-v2", "cart", of(6, 0, 30)), node("db", "db", topology.Rates{})},
		Edges: []topology.Edge{
			edge(front.ID, "workload/shop/cart-v1", of(4, 1, 10), topology.Plaintext), edge(front.ID, "workload/shop/cart-v2", of(6, 0, 30), topology.MutualTLS),
			edge("workload/shop/cart-v1", "workload/shop/db", topology.Rates{}, topology.MutualTLS), edge("workload/shop/cart-v1", "workload/shop/none", topology.Rates{}, ""),
		},
	}
}

func TestCollapse(t *testing.T) {
	g := topology.Collapse(versions(), topology.ByService)
	if len(g.Nodes) != 3 || len(g.Edges) != 2 {
		t.Fatalf("%d nodes and %d edges: %+v", len(g.Nodes), len(g.Edges), g)
	}
	cart := g.Nodes[1]
	if cart.ID != "workload/shop/cart" || cart.Name != "cart" || cart.Instances != 4 || cart.Proxies != 2 || *cart.In.Requests != 10 || *cart.In.Errors != 1 || *cart.In.P99 != 30 || cart.In.Sent != nil {
		t.Errorf("%+v", cart)
	}
	e := g.Edges[0]
	if e.From != "unmeshed//curl" || e.To != "workload/shop/cart" || e.Security != topology.PartlyMTLS || *e.Rates.Requests != 10 {
		t.Errorf("%+v", e)
	}
	g = topology.Collapse(versions(), topology.ByNamespace)
	if len(g.Nodes) != 2 || len(g.Edges) != 1 || g.Nodes[0].Name != "shop" || g.Edges[0].To != "namespace/shop" {
		t.Errorf("%+v", g)
	}
	whole := topology.Collapse(versions(), topology.ByWorkload)
	if len(whole.Edges) != 4 {
		t.Error("at the nearest level nothing is collapsed")
	}
	if topology.ByNamespace.Next() != topology.ByWorkload {
		t.Error("the levels go round")
	}
}

func TestANamespaceReceivesWhatComesFromOutside(t *testing.T) {
	for _, n := range topology.Collapse(topologytest.Bookinfo(), topology.ByNamespace).Nodes {
		if n.Kind != topology.NamespaceKind {
			continue
		}
		if got := *n.In.Requests; got < 19.99 || got > 20.01 {
			t.Errorf("%s receives %v requests a second, want 20", n.Name, got)
		}
	}
}

// TestCollapseKeepsWhatIsKnown: the worst finding comes first, and an edge of which nothing is known says nothing of the others.
func TestCollapseKeepsWhatIsKnown(t *testing.T) {
	part := func(name, level string) topology.Node {
		return topology.Node{ID: "workload/shop/" + name, Kind: topology.Workload, Name: name, Namespace: "shop", Service: "web", Findings: []topology.Finding{{Code: name, Level: level}}}
	}
	caller := topology.Node{ID: "unmeshed//x", Kind: topology.Unmeshed, Name: "x"}
	g := topology.Graph{
		Nodes: []topology.Node{caller, part("a", "info"), part("b", "warning"), part("c", "error")},
		Edges: []topology.Edge{
			{From: caller.ID, To: "workload/shop/a", Security: topology.UnknownSecurity}, {From: caller.ID, To: "workload/shop/b", Security: topology.MutualTLS},
			{From: caller.ID, To: "workload/shop/c", Security: topology.UnknownSecurity},
		},
	}
	g = topology.Collapse(g, topology.ByService)
	if len(g.Nodes) != 2 || len(g.Edges) != 1 || g.Edges[0].Security != topology.MutualTLS {
		t.Fatalf("%+v", g)
	}
	order := ""
	for _, f := range g.Nodes[1].Findings {
		order += f.Code
	}
	if order != "cba" {
		t.Errorf("findings in the order %s", order)
	}
}
