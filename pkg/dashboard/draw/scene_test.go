package draw_test

import (
	"math"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/pkg/dashboard/draw"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/topology/topologytest"
)

const reviews = "workload/default/reviews-v3"

// find returns where a text begins in a frame.
func find(t *testing.T, f *draw.Frame, text string) (x, y int) {
	t.Helper()
	for y := range f.Height {
		for x := range f.Width {
			var b strings.Builder
			for i := x; i < f.Width && b.Len() < len(text); i++ {
				b.WriteString(f.Cells[y*f.Width+i].Text)
			}
			if b.String() == text {
				return x, y
			}
		}
	}
	t.Fatalf("%q is not in the picture:\n%s", text, f.Text(false))
	return 0, 0
}

func TestTheMouseHitsNodesAndEdges(t *testing.T) {
	f, l := picture(topologytest.Bookinfo(), draw.Options{}, draw.Selection{})
	x, y := find(t, f, "reviews v3")
	if hit := f.At(x, y); hit.Node != reviews {
		t.Errorf("%+v", hit)
	}
	n, _ := l.Node(reviews)
	edge := draw.Hit{From: "workload/default/productpage-v1", To: reviews}
	if hit := f.At(n.Rect.X-1-l.Bounds.X, n.Rect.Y+1-l.Bounds.Y); hit != edge {
		t.Errorf("%+v", hit)
	}
	for _, at := range [][2]int{{0, 0}, {-1, 3}, {f.Width, f.Height}, {1 << 40, 0}} {
		if hit := f.At(at[0], at[1]); hit != (draw.Hit{}) {
			t.Errorf("%v: %+v", at, hit)
		}
	}
}

func TestTheSelectionStandsOut(t *testing.T) {
	f, l := picture(topologytest.Bookinfo(), draw.Options{}, draw.Selection{Node: "workload/default/details-v1"})
	x, y := find(t, f, "details v1")
	if s := f.Cells[y*f.Width+x].Style; s.Ink != draw.Accent || !s.Reverse {
		t.Errorf("the node is %+v", s)
	}
	arrow := func(id string) draw.Style {
		n, _ := l.Node(id)
		return f.Cells[(n.Rect.Y+1-l.Bounds.Y)*f.Width+n.Rect.X-1-l.Bounds.X].Style
	}
	if s := arrow("workload/default/details-v1"); !s.Bold {
		t.Errorf("its edge is %+v", s)
	}
	if s := arrow(reviews); s.Ink != draw.Dim {
		t.Errorf("another edge is %+v", s)
	}
}

func TestASearchDimsTheRest(t *testing.T) {
	o := draw.Options{Found: func(id string) bool { return id == reviews }}
	f, _ := picture(topologytest.Bookinfo(), o, draw.Selection{})
	for text, want := range map[string]draw.Ink{"reviews v3": draw.Bad, "details v1": draw.Dim} {
		if x, y := find(t, f, text); f.Cells[y*f.Width+x].Style.Ink != want {
			t.Errorf("%s is %v", text, f.Cells[y*f.Width+x].Style)
		}
	}
}

func TestAPlannedChange(t *testing.T) {
	g := topologytest.Bookinfo()
	for i := range g.Edges {
		switch g.Edges[i].To {
		case "workload/default/details-v1":
			g.Edges[i].Planned = topology.Removed
		case "workload/default/reviews-v1":
			g.Edges[i].Planned = topology.Added
		}
	}
	f, _ := picture(g, draw.Options{}, draw.Selection{})
	golden(t, "plan.txt", f.Text(false))
	golden(t, "plan.ansi", f.Text(true))
}

func TestNumbersMoveNothing(t *testing.T) {
	before := topologytest.Bookinfo()
	l := draw.Arrange(before, draw.Options{}, nil)
	after := topologytest.Bookinfo()
	for i := range after.Nodes {
		after.Nodes[i].In, after.Nodes[i].Rejected, after.Nodes[i].Instances = topologytest.Rates(123456, 0.5, 99999), 3, 0
	}
	for i := range after.Edges {
		after.Edges[i].Badges, after.Edges[i].Rates = nil, topology.Rates{}
	}
	if draw.Arrange(after, draw.Options{}, l) != l {
		t.Error("numbers and badges have changed the layout")
	}
}

func TestAWorkloadThatIsGoneIsSeen(t *testing.T) {
	g := topologytest.Bookinfo()
	for i := range g.Nodes {
		if g.Nodes[i].ID == reviews {
			g.Nodes[i].Instances, g.Nodes[i].Proxies, g.Nodes[i].In = 0, 0, topology.Rates{}
		}
	}
	f, _ := picture(g, draw.Options{}, draw.Selection{})
	find(t, f, "no instances")
}

