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

func TestTap(t *testing.T) {
	src := source()
	src.TapNames = []string{"TIME", "PATH"}
	asked := make(chan topology.Node, 1)
	ended := make(chan struct{})
	src.Tap = func(ctx context.Context, n topology.Node, each func(printer.Line)) error {
		asked <- n
		each(printer.Line{ID: "1", Cells: []printer.Cell{{Text: "15:04:05"}, {Text: "/productpage"}}})
		<-ctx.Done()
		close(ended)
		return ctx.Err()
	}
	s := open(t, 120, 40, src)
	s.graph(bookinfo(now))
	s.keys(":")
	s.typed("workloads")
	s.keys("g")
	next, cmd := s.m.Update(keyMsg("t"))
	s.m = next.(Model)
	batch, ok := cmd().(tea.BatchMsg)
	if !ok || len(batch) != 2 {
		t.Fatalf("%T", cmd())
	}
	go batch[0]()
	if n := <-asked; n.Name != "istio-ingressgateway" {
		t.Errorf("asked for %s", n.Name)
	}
	s.send(batch[1]())
	s.contains("tap istio-ingressgateway.istio-system", "/productpage")
	s.keys("esc")
	<-ended
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
