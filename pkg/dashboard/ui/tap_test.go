package ui

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/topology"
)

// tapping is a dashboard with an open tap that the test feeds; end waits for its end.
func tapping(t *testing.T, choose func(*session)) (s *session, asked []topology.Node, to Tapping, arrives func(), end func()) {
	src := source()
	src.TapColumns = printer.Sheet{Names: []string{"TIME", "PATH"}}
	started, ended := make(chan Tapping, 1), make(chan struct{})
	src.Tap = func(ctx context.Context, nodes []topology.Node, to Tapping) error {
		asked = nodes
		started <- to
		<-ctx.Done()
		close(ended)
		return ctx.Err()
	}
	s = open(t, 120, 40, src)
	s.graph(bookinfo(now))
	choose(s)
	next, cmd := s.m.Update(keyMsg("t"))
	s.m = next.(Model)
	batch, ok := cmd().(tea.BatchMsg)
	if !ok || len(batch) != 2 {
		t.Fatalf("%T", cmd())
	}
	go batch[0]()
	wait := batch[1]
	arrives = func() {
		next, cmd := s.m.Update(wait())
		s.m, wait = next.(Model), cmd
	}
	return s, asked, <-started, arrives, func() { <-ended }
}

func seen(second int, path string) Request {
	at := now.Add(time.Duration(second) * time.Second)
	return Request{Began: at, Line: printer.Line{Cells: []printer.Cell{{Text: at.Format(time.TimeOnly)}, {Text: path}}}, Describe: func() string { return "path: " + path }}
}

func TestTap(t *testing.T) {
	s, _, to, arrives, end := tapping(t, func(s *session) {
		s.keys(":")
		s.typed("workloads")
		s.keys("g")
	})
	to.Request(seen(2, "/second"))
	to.Request(seen(3, "/third"))
	to.Request(seen(1, "/first"))
	arrives()
	s.contains("tap istio-ingressgateway.istio-system", "/first")
	if screen := s.screen(); strings.Index(screen, "/third") > strings.Index(screen, "/second") || strings.Index(screen, "/second") > strings.Index(screen, "/first") {
		t.Errorf("not the newest first:\n%s", screen)
	}
	s.keys("down", "enter")
	s.contains("path: /second")
	s.keys("esc")

	s.keys("p")
	to.Request(seen(4, "/while/paused"))
	to.Status(7, "half.default shows nothing")
	arrives()
	s.lacks("/while/paused")
	s.contains("7 requests not shown; 1 wait for p; half.default shows nothing")
	s.keys("p")
	s.contains("/while/paused")
	s.lacks("wait for p")

	for range mostRows + 5 {
		to.Request(seen(5, "/many"))
	}
	arrives()
	s.contains("12 requests not shown")
	s.keys("esc")
	end()
}

// What is chosen may stand for several, or have no proxy of its own.
func TestTapOfWhatIsFolded(t *testing.T) {
	names := func(nodes []topology.Node) (out []string) {
		for _, n := range nodes {
			out = append(out, string(n.Kind)+" "+n.Name)
		}
		return out
	}
	choose := func(id string, keys ...string) func(*session) {
		return func(s *session) {
			s.m = s.m.edit(func(p *page) { p.cursor = id })
			s.keys(keys...)
		}
	}
	for want, chosen := range map[string]func(*session){
		"[workload reviews-v1 workload reviews-v2 workload reviews-v3]": choose("workload/default/reviews-v2", "["),
		"[namespace default]":       choose("workload/default/reviews-v2", "[", "["),
		"[workload productpage-v1]": choose("workload/default/productpage-v1"),
		"[]":                        choose(""),
	} {
		s, asked, _, _, end := tapping(t, chosen)
		if got := fmt.Sprint(names(asked)); got != want {
			t.Errorf("%s instead of %s", got, want)
		}
		s.keys("esc")
		end()
	}
	s := open(t, 120, 40, source())
	s.m.source.Tap = func(context.Context, []topology.Node, Tapping) error { panic("asked") }
	g := bookinfo(now)
	g.Nodes = append(g.Nodes, topology.Node{ID: "unmeshed//clients", Kind: topology.Unmeshed, Name: "clients"})
	s.graph(g)
	choose("unmeshed//clients")(s)
	s.keys("t")
	s.contains("callers without a proxy report nothing")
}
