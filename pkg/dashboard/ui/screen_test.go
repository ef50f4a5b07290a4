package ui

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/dashboard/draw"
	"github.com/meshctl/meshctl/pkg/topology"
)

var update = flag.Bool("update", false, "write golden files")

var now = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)

func p(v float64) *float64 { return &v }

func rates(rps, errors, p99 float64) topology.Rates {
	return topology.Rates{Requests: &rps, Errors: &errors, P50: p(p99 / 4), P95: p(p99 / 2), P99: &p99, Sent: p(rps * 400), Received: p(rps * 5000), Connections: p(4)}
}

// bookinfo is a picture of the sample application, with one thing wrong of each kind.
func bookinfo(at time.Time) topology.Graph {
	node := func(kind topology.Kind, name, version string, in topology.Rates) topology.Node {
		service := strings.TrimSuffix(name, "-"+version)
		return topology.Node{
			ID: string(kind) + "/default/" + name, Kind: kind, Name: name, Namespace: "default", Service: service, Version: version,
			Identity: "spiffe://cluster.local/ns/default/sa/bookinfo-" + service, Instances: 1, Proxies: 1, In: in,
		}
	}
	gateway := node(topology.Gateway, "istio-ingressgateway", "", rates(10, 0, 30))
	gateway.ID, gateway.Namespace = "gateway/istio-system/istio-ingressgateway", "istio-system"
	v3 := node(topology.Workload, "reviews-v3", "v3", rates(3, 0.9, 120))
	v3.Rejected = 1
	v3.Findings = []topology.Finding{{Code: "IST0101", Level: "error", Message: `no DestinationRule for reviews defines the subset "v4"`}}
	legacy := node(topology.Workload, "legacy", "v1", rates(1, 0, 5))
	legacy.Proxies = 0
	g := topology.Graph{
		Time: at, Window: time.Minute, Proxies: 7,
		Nodes: []topology.Node{
			gateway, node(topology.Workload, "details-v1", "v1", rates(10, 0, 3)), legacy,
			node(topology.Workload, "productpage-v1", "v1", rates(10, 0.2, 60)), node(topology.Workload, "ratings-v1", "v1", rates(6, 0, 2)),
			node(topology.Workload, "reviews-v1", "v1", rates(4, 0, 10)), node(topology.Workload, "reviews-v2", "v2", rates(3, 0, 20)), v3,
		},
		Silent: []topology.Silent{{Proxy: "legacy.default", Reason: "no proxy"}},
	}
	edge := func(from, to string, r topology.Rates) topology.Edge {
		return topology.Edge{From: from, To: to, Protocol: topology.HTTP, Host: "x.default.svc.cluster.local", Port: 9080, Security: topology.MutualTLS, Rates: r}
	}
	const w = "workload/default/"
	g.Edges = []topology.Edge{
		edge(gateway.ID, w+"productpage-v1", rates(10, 0.2, 60)),
		edge(w+"productpage-v1", w+"details-v1", rates(10, 0, 3)),
		edge(w+"productpage-v1", w+"legacy", rates(1, 0, 5)),
		edge(w+"productpage-v1", w+"reviews-v1", rates(4, 0, 10)),
		edge(w+"productpage-v1", w+"reviews-v2", rates(3, 0, 20)),
		edge(w+"productpage-v1", w+"reviews-v3", rates(3, 0.9, 120)),
		edge(w+"reviews-v2", w+"ratings-v1", rates(3, 0, 2)),
		edge(w+"reviews-v3", w+"ratings-v1", rates(3, 0, 2)),
	}
	g.Edges[2].Security, g.Edges[2].Why = topology.Plaintext, "no sidecar"
	g.Edges[5].Split = &topology.Split{Configured: 0.5, Observed: 0.3, Origin: "VirtualService default/reviews"}
	g.Edges[5].Badges = []topology.Badge{topology.Fault}
	return g
}

// session is a dashboard under the hands of a test: messages in, screens out.
type session struct {
	t *testing.T
	m Model
}

func open(t *testing.T, width, height int, source Source) *session {
	s := &session{t, New(t.Context(), Options{Source: source, Name: "demo"})}
	s.send(tea.WindowSizeMsg{Width: width, Height: height})
	return s
}

// send passes a message, and the answers to the quick commands that it leads to.
func (s *session) send(msg tea.Msg) {
	next, cmd := s.m.Update(msg)
	s.m = next.(Model)
	_ = cmd
}

// act is send for messages whose command ends at once.
func (s *session) act(msg tea.Msg) {
	next, cmd := s.m.Update(msg)
	s.m = next.(Model)
	if cmd != nil {
		if answer := cmd(); answer != nil {
			s.send(answer)
		}
	}
}

func (s *session) keys(keys ...string) {
	for _, k := range keys {
		if k == ":" || k == "/" { // the cursor of the prompt blinks
			s.send(keyMsg(k))
		} else {
			s.act(keyMsg(k))
		}
	}
}

