package layout_test

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meshctl/meshctl/pkg/dashboard/layout"
)

var options = layout.Options{Gap: 1, Overlap: 1, Lead: 2, Channel: 3, Frame: 2}

// random is a graph with cycles, loops, stacks, groups and nodes without either.
func random(r *rand.Rand, nodes, edges int) layout.Graph {
	var g layout.Graph
	for i := range nodes {
		n := layout.Node{ID: fmt.Sprintf("n%03d", i), Width: 6 + r.Intn(15), Height: []int{1, 3, 4}[r.Intn(3)]}
		if r.Intn(4) > 0 {
			n.Group = fmt.Sprint("group", r.Intn(1+nodes/8))
		}
		if n.Group != "" && r.Intn(3) > 0 {
			n.Stack = fmt.Sprint(n.Group, "/", r.Intn(3))
		}
		g.Nodes = append(g.Nodes, n)
	}
	for range edges {
		g.Edges = append(g.Edges, layout.Edge{From: g.Nodes[r.Intn(nodes)].ID, To: g.Nodes[r.Intn(nodes)].ID})
	}
	return g
}

// check holds a layout to what every layout promises.
func check(t *testing.T, g layout.Graph, o layout.Options, l *layout.Layout) {
	t.Helper()
	if len(l.Nodes) != len(g.Nodes) {
		t.Fatalf("%d of %d nodes have a place", len(l.Nodes), len(g.Nodes))
	}
	taken := map[layout.Point]string{}
	for _, n := range l.Nodes {
		if n.Rect.W < n.Width || n.Rect.H != n.Height {
			t.Errorf("%s of %dx%d has %+v", n.ID, n.Width, n.Height, n.Rect)
		}
		for y := n.Rect.Y; y < n.Rect.Y+n.Rect.H; y++ {
			for x := n.Rect.X; x < n.Rect.X+n.Rect.W; x++ {
				at := layout.Point{X: x, Y: y}
				border := y == n.Rect.Y || y == n.Rect.Y+n.Rect.H-1
				if other, ok := taken[at]; ok && (!border || o.Overlap == 0) {
					t.Fatalf("%s covers %s", n.ID, other)
				}
				taken[at] = n.ID
				if !l.Bounds.Contains(at) {
					t.Fatalf("%s is out of bounds", n.ID)
				}
			}
		}
	}
	for _, f := range l.Frames {
		for _, n := range l.Nodes {
			inside := f.Rect.Contains(layout.Point{X: n.Rect.X, Y: n.Rect.Y})
			if inside != (n.Group == f.Group) {
				t.Errorf("node %s of group %q and frame of %q: inside is %v", n.ID, n.Group, f.Group, inside)
			}
		}
		for _, other := range l.Frames {
			if f != other && overlap(f.Rect, other.Rect) {
				t.Errorf("frames of %q and %q overlap: %+v, %+v", f.Group, other.Group, f.Rect, other.Rect)
			}
		}
	}
	for _, r := range l.Routes {
		checkRoute(t, l, r, taken)
	}
}

func overlap(a, b layout.Rect) bool {
	return a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H
}

// checkRoute wants lines that go along rows and columns, from box to box and through none.
func checkRoute(t *testing.T, l *layout.Layout, r layout.Route, taken map[layout.Point]string) {
	t.Helper()
	if r.From == r.To {
		if len(r.Points) != 0 {
			t.Errorf("%s has a line to itself", r.From)
		}
		return
	}
	from, _ := l.Node(r.From)
	to, _ := l.Node(r.To)
	if len(r.Points) < 2 || !beside(from.Rect, r.Points[0]) || !beside(to.Rect, r.Points[len(r.Points)-1]) {
		t.Fatalf("%s to %s does not join the boxes: %+v", r.From, r.To, r.Points)
	}
	for k := 1; k < len(r.Points); k++ {
		a, b := r.Points[k-1], r.Points[k]
		if (a.X == b.X) == (a.Y == b.Y) {
			t.Fatalf("%s to %s is not straight: %+v", r.From, r.To, r.Points)
		}
		for x := min(a.X, b.X); x <= max(a.X, b.X); x++ {
			for y := min(a.Y, b.Y); y <= max(a.Y, b.Y); y++ {
				if n, ok := taken[layout.Point{X: x, Y: y}]; ok {
					t.Fatalf("%s to %s goes through %s", r.From, r.To, n)
				}
			}
		}
	}
}

