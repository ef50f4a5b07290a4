package analyze

import (
	"fmt"
	"strings"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// explained is a code as --explain shows it.
type explained struct {
	Code        codes.Code `json:"code"`
	Level       string     `json:"level"`
	Title       string     `json:"title"`
	Explanation string     `json:"explanation"`
	Fix         string     `json:"fix"`
	Analyzers   []string   `json:"analyzers"`
}

func (o *Options) explain() error {
	p, err := o.about("--explain")
	if err != nil {
		return err
	}
	d, found := codes.Lookup(codes.Code(strings.ToUpper(o.Explain)))
	if !found {
		return exitcode.Usagef("there is no code %q%s", o.Explain, didYouMean(o.Explain, codeNames()))
	}
	e := explained{Code: d.Code, Level: d.Level.String(), Title: d.Title, Explanation: d.Explanation, Fix: d.Fix, Analyzers: []string{}}
	for _, a := range reporters(d.Code) {
		e.Analyzers = append(e.Analyzers, a.Name)
	}
	if p.Format.Structured() {
		return printer.Object(p, e)
	}
	fmt.Fprintf(p.Out, "%s  %s  %s\n\n", e.Code, e.Level, e.Title)
	fmt.Fprintf(p.Out, "%s\n\nTo repair it: %s\n", wrap(e.Explanation, explainWidth), wrap(e.Fix, explainWidth))
	if len(e.Analyzers) > 0 {
		fmt.Fprintf(p.Out, "Reported by: %s\n", strings.Join(e.Analyzers, ", "))
	}
	return nil
}

const explainWidth = 100

// wrap breaks text between words into lines of at most width cells.
func wrap(text string, width int) string {
	var b strings.Builder
	at := 0
	for word := range strings.FieldsSeq(text) {
		n := printer.Width(word)
		switch {
		case at == 0:
		case at+1+n > width:
			b.WriteByte('\n')
			at = 0
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	return b.String()
}