var named = map[string]tea.Key{
	"enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape}, "down": {Code: tea.KeyDown}, "up": {Code: tea.KeyUp}, "left": {Code: tea.KeyLeft}, "right": {Code: tea.KeyRight},
	"tab": {Code: tea.KeyTab}, "ctrl+z": {Code: 'z', Mod: tea.ModCtrl}, "ctrl+s": {Code: 's', Mod: tea.ModCtrl}, "ctrl+c": {Code: 'c', Mod: tea.ModCtrl}, "pgdown": {Code: tea.KeyPgDown},
}

func keyMsg(k string) tea.Msg {
	if key, ok := named[k]; ok {
		return tea.KeyPressMsg(key)
	}
	return tea.KeyPressMsg{Code: []rune(k)[0], Text: k}
}

// typed types a line into the prompt.
func (s *session) typed(line string) {
	for _, r := range line {
		s.send(keyMsg(string(r)))
	}
	s.keys("enter")
}

func (s *session) graph(g topology.Graph) { s.send(graphMsg{graph: g, turn: s.m.turn}) }

// screen is what the terminal shows, without colours.
func (s *session) screen() string {
	s.t.Helper()
	text := ansi.Strip(s.m.View().Content)
	lines := strings.Split(text, "\n")
	if len(lines) != s.m.height {
		s.t.Errorf("%d lines on a screen of %d", len(lines), s.m.height)
	}
	for i, l := range lines {
		if w := ansi.StringWidth(l); w > s.m.width {
			s.t.Errorf("line %d has %d cells of %d: %q", i, w, s.m.width, l)
		}
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

func (s *session) golden(name string) {
	s.t.Helper()
	path := filepath.Join("testdata", "screens", fmt.Sprintf("%s-%dx%d.txt", name, s.m.width, s.m.height))
	got := s.screen()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			s.t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	if got != string(want) {
		s.t.Errorf("%s differs (-update writes it):\n%s", path, got)
	}
}

var sizes = [][2]int{{80, 24}, {120, 40}, {200, 60}}

func source() Source {
	return Source{
		Next: func(context.Context, time.Duration) (topology.Graph, error) {
			return topology.Graph{}, errors.New("not asked here")
		},
		Proxies: func(context.Context) (printer.Sheet, error) {
			return printer.Sheet{Names: []string{"NAME", "CDS"}, Rows: []printer.Line{{ID: "a", Cells: []printer.Cell{{Text: "details-v1.default"}, {Text: "SYNCED", Level: printer.Good}}}}}, nil
		},
		Config: func(_ context.Context, n topology.Node) (string, error) {
			return "clusters of " + n.Name + "\nand more", nil
		},
		Export: func(topology.Graph, string) (string, error) { return "meshctl.svg", nil },
	}
}

func TestScreens(t *testing.T) {
	for _, size := range sizes {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			s := open(t, size[0], size[1], source())
			s.golden("connecting")
			for i := range 60 {
				g := bookinfo(now.Add(time.Duration(i) * time.Second))
				g.Nodes[7].In.Requests = p(float64(i % 7))
				s.graph(g)
			}
			for _, v := range views() {
				if v.name == tapView {
					continue
				}
				s.keys(":")
				s.typed(v.name)
				s.golden(v.name)
			}
			s.keys(":")
			s.typed("workloads")
			s.keys("R", "down", "down", "enter")
			s.golden("node")
			s.keys("enter")
			s.golden("edge")
			s.keys("esc", "x")
			s.golden("config")
			s.keys("esc", "?")
			s.golden("help")
		})
	}
}

// change lays over the sample a change of weights that also leads to a version which is not there.
func change(g topology.Graph) topology.Graph {
	const w = "workload/default/"
	share := func(v float64) *float64 { return &v }
	for i := range g.Edges {
		e := &g.Edges[i]
		switch e.To {
		case w + "reviews-v2":
			e.Planned, e.Change = topology.Removed, &topology.Change{Before: share(0.3), Origin: "VirtualService default/reviews"}
		case w + "reviews-v3":
			e.Planned, e.Change = topology.Reweighted, &topology.Change{Before: share(0.5), After: share(0.9), Origin: "VirtualService default/reviews"}
		}
	}
	g.Nodes = append(g.Nodes, topology.Node{ID: "service/default/reviews v4", Kind: topology.Service, Name: "reviews v4", Namespace: "default", Planned: topology.Added})
	g.Edges = append(g.Edges, topology.Edge{
		From: w + "productpage-v1", To: "service/default/reviews v4", Protocol: topology.HTTP, Security: topology.UnknownSecurity,
		Planned: topology.Added, Change: &topology.Change{After: share(0.1), Origin: "VirtualService default/reviews"},
	})
	g.Plan = &topology.Plan{Added: 1, Removed: 1, Reweighted: 1, Findings: []topology.Finding{{Code: "IST0101", Level: "error", Message: "change.yaml:9:7: no subset v4"}}}
	return g
}

