package ui

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/topology"
)

func (s *session) contains(want ...string) {
	s.t.Helper()
	screen := s.screen()
	for _, w := range want {
		if !strings.Contains(screen, w) {
			s.t.Errorf("no %q on the screen:\n%s", w, screen)
		}
	}
}

func (s *session) lacks(not string) {
	s.t.Helper()
	if screen := s.screen(); strings.Contains(screen, not) {
		s.t.Errorf("%q is on the screen:\n%s", not, screen)
	}
}

// TestTheWayThroughPages drills down from a list to a configuration and back.
func TestTheWayThroughPages(t *testing.T) {
	s := open(t, 120, 40, source())
	s.graph(bookinfo(now))
	s.keys(":")
	s.typed("workloads")
	s.contains("reviews-v3", "70.0%")
	s.keys("S") // the worst first
	if id := s.m.chosen(); id != "workload/default/reviews-v3" {
		s.keys("g")
		if id = s.m.chosen(); id != "workload/default/reviews-v3" {
			t.Errorf("sorted by success %q is the first", id)
		}
	}
	s.keys("enter")
	s.contains("workloads › node reviews-v3.default", "IST0101", "1 reject their configuration", "productpage-v1.default")
	s.keys("enter")
	s.contains("productpage-v1.default → reviews-v3.default", "weight 50.0% by VirtualService default/reviews", "observed 30.0%", "fault")
	s.keys("esc", "x")
	s.contains("clusters of reviews-v3", "and more")
	s.keys("esc", "esc")
	s.contains(" workloads\n")
	s.keys("esc")
	s.contains(" workloads\n") // the first page stays
}

func TestTheCursorStaysOnItsRow(t *testing.T) {
	s := open(t, 120, 40, source())
	s.graph(bookinfo(now))
	s.keys(":")
	s.typed("workloads")
	s.keys("down", "down", "down")
	chosen := s.m.chosen()
	g := bookinfo(now.Add(time.Second))
	g.Nodes = g.Nodes[2:] // rows above it go
	s.graph(g)
	if s.m.chosen() != chosen {
		t.Errorf("%q is chosen, before %q", s.m.chosen(), chosen)
	}
	g.Nodes = g.Nodes[:1]
	s.graph(g)
	if s.m.chosen() != g.Nodes[0].ID {
		t.Errorf("%q is chosen, which is not there", s.m.chosen())
	}
}

func TestFilters(t *testing.T) {
	s := open(t, 120, 40, source())
	s.graph(bookinfo(now))
	s.keys(":")
	s.typed("wl reviews")
	s.contains("reviews-v1", "/reviews")
	s.lacks("details-v1")
	s.keys("esc")
	s.contains("details-v1")
	s.keys("/")
	s.typed("nosuchname")
	s.contains("nothing matches nosuchname")
}

func TestOnlyWhatWorries(t *testing.T) {
	s := open(t, 120, 40, source())
	s.graph(bookinfo(now))
	s.keys(":")
	s.typed("edges")
	s.keys("ctrl+z")
	s.contains("only what worries", "legacy.default", "reviews-v3.default")
	s.lacks("ratings-v1.default")
	s.keys("ctrl+z")
	s.contains("ratings-v1.default")
}

func TestCommands(t *testing.T) {
	s := open(t, 120, 40, source())
	s.graph(bookinfo(now))
	for _, c := range [][2]string{
		{"nonsense", "there is no view and no command nonsense"},
		{"window 1y", "a window is from 10s to 30m"},
		{"window 5m", "5m"},
		{"export", "written to meshctl.svg"},
		{"tap", "single requests cannot be seen here"},
		{"findings", "IST0101"},
		{"events", "nothing has changed yet"},
		{"pause", "paused"},
		{"ns default", "/ns = default"},
		{"help", "Keys"},
	} {
		line, want := c[0], c[1]
		s.keys(":")
		for _, r := range line {
			s.send(keyMsg(string(r)))
		}
		if line == "window 5m" { // its command waits for numbers
			s.send(keyMsg("enter"))
		} else {
			s.keys("enter")
		}
		if screen := s.screen(); !strings.Contains(screen, want) {
			t.Errorf(":%s: no %q on the screen:\n%s", line, want, screen)
		}
	}
	s.keys("esc", ":", "e", "v", "tab")
	if got := s.m.prompt.input.Value(); got != "events" {
		t.Errorf("completed to %q", got)
	}
	s.keys("esc")
	if _, cmd := s.m.command("quit"); cmd == nil || cmd() != tea.Quit() {
		t.Error(":quit does not quit")
	}
}