func beside(r layout.Rect, p layout.Point) bool {
	return p.Y >= r.Y && p.Y < r.Y+r.H && (p.X == r.X-1 || p.X == r.X+r.W)
}

func TestLayoutsKeepTheirPromises(t *testing.T) {
	for seed := range int64(150) {
		r := rand.New(rand.NewSource(seed))
		nodes := 1 + r.Intn(40)
		g := random(r, nodes, r.Intn(3*nodes))
		o := options
		if seed%3 == 0 {
			o = layout.Options{Channel: 1, Frame: 1}
		}
		l := layout.Compute(g, o, nil)
		check(t, g, o, l)
		if diff := cmp.Diff(l.Nodes, layout.Compute(g, o, nil).Nodes); diff != "" {
			t.Fatalf("seed %d: the same graph is laid out in two ways:\n%s", seed, diff)
		}
		for range 5 { // a life of changes
			g = changed(r, g)
			l = layout.Compute(g, o, l)
			check(t, g, o, l)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// changed drops and adds a node and some edges.
func changed(r *rand.Rand, g layout.Graph) layout.Graph {
	out := layout.Graph{Nodes: slices.Clone(g.Nodes), Edges: slices.Clone(g.Edges)}
	if len(out.Nodes) > 2 && r.Intn(2) == 0 {
		i := r.Intn(len(out.Nodes))
		out.Nodes = slices.Delete(out.Nodes, i, i+1)
	}
	if r.Intn(2) == 0 {
		n := out.Nodes[r.Intn(len(out.Nodes))]
		n.ID = fmt.Sprint("new", r.Int63())
		at := slices.IndexFunc(out.Nodes, func(o layout.Node) bool { return o.Group == n.Group && o.Stack == n.Stack })
		out.Nodes = slices.Insert(out.Nodes, at+1, n)
		out.Edges = append(out.Edges, layout.Edge{From: out.Nodes[r.Intn(len(out.Nodes))].ID, To: n.ID})
	}
	if len(out.Edges) > 1 {
		out.Edges[r.Intn(len(out.Edges))].To = out.Nodes[r.Intn(len(out.Nodes))].ID
	}
	return out
}

func chain(ids ...string) (g layout.Graph) {
	for i, id := range ids {
		g.Nodes = append(g.Nodes, layout.Node{ID: id, Group: "g", Width: 10, Height: 4})
		if i > 0 {
			g.Edges = append(g.Edges, layout.Edge{From: ids[i-1], To: id})
		}
	}
	return g
}

func place(t *testing.T, l *layout.Layout, id string) layout.Placed {
	t.Helper()
	n, ok := l.Node(id)
	if !ok {
		t.Fatalf("no place for %s", id)
	}
	return n
}

func TestCallersAreLeftOfWhatTheyCall(t *testing.T) {
	l := layout.Compute(chain("a", "b", "c", "d"), options, nil)
	for i, id := range []string{"a", "b", "c", "d"} {
		n := place(t, l, id)
		if n.Layer != i || n.Rect.Y != place(t, l, "a").Rect.Y {
			t.Errorf("%s: %+v", id, n)
		}
	}
	for _, r := range l.Routes {
		if len(r.Points) != 2 {
			t.Errorf("%s to %s is not straight: %v", r.From, r.To, r.Points)
		}
	}
}

func TestACallBackRunsBackwards(t *testing.T) {
	g := chain("a", "b", "c")
	g.Edges = append(g.Edges, layout.Edge{From: "c", To: "a"})
	l := layout.Compute(g, options, nil)
	if place(t, l, "a").Layer != 0 || place(t, l, "c").Layer != 2 {
		t.Fatalf("%+v", l.Nodes)
	}
	i := slices.IndexFunc(l.Routes, func(r layout.Route) bool { return r.From == "c" })
	points := l.Routes[i].Points
	if points[0].X != place(t, l, "c").Rect.X-1 || points[len(points)-1].X != place(t, l, "a").Rect.X+10 {
		t.Errorf("%+v", points)
	}
}

func TestTheSameGraphIsTheSameLayout(t *testing.T) {
	g := random(rand.New(rand.NewSource(7)), 30, 60)
	l := layout.Compute(g, options, nil)
	if layout.Compute(g, options, l) != l {
		t.Error("the same graph was laid out again")
	}
}

func TestWhatStaysKeepsItsPlace(t *testing.T) {
	r := rand.New(rand.NewSource(3))
	moved := 0
	const rounds = 30
	for range rounds {
		g := random(r, 40, 60)
		before := layout.Compute(g, options, nil)
		// One node comes on its own, and one goes.
		after := layout.Graph{Nodes: append(slices.Clone(g.Nodes[1:]), layout.Node{ID: "new", Group: "group1", Width: 10, Height: 4}), Edges: append(slices.Clone(g.Edges), layout.Edge{From: g.Edges[0].To, To: "new"})}
		now := layout.Compute(after, options, before)
		for _, n := range before.Nodes[1:] {
			was, is := n, place(t, now, n.ID)
			if is.Layer != was.Layer {
				t.Fatalf("%s went from layer %d to %d", n.ID, was.Layer, is.Layer)
			}
			if was.Rect.Y != is.Rect.Y {
				moved++
			}
		}
	}
	if most := rounds * 39 / 8; moved > most { // those of blocks that made way
		t.Errorf("%d rows changed, more than %d", moved, most)
	}
	t.Logf("%d of %d rows changed", moved, rounds*39)
}

func TestNewcomersLeftOfEverythingMoveNothing(t *testing.T) {
	before := layout.Compute(chain("b", "c", "d"), options, nil)
	now := layout.Compute(chain("a", "b", "c", "d"), options, before)
	for _, id := range []string{"b", "c", "d"} {
		if diff := cmp.Diff(place(t, before, id), place(t, now, id)); diff != "" {
			t.Errorf("%s moved:\n%s", id, diff)
		}
	}
	if a := place(t, now, "a"); a.Rect.X >= 0 || a.Layer != -1 {
		t.Errorf("%+v", a)
	}
}

func TestALayoutThatGotWorseIsGivenUp(t *testing.T) {
	ids := []string{"a", "b", "c", "d", "e", "f"}
	before := layout.Compute(chain(ids...), options, nil)
	slices.Reverse(ids)
	after := layout.Compute(chain(ids...), options, before)
	if place(t, after, "a").Layer != 5 {
		t.Errorf("%+v", after.Nodes)
	}
}

func TestEmptyAndBrokenGraphs(t *testing.T) {
	for _, g := range []layout.Graph{
		{}, {Edges: []layout.Edge{{From: "a", To: "b"}}}, {Nodes: []layout.Node{{ID: "a"}, {ID: "a"}}}, {Nodes: []layout.Node{{ID: "a", Width: -5}}, Edges: []layout.Edge{{From: "a", To: "a"}}},
	} {
		l := layout.Compute(g, options, nil)
		if len(l.Nodes) > 1 {
			t.Errorf("%+v", l)
		}
		layout.Compute(chain("a", "b"), options, l)
	}
}

func TestNodesWithoutEdgesAreNoSingleColumn(t *testing.T) {
	var g layout.Graph
	for i := range 200 {
		g.Nodes = append(g.Nodes, layout.Node{ID: fmt.Sprint(i), Group: "g", Width: 10, Height: 4})
	}
	l := layout.Compute(g, options, nil)
	if l.Bounds.W < 80 || l.Bounds.H > 200 {
		t.Errorf("%+v", l.Bounds)
	}
}
