package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// aside says what is not a finding: what is undecided, what went wrong, and how many findings there are.
func (w Writer) aside(r *Report) {
	if w.Format == Log && len(r.Findings) > 0 {
		w.Say("")
	}
	if len(r.Undecided) > 0 {
		w.Say("could not decide, for want of objects to compare with:")
		if w.Undecided {
			for _, u := range r.Undecided {
				w.Say("  %s %s: %s (given no %s)", u.Code, place(u.Object, u.Position), u.What, kinds(u.Kinds))
			}
		} else {
			for _, g := range groups(r.Undecided) {
				w.Say("  %s", g)
			}
		}
	}
	for _, line := range skipped(r.Skipped) {
		w.Say("%s", line)
	}
	for _, f := range r.Failed {
		w.Say("error: analyzer %s came to no result: %s", f.Analyzer, f.Reason)
	}
	w.Say("%s", r.Total())
}

// skipped names the analyzers that were left out for the same reason in one line.
func skipped(list []analyze.Failure) []string {
	var reasons []string
	names := map[string][]string{}
	for _, f := range list {
		if names[f.Reason] == nil {
			reasons = append(reasons, f.Reason)
		}
		names[f.Reason] = append(names[f.Reason], f.Analyzer)
	}
	out := make([]string, len(reasons))
	for i, reason := range reasons {
		noun := "analyzers"
		if len(names[reason]) == 1 {
			noun = "analyzer"
		}
		out[i] = fmt.Sprintf("left out %s %s: %s", noun, strings.Join(names[reason], ", "), reason)
	}
	return out
}

// Total is the last line: "2 errors, 1 warning in 14 objects (3 suppressed)".
func (r *Report) Total() string {
	var parts, besides []string
	for _, level := range []codes.Level{codes.Error, codes.Warning, codes.Info} {
		if n := r.count(level); n > 0 {
			parts = append(parts, counted(n, levelNoun(level)))
		}
	}
	if len(parts) == 0 {
		parts = append(parts, "nothing found")
	}
	for _, more := range []struct {
		n    int
		what string
	}{{r.Suppressed, "suppressed"}, {r.Known, "in the baseline"}, {r.fixed(), "fixed"}, {len(r.Undecided), "undecided"}} {
		if more.n > 0 {
			besides = append(besides, fmt.Sprintf("%d %s", more.n, more.what))
		}
	}
	s := strings.Join(parts, ", ")
	if r.Objects > 0 {
		s += " in " + counted(r.Objects, "object")
	}
	if len(besides) > 0 {
		s += " (" + strings.Join(besides, ", ") + ")"
	}
	return s
}

func (r *Report) fixed() int {
	n := 0
	for _, f := range r.Findings {
		if f.Change == Fixed {
			n++
		}
	}
	return n
}

func levelNoun(level codes.Level) string {
	if level == codes.Info {
		return "note"
	}
	return level.String()
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// groups tells open questions of one code, for want of the same kinds, together.
func groups(list []analyze.Undecided) []string {
	type group struct {
		code  codes.Code
		kinds string
	}
	var order []group
	members := map[group][]analyze.Undecided{}
	for _, u := range list {
		g := group{u.Code, kinds(u.Kinds)}
		if members[g] == nil {
			order = append(order, g)
		}
		members[g] = append(members[g], u)
	}
	slices.SortStableFunc(order, func(a, b group) int { return cmp.Compare(a.code, b.code) })
	out := make([]string, len(order))
	for i, g := range order {
		first := members[g][0]
		example := fmt.Sprintf("%s: %s", place(first.Object, first.Position), first.What)
		if len(members[g]) == 1 {
			out[i] = fmt.Sprintf("%s, given no %s: %s", g.code, g.kinds, example)
			continue
		}
		out[i] = fmt.Sprintf("%s for %s, given no %s; for example %s", g.code, counted(objects(members[g]), "object"), g.kinds, example)
	}
	return out
}

func objects(list []analyze.Undecided) int {
	seen := map[config.Key]bool{}
	for _, u := range list {
		seen[u.Object] = true
	}
	return len(seen)
}

// kinds is "Service or ServiceEntry"; of many, the first ones.
func kinds(list []config.Kind) string {
	const most = 3
	names := make([]string, len(list))
	for i, kind := range list {
		names[i] = kind.Name
		if slices.ContainsFunc(list, func(k config.Kind) bool { return k.Name == kind.Name && k != kind }) {
			names[i] += "." + kind.Group // two APIs have a kind of this name
		}
	}
	switch n := len(names); {
	case n <= 1:
		return strings.Join(names, "")
	case n > most+1:
		return fmt.Sprintf("%s or %d other kinds", strings.Join(names[:most], ", "), n-most)
	default:
		return strings.Join(names[:n-1], ", ") + " or " + names[n-1]
	}
}