func TestTheConnectionMayDrop(t *testing.T) {
	s := open(t, 120, 40, source())
	s.graph(bookinfo(now))
	lost := graphMsg{err: errors.New("control plane at 127.0.0.1:1: connection refused"), turn: s.m.turn}
	s.send(lost)
	s.contains("no connection: trying again (1), as of 15:04:05", "connection refused", "37 rps")
	s.send(lost)
	s.contains("trying again (2)")
	s.graph(bookinfo(now.Add(time.Second)))
	s.contains("live")
	late := bookinfo(now)
	late.Nodes = nil
	s.send(graphMsg{graph: late, turn: s.m.turn - 1}) // of a window that nobody wants any more
	s.contains("live", "37 rps")
}

func TestPausing(t *testing.T) {
	s := open(t, 120, 40, source())
	s.graph(bookinfo(now))
	s.keys("p")
	g := bookinfo(now.Add(time.Second))
	g.Edges = g.Edges[:1]
	s.graph(g)
	s.contains("paused", "37 rps")
	s.keys("p")
	s.contains("live", "10 rps")
}

func TestEvents(t *testing.T) {
	s := open(t, 120, 40, source())
	s.graph(bookinfo(now))
	g := bookinfo(now.Add(time.Second))
	g.Nodes = g.Nodes[:7]
	g.Nodes[3].In.Errors = p(5)
	g.Silent = nil
	s.graph(g)
	s.keys(":")
	s.typed("events")
	s.contains("reviews-v3.default", "is gone", "50.0% of its requests fail", "legacy.default", "answers again")
}

func TestTextsScrollBothWays(t *testing.T) {
	src := source()
	src.Config = func(context.Context, topology.Node) (string, error) {
		return "LISTENERS\n" + strings.Repeat("x", 130) + "the end\n" + strings.Repeat("line\n", 60) + "last", nil
	}
	s := open(t, 80, 24, src)
	s.graph(bookinfo(now))
	s.keys("down", "x")
	s.contains("LISTENERS", "…")
	s.keys("right", "right", "right", "right", "right", "right", "right", "right")
	s.contains("the end")
	s.lacks("LISTENERS")
	s.keys("left", "left", "left", "left", "left", "left", "left", "left", "G")
	s.contains("last")
	s.keys("g")
	s.contains("LISTENERS")
}

func TestHelpFitsNarrowScreens(t *testing.T) {
	s := open(t, 60, 200, source())
	s.keys("?")
	s.lacks("…")
	s.contains("H J K L", ":topology", ":window 5m", "underlined")
}

func TestThePictureMovesByCapitals(t *testing.T) {
	s := open(t, 80, 24, source())
	s.graph(bookinfo(now))
	s.keys("+", "+", "+")
	before := s.screen()
	for _, way := range [][2]string{{"L", "H"}, {"J", "K"}} {
		s.keys(way[0])
		if s.screen() == before {
			t.Errorf("%s moves nothing", way[0])
		}
		s.keys(way[1])
	}
}

