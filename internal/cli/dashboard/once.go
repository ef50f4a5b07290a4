package dashboard

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/dashboard/draw"
	"github.com/meshctl/meshctl/pkg/dashboard/export"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/topology/tables"
)

// once prints one picture.
func once(ctx context.Context, o *Options) error {
	g, err := latest(ctx, o)
	if err != nil {
		return err
	}
	g = topology.Collapse(o.shown(g), o.level)
	if len(g.Nodes) == 0 {
		o.Factory.Say("there is nothing to show: the mesh has no workloads, or none that --namespace, --filter and --hide leave")
	}
	var text string
	switch printer.Format(o.Output.Value()) {
	case printer.FormatJSON:
		text, err = export.JSON(g)
	case formatDOT:
		text = export.DOT(g, o.drawing())
	case formatSVG:
		text = export.SVG(g, o.drawing())
	case formatHTML:
		text = export.HTML(g, o.drawing())
	default:
		text = o.text(g)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(o.Factory.IO.Out, text)
	return err
}

// changes are the tables of a planned change below its picture.
func (o *Options) changes(g topology.Graph) string {
	var b strings.Builder
	p := &printer.Printer{Out: &b, Format: printer.FormatTable, Color: o.Factory.Color}
	if rows := tables.Changed(g); len(rows) > 0 {
		b.WriteByte('\n')
		_ = printer.Print(p, tables.Changes(), rows) // a strings.Builder takes everything
	}
	if rows := tables.Introduced(g.Plan); len(rows) > 0 {
		b.WriteByte('\n')
		_ = printer.Print(p, tables.FindingColumns(rows), rows)
	}
	return b.String()
}

// findings are a table of what analysis finds today.
func (o *Options) findings(g topology.Graph) string {
	rows := tables.Findings(g)
	if len(rows) == 0 {
		return ""
	}
	b := strings.Builder{}
	b.WriteByte('\n')
	_ = printer.Print(&printer.Printer{Out: &b, Format: printer.FormatTable, Color: o.Factory.Color}, tables.FindingColumns(rows), rows)
	return b.String()
}

// text draws the picture as near as the width allows; wider ones still show names.
func (o *Options) text(g topology.Graph) string {
	d, cells := o.drawing(), o.Width
	if cells == 0 && o.Factory.Terminal && o.Factory.ErrTerminal {
		cells, _ = o.Factory.ErrSize()
	}
	if cells > 0 {
		d = draw.Best(g, d, cells, math.MaxInt)
		if d.Zoom == draw.Dot {
			d.Zoom, d.Narrow = draw.Compact, true
		}
	}
	l := draw.Arrange(g, d, nil)
	if cells > 0 && l.Bounds.W > cells {
		o.Factory.Say("the picture takes %d columns: make the terminal wider, or look at less with --namespace, --filter or --collapse", l.Bounds.W)
	}
	f := draw.Draw(draw.Scene{Graph: g, Layout: l, Viewport: draw.Whole(l), Options: d})
	text := summary(g) + "\n\n" + f.Text(o.Factory.Color)
	if g.Plan != nil {
		text += o.changes(g)
	}
	text += o.findings(g)
	if g.Unjudged != "" {
		text += "findings: " + printer.Escape(g.Unjudged) + "\n"
	}
	for _, s := range g.Silent {
		text += fmt.Sprintf("no answer from %s: %s\n", printer.Escape(s.Proxy), printer.Escape(s.Reason))
	}
	return text
}