func TestFlowMovesAhead(t *testing.T) {
	at := func(phase int) int {
		g := topology.Graph{Nodes: []topology.Node{{ID: "a", Name: "a"}, {ID: "b", Name: "b"}}, Edges: []topology.Edge{{From: "a", To: "b", Rates: topologytest.Rates(5, 0, 1)}}}
		o := draw.Options{Phase: phase, Labels: draw.RateLabels}
		l := draw.Arrange(g, o, nil)
		x, _ := find(t, draw.Draw(draw.Scene{Graph: g, Layout: l, Viewport: draw.Whole(l), Options: o}), "▸")
		return x
	}
	if a, b := at(1), at(2); b != a+1 {
		t.Errorf("a mark went from %d to %d", a, b)
	}
}

// Marks that move neither push a label aside nor hide it.
func TestFlowLeavesLabels(t *testing.T) {
	g := topology.Graph{Nodes: []topology.Node{{ID: "a", Name: "a"}, {ID: "b", Name: "b"}}, Edges: []topology.Edge{{From: "a", To: "b", Rates: topologytest.Rates(5, 0, 1)}}}
	still := 0
	for phase := range 12 {
		o := draw.Options{Phase: phase, Labels: draw.ByteLabels}
		l := draw.Arrange(g, o, nil)
		x, _ := find(t, draw.Draw(draw.Scene{Graph: g, Layout: l, Viewport: draw.Whole(l), Options: o}), "26KiB/s")
		if phase > 0 && x != still {
			t.Errorf("the label is at %d and was at %d", x, still)
		}
		still = x
	}
}

func TestTheZoomThatFits(t *testing.T) {
	g := topologytest.Bookinfo()
	for _, c := range []struct {
		w, h   int
		zoom   draw.Zoom
		narrow bool
	}{{200, 60, draw.Full, false}, {250, 80, draw.Full, false}, {140, 24, draw.Full, true}, {120, 24, draw.Full, true}, {100, 24, draw.Compact, true}, {80, 24, draw.Dot, false}, {3, 3, draw.Dot, false}} {
		o := draw.Best(g, draw.Options{}, c.w, c.h)
		if o.Zoom != c.zoom || o.Narrow != c.narrow {
			t.Errorf("%dx%d: %+v", c.w, c.h, o)
		}
	}
}

func TestViewports(t *testing.T) {
	g := topologytest.Bookinfo()
	l := draw.Arrange(g, draw.Options{}, nil)
	v := draw.Fit(l, 40, 10)
	if draw.Fits(l, 40, 10) || !draw.Fits(l, l.Bounds.W, l.Bounds.H) {
		t.Error("what fits")
	}
	n, _ := l.Node(reviews)
	shown := v.Show(n.Rect)
	if n.Rect.X < shown.X || n.Rect.X+n.Rect.W > shown.X+40 || n.Rect.Y < shown.Y || n.Rect.Y+n.Rect.H > shown.Y+10 {
		t.Errorf("%+v does not show %+v", shown, n.Rect)
	}
	if again := shown.Show(n.Rect); again != shown {
		t.Error("what is visible moves the viewport")
	}
	if c := v.Center(n.Rect); c.X+20 != n.Rect.X+n.Rect.W/2 {
		t.Errorf("%+v", c)
	}
	far := v.Pan(l, math.MaxInt/2, math.MaxInt/2)
	if far.X >= l.Bounds.X+l.Bounds.W || far.Y >= l.Bounds.Y+l.Bounds.H {
		t.Errorf("%+v sees nothing of %+v", far, l.Bounds)
	}
	// A part of the picture is the same cells as in the whole.
	all := draw.Draw(draw.Scene{Graph: g, Layout: l, Viewport: draw.Whole(l)})
	some := draw.Draw(draw.Scene{Graph: g, Layout: l, Viewport: draw.Viewport{X: l.Bounds.X + 60, Y: l.Bounds.Y + 6, Width: 30, Height: 10}})
	for y := range some.Height {
		for x := 1; x < some.Width-1; x++ {
			if got, want := some.Cells[y*some.Width+x].Text, all.Cells[(y+6)*all.Width+x+60].Text; got != want {
				t.Fatalf("%d,%d is %q, want %q", x, y, got, want)
			}
		}
	}
}

func TestLegendAndLabels(t *testing.T) {
	for _, ascii := range []bool{true, false} {
		for _, s := range draw.Legend(ascii) {
			if s.Glyph == "" || s.Meaning == "" {
				t.Errorf("%+v", s)
			}
		}
	}
	seen := map[draw.Labels]bool{}
	for l := draw.NoLabels; !seen[l]; l = l.Next() {
		seen[l] = true
	}
	if len(seen) != 5 {
		t.Errorf("%d kinds of labels", len(seen))
	}
}