func TestPlanOverlay(t *testing.T) {
	for _, size := range sizes {
		s := open(t, size[0], size[1], source())
		s.graph(change(bookinfo(now)))
		s.golden("planned")
		before := s.m.arranged.layout
		s.keys("o")
		s.golden("planned-today")
		for _, n := range s.m.arranged.layout.Nodes {
			if was, ok := before.Node(n.ID); !ok || was.Rect != n.Rect {
				t.Errorf("%s has moved from %v to %v", n.ID, was.Rect, n.Rect)
			}
		}
		s.keys("o", ":")
		s.typed("plan")
		s.golden("planned-changes")
		s.keys(":")
		s.typed("findings")
		if text := s.screen(); !strings.Contains(text, "planned change") || !strings.Contains(text, "IST0101") {
			t.Error(text)
		}
	}
	s := open(t, 100, 30, source())
	s.graph(bookinfo(now))
	s.keys("o")
	if text := s.screen(); !strings.Contains(text, "start the dashboard with --plan") {
		t.Error(text)
	}
}

// What is folded and unfolded by keys and with the mouse moves nothing else.
func TestFolding(t *testing.T) {
	const w = "workload/default/"
	for _, size := range sizes {
		s := open(t, size[0], size[1], source())
		s.graph(bookinfo(now))
		choose := func(id string) {
			s.m = s.m.edit(func(p *page) { p.cursor = id })
		}
		before := s.m.arranged.layout
		choose(w + "reviews-v2")
		s.keys("[")
		s.golden("folded-service")
		if s.m.top().cursor != w+"reviews" {
			t.Errorf("chosen is %s", s.m.top().cursor)
		}
		s.graph(bookinfo(now.Add(time.Second)))
		s.keys("]")
		for _, n := range s.m.arranged.layout.Nodes {
			if was, ok := before.Node(n.ID); !ok || n.Layer != was.Layer {
				t.Errorf("%dx%d: %s has moved from layer %d to %d", size[0], size[1], n.ID, was.Layer, n.Layer)
			}
		}
		if s.m.top().cursor != w+"reviews-v1" {
			t.Errorf("chosen is %s", s.m.top().cursor)
		}
		s.keys("[", "[")
		s.golden("folded-namespace")
		s.keys("enter")
		if text := s.screen(); !strings.Contains(text, "reviews-v2") || strings.Contains(text, "ingressgateway") {
			t.Errorf("the workloads of the namespace:\n%s", text)
		}
		s.keys("esc", "esc", "]", "c", "c", "c")
		if got := len(s.m.arranged.graph.Nodes); got != len(bookinfo(now).Nodes) {
			t.Errorf("%d nodes in the end:\n%s", got, s.screen())
		}
		choose("")
		s.keys("[")
		if text := s.screen(); size[0] > 80 && !strings.Contains(text, "choose something") {
			t.Error(text)
		}
	}
}

func TestFoldingWithTheMouse(t *testing.T) {
	s := open(t, 160, 50, source())
	s.graph(bookinfo(now))
	find := func(text string) (x, y int) {
		t.Helper()
		for y, line := range strings.Split(s.screen(), "\n") {
			if i := strings.Index(line, text); i >= 0 {
				return ansi.StringWidth(line[:i]), y
			}
		}
		t.Fatalf("no %q:\n%s", text, s.screen())
		return 0, 0
	}
	click := func(text string, button tea.MouseButton) {
		t.Helper()
		x, y := find(text)
		s.act(tea.MouseClickMsg{X: x, Y: y, Button: button})
	}
	click("default", tea.MouseLeft)
	find("▤ default")
	click("▤ default", tea.MouseRight)
	find("reviews")
	click("reviews v3", tea.MouseRight)
	find("reviews ─")
	click("reviews ─", tea.MouseRight)
	find("reviews v3")
}

// The first picture is as the command line wants it.
func TestFirstPicture(t *testing.T) {
	labels := draw.ErrorLabels
	s := &session{t, New(t.Context(), Options{Source: source(), Name: "demo", Labels: &labels, MTLS: true, Bad: true, Level: topology.ByNamespace})}
	s.send(tea.WindowSizeMsg{Width: 200, Height: 60})
	s.graph(bookinfo(now))
	p := s.m.top()
	if o := p.drawing.options; o.Labels != draw.ErrorLabels || !o.MTLS || !p.bad {
		t.Errorf("%+v, bad %v", o, p.bad)
	}
	if text := s.screen(); !strings.Contains(text, "only what worries") || !strings.Contains(text, "▤ default") {
		t.Error(text)
	}
}

func TestSmallTerminals(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {20, 5}, {30, 6}, {40, 10}} {
		s := open(t, size[0], size[1], source())
		s.graph(bookinfo(now))
		s.screen()
		s.keys("?")
		s.screen()
	}
}