func TestAProxyCanBeOpened(t *testing.T) {
	src := source()
	src.Proxies = func(context.Context) (printer.Sheet, error) {
		return printer.Sheet{Names: []string{"NAME"}, Rows: []printer.Line{{ID: "web.v1-x.shop", Cells: []printer.Cell{{Text: "web.v1-x.shop"}}}}}, nil
	}
	src.Config = func(_ context.Context, n topology.Node) (string, error) {
		return "of " + n.Name + " in " + n.Namespace, nil
	}
	for _, k := range []string{"enter", "x"} {
		s := open(t, 80, 24, src)
		s.graph(bookinfo(now))
		s.keys(":")
		s.typed("proxies")
		next, cmd := s.m.Update(keyMsg(k))
		s.m = next.(Model)
		s.send(cmd())
		s.contains("of web.v1-x in shop")
	}
}

func TestProxiesAreSorted(t *testing.T) {
	src := source()
	src.Proxies = func(context.Context) (printer.Sheet, error) {
		line := func(name, state string) printer.Line {
			return printer.Line{ID: name, Cells: []printer.Cell{{Text: name}, {Text: state}}}
		}
		return printer.Sheet{Names: []string{"NAME", "CDS"}, Rows: []printer.Line{line("b", "SYNCED"), line("a", "STALE")}}, nil
	}
	s := open(t, 80, 24, src)
	s.graph(bookinfo(now))
	s.keys(":")
	s.typed("proxies")
	first := func() string { return strings.Fields(strings.Split(s.screen(), "\n")[3])[0] }
	if first() != "b" {
		t.Errorf("not as it came:\n%s", s.screen())
	}
	s.keys("N")
	if first() != "a" {
		t.Errorf("not by name:\n%s", s.screen())
	}
	s.keys("C", "C")
	if first() != "b" {
		t.Errorf("not by state, the other way:\n%s", s.screen())
	}
}

// A control plane that hangs is no connection that is lost, and yet nothing is live.
func TestASilentControlPlaneIsNotLive(t *testing.T) {
	s := open(t, 120, 40, source())
	s.graph(bookinfo(now))
	s.contains("live")
	for range 4 * 6 {
		s.send(tickMsg{})
	}
	s.contains("no answer for 6s, as of 15:04:05")
	s.lacks("live")
	s.graph(bookinfo(now.Add(time.Second)))
	s.contains("live")

	src := source()
	src.Recorded = true
	s = open(t, 120, 40, src)
	s.graph(bookinfo(now))
	for range 4 * 6 {
		s.send(tickMsg{})
	}
	s.lacks("no answer")
}

func TestASCIIIsASCIIOnEveryPage(t *testing.T) {
	src := source()
	src.Config = func(context.Context, topology.Node) (string, error) {
		return "日本 → é" + strings.Repeat("x", 200), nil
	}
	s := &session{t, New(t.Context(), Options{Source: src, Name: "démo", ASCII: true})}
	s.send(tea.WindowSizeMsg{Width: 80, Height: 24})
	g := bookinfo(now)
	g.Nodes[1].Name, g.Nodes[1].Service = "日本語のサービス", "日本語のサービス"
	s.graph(g)
	check := func(page string) {
		t.Helper()
		for _, r := range s.m.View().Content {
			if r > '~' {
				t.Fatalf("%s: %q on the screen:\n%s", page, r, s.screen())
			}
		}
		for line := range strings.SplitSeq(s.screen(), "\n") {
			if w := len(line); w > 80 {
				t.Errorf("%s: %d cells: %s", page, w, line)
			}
		}
	}
	check("topology")
	for _, v := range views() {
		s.keys(":")
		s.typed(v.name)
		check(v.name)
		s.keys("N", "enter")
		check(v.name + ", opened")
		s.keys("x")
		check(v.name + ", configuration")
	}
	s.keys("?")
	check("help")
}

