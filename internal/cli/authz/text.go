package authz

import (
	"fmt"
	"strings"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/authz"
	"github.com/meshctl/meshctl/pkg/authz/ask"
)

// writeText tells people one workload after the other.
func writeText(p *printer.Printer, reports []ask.Report) {
	for i, r := range reports {
		if i > 0 {
			fmt.Fprintln(p.Out)
		}
		fmt.Fprintf(p.Out, "%s  %s\n", paint(p, r), printer.Escape(question(r)))
		for _, l := range lines(r) {
			fmt.Fprintf(p.Out, "  %-9s%s\n", l.label, printer.Escape(l.text))
		}
	}
}

func paint(p *printer.Printer, r ask.Report) string {
	if !p.Color {
		return string(r.Verdict)
	}
	return printer.Paint(level(r), string(r.Verdict))
}

func level(r ask.Report) printer.Level {
	switch r.Verdict {
	case authz.Allowed:
		return printer.Good
	case authz.Denied:
		return printer.Bad
	}
	return printer.Warn
}

func question(r ask.Report) string {
	to := r.Workload
	if r.Port != 0 {
		to += fmt.Sprintf(" port %d", r.Port)
	}
	return strings.Join(strings.Fields(fmt.Sprintf("%s %s from %s to %s", r.Protocol, r.Request, r.Source, to)), " ")
}

// line is one line of text; without a label it belongs to the one above.
type line struct{ label, text string }

func lines(r ask.Report) []line {
	why := r.Reason
	switch {
	case r.Status != 0:
		why += fmt.Sprintf(" (the proxy answers %d)", r.Status)
	case r.Verdict == authz.Denied:
		why += " (the connection is closed)"
	}
	out := []line{{"why", why}}
	if r.By != nil {
		out = append(out, line{"by", name(*r.By)})
		for _, c := range r.By.Met {
			out = append(out, line{"", told(c)})
		}
	}
	if r.Nearest != nil {
		out = append(out, line{"nearest", name(*r.Nearest)})
		for _, c := range r.Nearest.Unmet {
			out = append(out, line{"", told(c)})
		}
	}
	for _, t := range r.Turns {
		out = append(out, turn(r, t)...)
	}
	for _, f := range r.Audited {
		out = append(out, line{"audited", name(f)})
	}
	if r.DryRun != nil && (len(r.DryRun.Matching) > 0 || r.DryRun.Verdict != r.Verdict) {
		out = append(out, line{"dry run", "with the policies on trial in force: " + string(r.DryRun.Verdict)})
		for _, f := range r.DryRun.Matching {
			out = append(out, line{"", name(f) + " would match"})
		}
	}
	for _, n := range r.Notes {
		out = append(out, line{"note", n})
	}
	return out
}

// turn says what would change the verdict, unless the lines above say that already.
func turn(r ask.Report, t ask.Turn) []line {
	if r.Nearest != nil && t.Rule.Policy == r.Nearest.Policy && t.Rule.Field == r.Nearest.Field {
		return nil
	}
	if t.Breaks && t.Verdict == authz.Allowed {
		return []line{{"change", "ALLOWED if any of that were otherwise"}}
	}
	out := []line{{"change", fmt.Sprintf("%s by %s if", t.Verdict, name(t.Rule))}}
	if t.Breaks {
		out[0].text = fmt.Sprintf("%s if a fact that is absent had a value that the rule excludes:", t.Verdict)
	}
	for _, c := range t.Conditions {
		if t.Breaks {
			out = append(out, line{"", c.Attribute + " " + choice(c.Values) + at(c.Place)})
		} else {
			out = append(out, line{"", c.Attribute + wants(c.Condition, " were ", " were not ") + at(c.Place)})
		}
	}
	return out
}

// name is a rule with its place.
func name(f ask.Finding) string {
	text := f.Policy
	if f.Action != "" {
		text += " (" + f.Action + ")"
	}
	if f.Field != "spec" {
		text += " " + f.Field
	}
	return text + at(f.Place)
}

func at(p ask.Place) string {
	if where := p.String(); where != "" {
		return "  " + where
	}
	return ""
}

// told is a condition with what the request has.
func told(c ask.Condition) string {
	if c.Attribute == "" {
		return c.Note + at(c.Place)
	}
	return has(c.Condition) + "; the rule" + wants(c.Condition, " wants ", " excludes ") + note(c.Condition) + at(c.Place)
}

func has(c authz.Condition) string {
	switch {
	case c.Absent:
		return c.Attribute + " is absent"
	case c.Got == "":
		return c.Attribute + " is empty"
	}
	return c.Attribute + " is " + c.Got
}

func wants(c authz.Condition, verb, not string) string {
	if c.Not {
		verb = not
	}
	return verb + choice(c.Values)
}

// choice lists values; the asterisk alone is read out.
func choice(values []string) string {
	out := make([]string, len(values))
	for i, v := range values {
		if out[i] = v; v == "*" {
			out[i] = "anything"
		}
	}
	return strings.Join(out, " or ")
}

func note(c authz.Condition) string {
	if c.Note == "" {
		return ""
	}
	return " (" + c.Note + ")"
}

func table() printer.Table[ask.Report] {
	column := func(name string, wide bool, value func(ask.Report) string) printer.Column[ask.Report] {
		return printer.Column[ask.Report]{Name: name, Wide: wide, Value: value}
	}
	out := printer.Table[ask.Report]{Columns: []printer.Column[ask.Report]{
		{Name: "VERDICT", Value: func(r ask.Report) string { return string(r.Verdict) }, Level: level},
		column("WORKLOAD", false, func(r ask.Report) string { return r.Workload }),
		column("FROM", true, func(r ask.Report) string { return r.Source }),
		column("REQUEST", true, func(r ask.Report) string { return strings.TrimSpace(r.Protocol + " " + r.Request) }),
		column("BY", false, func(r ask.Report) string { return place(r.By) }),
		column("WHY", false, func(r ask.Report) string { return r.Reason }),
		column("NEAREST ALLOW", true, func(r ask.Report) string { return place(r.Nearest) }),
		column("MISSING", true, func(r ask.Report) string {
			var out []string
			if r.Nearest != nil {
				for _, c := range r.Nearest.Unmet {
					out = append(out, told(c))
				}
			}
			return strings.Join(out, ", ")
		}),
		column("DRY RUN", true, func(r ask.Report) string {
			if r.DryRun == nil {
				return ""
			}
			return string(r.DryRun.Verdict)
		}),
	}}
	return out
}

func place(f *ask.Finding) string {
	if f == nil {
		return ""
	}
	return name(*f)
}
