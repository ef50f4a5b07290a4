package install

import (
	"context"
	"fmt"
	"strings"

	linediff "github.com/rogpeppe/go-internal/diff"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/install"
	"github.com/meshctl/meshctl/pkg/install/diff"
)

// plan shows what would change. With --plan the exit code says whether anything would.
func (o *Options) plan(ctx context.Context, i *install.Installer, r install.Request, p *printer.Printer) error {
	changes, err := i.Plan(ctx, r)
	if err != nil {
		return err
	}
	text := planText{color: p.Color, fields: o.Plan}
	changed := false
	for n := range changes {
		text.change(changes[n])
		if a := changes[n].Action; a != install.Keep && a != install.Use {
			changed = true
		}
		if !o.Plan {
			changes[n].Fields = nil
		}
	}
	if p.Format.Structured() {
		err = printer.Object(p, changes)
	} else {
		text.summary(changes)
		_, err = fmt.Fprint(p.Out, text.b.String())
	}
	if err == nil && o.Plan && changed {
		return exitcode.Found()
	}
	return err
}

// planText writes a plan for people.
type planText struct {
	b             strings.Builder
	color, fields bool
}

var signs = map[install.Action]struct {
	sign  string
	level printer.Level
}{
	install.Create: {"+", printer.Good}, install.Change: {"~", printer.Warn}, install.Delete: {"-", printer.Bad}, install.Use: {"=", printer.Dim},
}

func (t *planText) line(level printer.Level, s string) {
	s = printer.Escape(s)
	if t.color {
		s = printer.Paint(level, s)
	}
	t.b.WriteString(s + "\n")
}

func (t *planText) change(c install.PlannedChange) {
	if c.Action == install.Keep {
		return
	}
	name := c.Name
	if c.Namespace != "" {
		name = c.Namespace + "/" + c.Name
	}
	line := fmt.Sprintf("%s %s %s %s", signs[c.Action].sign, c.Action, c.Kind, name)
	if c.Owner != "" {
		line += " (belongs to " + c.Owner + ")"
	}
	t.line(signs[c.Action].level, line)
	if t.fields {
		for _, f := range c.Fields {
			t.field(f)
		}
	}
}

func (t *planText) field(f diff.Field) {
	from, to := diff.Text(f.From), diff.Text(f.To)
	if f.From != nil && f.To != nil && (strings.Contains(from, "\n") || strings.Contains(to, "\n")) {
		t.line(printer.Plain, "    "+f.Path+":")
		t.lines(from, to)
		return
	}
	if f.From != nil {
		t.line(printer.Bad, "  - "+f.Path+": "+from)
	}
	if f.To != nil {
		t.line(printer.Good, "  + "+f.Path+": "+to)
	}
}

// lines shows the lines of a text that differ, with those around them.
func (t *planText) lines(from, to string) {
	text := string(linediff.Diff("from", []byte(from+"\n"), "to", []byte(to+"\n")))
	for n, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		const heading = 3 // the names of the two sides
		if n < heading || strings.HasPrefix(line, "@@") {
			continue
		}
		level := printer.Dim
		switch line[:1] {
		case "-":
			level = printer.Bad
		case "+":
			level = printer.Good
		}
		t.line(level, "    "+line)
	}
}

func (t *planText) summary(changes []install.PlannedChange) {
	n := map[install.Action]int{}
	for _, c := range changes {
		n[c.Action]++
	}
	fmt.Fprintf(&t.b, "%d to create, %d to change, %d to delete, %d unchanged\n", n[install.Create], n[install.Change], n[install.Delete], n[install.Keep]+n[install.Use])
}