// Several findings of one node are several rows, and what is about no node is one, too.
func TestEveryFindingCanBeChosen(t *testing.T) {
	s := open(t, 120, 40, source())
	g := bookinfo(now)
	for _, code := range []string{"IST0102", "IST0103"} {
		g.Nodes[7].Findings = append(g.Nodes[7].Findings, topology.Finding{Code: code, Level: "warning", Message: "x"})
	}
	g.Findings = []topology.Finding{{Code: "IST0104", Level: "info", Message: "of the mesh"}, {Code: "IST0105", Level: "info", Message: "of the mesh"}}
	s.graph(g)
	s.keys("a")
	for i, code := range []string{"IST0101", "IST0102", "IST0103", "IST0104", "IST0105"} {
		p := s.m.top()
		rows := findingRows(s.m, p).Rows
		if at := position(findingRows(s.m, p), p); at != i || rows[at].Cells[1].Text != code {
			t.Errorf("%d, %s is chosen instead of %d, %s", at, rows[at].Cells[1].Text, i, code)
		}
		s.keys("down")
	}
	s.keys("enter")
	s.contains("findings › finding", "info IST0105 of the mesh")
	s.keys("esc", "up", "up", "up", "enter")
	s.contains("node reviews-v3", "warning IST0102 x")
}

// No findings are good news only after an analysis of everything.
func TestMissingFindingsAreNoGoodNews(t *testing.T) {
	s := open(t, 120, 40, source())
	g := bookinfo(now)
	g.Nodes[7].Findings, g.Unjudged = nil, "could not read Secret (forbidden)"
	s.graph(g)
	s.keys("a")
	s.contains("could not read Secret (forbidden)")
	s.lacks("nothing wrong")
	g.Unjudged = ""
	s.graph(g)
	s.contains("analysis finds nothing wrong")
}

func TestLongFindingsCanBeRead(t *testing.T) {
	s := open(t, 60, 24, source())
	g := bookinfo(now)
	g.Nodes[7].Findings = []topology.Finding{{Code: "IST0101", Level: "error", Message: strings.Repeat("word ", 30) + "the end"}}
	s.graph(g)
	s.m = s.m.edit(func(p *page) { p.cursor = g.Nodes[7].ID })
	s.keys("enter")
	s.contains("error IST0101", "the end")
}

// TestHostileFeeds shows names and numbers that nobody should send.
func TestHostileFeeds(t *testing.T) {
	for _, name := range []string{"\x1b[2J\x1b]0;gone\x07", strings.Repeat("x", 10_000), "日本語のサービス", "a\nb\rc\td", "\u202egnp.exe", string([]byte{0xff, 0xfe}), "e\u0301", "👩‍👩‍👧‍👦"} {
		for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -5, 1e300} {
			g := bookinfo(now)
			g.Nodes[0].Name, g.Nodes[0].Namespace, g.Nodes[0].Identity = name, name, name
			g.Nodes[0].In = rates(v, v, v)
			g.Nodes[1].Findings = []topology.Finding{{Code: name, Level: name, Message: name}}
			g.Edges[0].Why, g.Edges[0].Security, g.Edges[0].Rates = name, topology.Plaintext, rates(v, v, v)
			g.Edges[0].Split = &topology.Split{Configured: v, Observed: v, Origin: name}
			g.Silent = []topology.Silent{{Proxy: name, Reason: name}}
			for _, size := range sizes {
				s := open(t, size[0], size[1], source())
				s.m.name = name
				s.graph(bookinfo(now))
				s.graph(g)
				for _, view := range []string{"topology", "workloads", "services", "edges", "findings", "events"} {
					s.keys(":")
					s.typed(view)
					s.keys("g")
					clean(t, s)
					s.keys("enter")
					clean(t, s)
					s.keys("enter")
					clean(t, s)
				}
			}
		}
	}
}

// clean wants no control characters on the screen but those that the dashboard makes: colours.
func clean(t *testing.T, s *session) {
	t.Helper()
	for _, r := range s.screen() {
		if r != '\n' && (r < ' ' || r == 0x7f || r == 0x202e) {
			t.Fatalf("%q on the screen:\n%q", r, s.screen())
		}
	}
}
