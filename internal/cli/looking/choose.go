package looking

import (
	"fmt"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/tap"
	"github.com/meshctl/meshctl/pkg/topology"
)

// Shows reports whether the user wants to see a node: the graph that rows are made of also has what is at the other ends of its edges.
func (o *Options) Shows(n topology.Node) bool {
	if n.Kind == topology.NamespaceKind {
		n.Namespace = n.Name
	}
	if o.Ref == "" {
		return o.namespace == "" || n.Namespace == o.namespace
	}
	m := tap.Member{Instance: n.Name, Workload: n.Name, Namespace: n.Namespace, Services: hosts(n), Gateway: n.Kind == topology.Gateway}
	if _, account, found := strings.Cut(n.Identity, "/sa/"); found {
		m.ServiceAccount = account
	}
	return o.ref.Means(m, o.namespace)
}

// hosts are the names of the service that a node is, or is a part of.
func hosts(n topology.Node) []string {
	names := []string{n.Service}
	if n.Kind == topology.External || n.Kind == topology.Service {
		names = append(names, n.Name)
	}
	var out []string
	for _, name := range slices.DeleteFunc(names, func(s string) bool { return s == "" }) {
		if out = append(out, name); n.Namespace != "" && !strings.Contains(name, ".") {
			out = append(out, name+"."+n.Namespace+".svc.cluster.local")
		}
	}
	return out
}

// asked is the namespace whose proxies are enough for what is shown; empty for all.
func (o *Options) asked() string {
	if o.ref.Kind == "namespace" {
		return o.ref.Name
	}
	if strings.Contains(o.Ref, ".") {
		return "" // NAME.NAMESPACE, or a host
	}
	return o.namespace
}

// selected is the part of a graph that the user wants to see, with what is at the other ends of its edges.
func (o *Options) selected(g topology.Graph) topology.Graph {
	if o.Ref != "" || o.namespace != "" {
		g = keep(g, o.Shows)
	}
	if !o.expr.Empty() {
		g = o.expr.Keep(g)
	}
	return g
}

// keep keeps nodes, the edges that have one of them as an end, and what is at the other end.
func keep(g topology.Graph, wanted func(topology.Node) bool) topology.Graph {
	is, needed := map[string]bool{}, map[string]bool{}
	for _, n := range g.Nodes {
		is[n.ID] = wanted(n)
	}
	var edges []topology.Edge
	for _, e := range g.Edges {
		if is[e.From] || is[e.To] {
			edges = append(edges, e)
			needed[e.From], needed[e.To] = true, true
		}
	}
	var nodes []topology.Node
	for _, n := range g.Nodes {
		if is[n.ID] || needed[n.ID] {
			nodes = append(nodes, n)
		}
	}
	g.Nodes, g.Edges = nodes, edges
	return g
}

// missing is the error of a name that nobody has.
func (o *Options) missing(g topology.Graph) error {
	if o.Ref == "" || slices.ContainsFunc(g.Nodes, o.Shows) {
		return nil
	}
	why := ""
	if o.ref.Kind == "pod" {
		why = "; numbers are of workloads, not of single pods"
	}
	return fmt.Errorf("%s takes no part in the traffic%s%s: `meshctl stat -A` shows what does", o.Ref, o.where(), why)
}

func (o *Options) where() string {
	if o.namespace == "" || strings.Contains(o.Ref, ".") {
		return " of the mesh"
	}
	return " of namespace " + o.namespace
}

// nothing says why there are no rows.
func (o *Options) nothing() string {
	switch {
	case !o.expr.Empty():
		return fmt.Sprintf("nothing passes --filter %q", o.Filter)
	case o.Ref == "" && o.namespace != "":
		return fmt.Sprintf("nothing to show of namespace %s; -A shows all", o.namespace)
	}
	return fmt.Sprintf("nothing to show%s in %s", o.where(), o.Window)
}

// sortBy is the column that the user named, nil for none.
func sortBy[T any](o *Options, t printer.Table[T]) (column *printer.Column[T], reverse bool, err error) {
	name, reverse := strings.CutPrefix(o.Sort, "-")
	if name == "" {
		return nil, false, nil
	}
	var names []string
	for i, c := range t.Columns {
		if strings.EqualFold(c.Name, name) {
			return &t.Columns[i], reverse, nil
		}
		names = append(names, strings.ToLower(c.Name))
	}
	return nil, false, exitcode.Usagef("--sort: there is no column %q; use one of %s", name, strings.Join(names, ", "))
}
