package draw_test

import (
	"math"
	"strings"
	"testing"
	"unicode"

	"github.com/charmbracelet/x/ansi"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/dashboard/draw"
	"github.com/meshctl/meshctl/pkg/dashboard/layout"
	"github.com/meshctl/meshctl/pkg/topology"
)

// hostile is a graph in which everything that can be text is name and everything that can be a number is v.
func hostile(name string, v float64) topology.Graph {
	r := topology.Rates{Requests: &v, Errors: &v, P50: &v, P95: &v, P99: &v, Sent: &v, Received: &v, Connections: &v, Opened: &v}
	g := topology.Graph{}
	for _, kind := range []topology.Kind{topology.Workload, topology.Gateway, topology.External, topology.Kind(name)} {
		g.Nodes = append(g.Nodes, topology.Node{
			ID: string(kind) + name, Kind: kind, Name: name, Namespace: name, Service: name, Version: name, Identity: name, Instances: int(v), Proxies: -1,
			Findings: []topology.Finding{{Code: name, Level: name, Message: name}}, In: r, Out: r,
		})
	}
	for i := range g.Nodes {
		g.Edges = append(g.Edges, topology.Edge{
			From: g.Nodes[i].ID, To: g.Nodes[(i+1)%len(g.Nodes)].ID, Protocol: topology.Protocol(name), Host: name, Security: topology.Security(name), Why: name,
			Rates: r, Split: &topology.Split{Configured: v, Observed: -v, Origin: name}, Badges: []topology.Badge{topology.Badge(name), topology.Fault},
		}, topology.Edge{From: name, To: g.Nodes[i].ID, Rates: r})
	}
	return g
}

// safe wants rows of one width, by whatever measure, and no escape sequences but those for colours.
func safe(t *testing.T, g topology.Graph, o draw.Options, v func(*layout.Layout) draw.Viewport) {
	t.Helper()
	l := draw.Arrange(g, o, nil)
	f := draw.Draw(draw.Scene{Graph: g, Layout: l, Viewport: v(l), Options: o, Selection: draw.Selection{Node: g.Nodes[0].ID}})
	for _, line := range f.Lines(false) {
		if i := strings.IndexFunc(line, func(r rune) bool {
			return unicode.IsControl(r) || r == unicode.ReplacementChar || r >= 0x202a && r <= 0x202e
		}); i >= 0 {
			t.Fatalf("%q has a control character at %d", line, i)
		}
		if ansi.StringWidth(line) != f.Width || ansi.StringWidthWc(line) != f.Width || printer.Width(line) != f.Width {
			t.Fatalf("%q takes %d, %d or %d cells, want %d", line, ansi.StringWidth(line), ansi.StringWidthWc(line), printer.Width(line), f.Width)
		}
		if o.ASCII && strings.IndexFunc(line, func(r rune) bool { return r > 0x7e }) >= 0 {
			t.Fatalf("%q is not ASCII", line)
		}
	}
	plain := f.Lines(false)
	for y, line := range f.Lines(true) {
		if ansi.Strip(line) != plain[y] {
			t.Fatalf("colours change the text: %q, %q", line, plain[y])
		}
		for _, code := range strings.Split(line, "\x1b")[1:] {
			end := strings.IndexByte(code, 'm')
			if end < 2 || strings.Trim(code[:end], "[0123456789;") != "" {
				t.Fatalf("an escape sequence that is no colour: %q", code)
			}
		}
	}
}

func whole(l *layout.Layout) draw.Viewport { return draw.Whole(l) }

func part(l *layout.Layout) draw.Viewport {
	v := draw.Fit(l, 21, 7)
	v.X, v.Y = v.X+3, v.Y+2
	return v
}

func TestHostileNamesAndNumbers(t *testing.T) {
	for _, name := range []string{
		"\x1b[31mred\x1b[0m", "\x1b]0;title\a", "a\r\nb\tc", "\u202egnp.exe", "\u200b\u200d\ufeff", "\xff\xfe", "\u009b31m", strings.Repeat("x", 10000), strings.Repeat("名", 10000),
		"名前空間", "👩\u200d👩\u200d👧", "🇩🇪🇫🇷", "e" + strings.Repeat("\u0301", 50), "\u0301", "한국어", "ｆｕｌｌ", "क्षि", "☺\ufe0f", "", " ", "\U000e0041", "﷽",
	} {
		for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 0, 0.5, math.MaxFloat64, math.SmallestNonzeroFloat64} {
			for _, o := range []draw.Options{{Labels: draw.RateLabels, Phase: 1}, {Zoom: draw.Compact, Labels: draw.LatencyLabel, Narrow: true}, {Zoom: draw.Dot}, {ASCII: true, MTLS: true, Labels: draw.ByteLabels}} {
				safe(t, hostile(name, v), o, whole)
				safe(t, hostile(name, v), o, part)
			}
		}
	}
}

func FuzzDraw(f *testing.F) {
	f.Add("reviews", 1.5, 20, 10, 0)
	f.Add("\x1b[2J名", math.Inf(1), 1, 1, 5)
	f.Fuzz(func(t *testing.T, name string, v float64, w, h, flags int) {
		o := draw.Options{
			Zoom: draw.Zoom(uint(flags) % 3), Narrow: flags&4 != 0, ASCII: flags&8 != 0, MTLS: flags&16 != 0, OnlyBad: flags&32 != 0, Colorless: flags&64 != 0,
			Phase: flags, Labels: []draw.Labels{draw.NoLabels, draw.RateLabels, draw.LatencyLabel, draw.ByteLabels}[uint(flags)>>8%4],
		}
		safe(t, hostile(name, v), o, whole)
		safe(t, hostile(name, v), o, func(l *layout.Layout) draw.Viewport {
			return draw.Viewport{X: l.Bounds.X + w%50, Y: l.Bounds.Y + h%50, Width: w % 200, Height: h % 100}
		})
	})
}
