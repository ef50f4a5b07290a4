package looking

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/topology"
)

// screen shows one graph after the other: on a terminal in place, else one below the other.
type screen struct {
	factory *factory.Factory
	p       *printer.Printer
	print   func(*printer.Printer, topology.Graph) (rows int, err error)
	shown   int
	said    string
}

func silent(s topology.Silent) string { return fmt.Sprintf("no numbers of %s: %s", s.Proxy, s.Reason) }

func (s *screen) show(g topology.Graph) error {
	var b bytes.Buffer
	p := *s.p
	p.Out = &b
	inPlace := s.factory.Terminal && !p.Format.Structured()
	columns, lines := 0, 0
	if inPlace {
		columns, lines = s.factory.OutSize()
		p.Width = columns
	}
	if _, err := s.print(&p, g); err != nil {
		return err
	}
	s.shown++
	text := b.String()
	if inPlace {
		text = s.frame(g, text, columns, lines)
	} else {
		s.narrate(g)
		switch {
		case p.Format == printer.FormatYAML:
			text = "---\n" + text
		case p.Format != printer.FormatJSON && s.shown > 1:
			text = "\n" + text
		}
	}
	_, err := s.p.Out.Write([]byte(text))
	return err
}

// narrate says which proxies are silent, once for each news.
func (s *screen) narrate(g topology.Graph) {
	var lines []string
	for _, p := range g.Silent {
		lines = append(lines, silent(p))
	}
	if text := strings.Join(lines, "\n"); text != s.said {
		if s.said = text; text != "" {
			s.factory.Say("%s", text)
		}
	}
}

// frame is what replaces the frame before: as much as there is room for, without a moment of an empty screen.
func (s *screen) frame(g topology.Graph, table string, columns, rows int) string {
	asked := fmt.Sprintf("%d proxies", g.Proxies)
	if g.Proxies == 1 {
		asked = "1 proxy"
	}
	if n := len(g.Silent); n > 0 {
		asked = fmt.Sprintf("%s, %d silent (%s)", asked, n, silent(g.Silent[0]))
	}
	head := fmt.Sprintf("%s, over %s: %s; Ctrl-C ends it", g.Time.Local().Format(time.TimeOnly), g.Window.Round(time.Second), asked)
	lines := append([]string{printer.Escape(head)}, strings.Split(strings.TrimSuffix(table, "\n"), "\n")...)
	if room := max(rows-1, 3); len(lines) > room {
		lines = append(lines[:room-1], fmt.Sprintf("... and %d more", len(lines)-room+1))
	}
	var b strings.Builder
	if s.shown == 1 {
		b.WriteString(ansi.EraseEntireScreen)
	}
	b.WriteString(ansi.CursorHomePosition)
	for _, l := range lines {
		b.WriteString(ansi.Truncate(l, columns, "…") + ansi.EraseLineRight + "\n")
	}
	b.WriteString(ansi.EraseScreenBelow)
	return b.String()
}
