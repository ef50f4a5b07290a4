package topology_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/pkg/topology"
)

func ids(g topology.Graph) string {
	var out []string
	for _, n := range g.Nodes {
		out = append(out, n.ID)
	}
	return strings.Join(out, " ")
}

// A workload folds into its service and that into its namespace; unfolding goes back the same way, and leaves everything else alone.
func TestFoldAndUnfold(t *testing.T) {
	g := versions()
	other := topology.Node{ID: "workload/bank/ledger-v1", Kind: topology.Workload, Name: "ledger-v1", Namespace: "bank", Service: "ledger"}
	g.Nodes = append(g.Nodes, other)
	var f topology.Folds
	at := func(id string) topology.Node {
		all := f.Apply(g).Nodes
		i := slices.IndexFunc(all, func(n topology.Node) bool { return n.ID == id })
		if i < 0 {
			t.Fatalf("no %s in %s", id, ids(f.Apply(g)))
		}
		return all[i]
	}
	fold := func(id, want string) {
		t.Helper()
		next, to, ok := f.Fold(at(id))
		if f = next; !ok || !strings.Contains(ids(f.Apply(g)), to) || ids(f.Apply(g)) != want {
			t.Errorf("%s folded (%v): %s, want %s", id, ok, ids(f.Apply(g)), want)
		}
	}
	unfold := func(id, want string) {
		t.Helper()
		next, ok := f.Unfold(at(id))
		if f = next; !ok || ids(f.Apply(g)) != want {
			t.Errorf("%s unfolded (%v): %s, want %s", id, ok, ids(f.Apply(g)), want)
		}
	}
	services := "unmeshed//curl workload/bank/ledger-v1 workload/shop/cart workload/shop/db"
	fold("workload/shop/cart-v2", services)
	fold("workload/shop/cart", "namespace/shop unmeshed//curl workload/bank/ledger-v1")
	unfold("namespace/shop", services)
	unfold("workload/shop/cart", "unmeshed//curl workload/bank/ledger-v1 workload/shop/cart-v1 workload/shop/cart-v2 workload/shop/db")
	f = topology.Folds{Level: topology.ByNamespace}
	unfold("namespace/shop", "namespace/bank unmeshed//curl workload/shop/cart workload/shop/db")
	unfold("workload/shop/cart", "namespace/bank unmeshed//curl workload/shop/cart-v1 workload/shop/cart-v2 workload/shop/db")
	if _, _, ok := f.Fold(g.Nodes[0]); ok {
		t.Error("what is of no namespace cannot be folded")
	}
	if _, ok := f.Unfold(other); ok {
		t.Error("a workload cannot be unfolded")
	}
}
