package analyze

import (
	"slices"
	"strings"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/analyze/catalog"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// listed is an analyzer as --list shows it.
type listed struct {
	Name  string       `json:"name"`
	Doc   string       `json:"doc"`
	Codes []codes.Code `json:"codes"`
	// Kinds are those that it reads, as Kind.String writes them.
	Kinds []string `json:"kinds"`
}

// list writes the analyzers that the command line chooses.
func (o *Options) list() error {
	p, err := o.about("--list")
	if err != nil {
		return err
	}
	chosen, err := chooseAnalyzers(o.Analyzers)
	if err != nil {
		return err
	}
	rows := make([]listed, len(chosen))
	for i, a := range chosen {
		rows[i] = listed{Name: a.Name, Doc: a.Doc, Codes: a.Codes, Kinds: kindsOf(a)}
	}
	return printer.Print(p, printer.Table[listed]{Columns: []printer.Column[listed]{
		{Name: "ANALYZER", Value: func(l listed) string { return l.Name }},
		{Name: "CODES", Value: func(l listed) string { return joined(l.Codes) }},
		{Name: "KINDS", Wide: true, Value: func(l listed) string { return strings.Join(l.Kinds, ",") }},
		{Name: "LOOKS FOR", Value: func(l listed) string { return l.Doc }},
	}}, rows)
}

// about is the printer of what is said of the command itself. Formats for findings do not fit there.
func (o *Options) about(flag string) (*printer.Printer, error) {
	p, err := o.Factory.Printer(o.Output)
	if err != nil {
		return nil, err
	}
	if !o.Output.Given() {
		p.Format = printer.FormatTable
	}
	if !slices.Contains([]printer.Format{printer.FormatTable, printer.FormatWide, printer.FormatJSON, printer.FormatYAML}, p.Format) {
		return nil, exitcode.Usagef("%s is written as table, wide, json or yaml, not as %s", flag, p.Format)
	}
	if len(o.Paths) > 0 {
		return nil, exitcode.Usagef("%s reads no files", flag)
	}
	return p, nil
}

func kindsOf(a *analyze.Analyzer) []string {
	out := []string{}
	for _, kind := range a.Kinds {
		out = append(out, kind.String())
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func joined(list []codes.Code) string {
	words := make([]string, len(list))
	for i, code := range list {
		words[i] = string(code)
	}
	return strings.Join(words, ",")
}

// reporters are the analyzers that may report a code.
func reporters(code codes.Code) []*analyze.Analyzer {
	return slices.DeleteFunc(catalog.All(), func(a *analyze.Analyzer) bool { return !slices.Contains(a.Codes, code) })
}
