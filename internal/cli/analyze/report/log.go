package report

import (
	"fmt"
	"strings"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// log writes one block a finding: a line as compilers write it, the line of the file with a mark under what is meant, how to
// repair it, and the other places that have to do with it.
func (w Writer) log(r *Report) error {
	var b strings.Builder
	for i, f := range r.Findings {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(w.headline(r, f))
		w.snippet(&b, f)
		if f.Fix != "" {
			fmt.Fprintf(&b, "  %s %s\n", w.paint(printer.Good, "fix:"), printer.Escape(f.Fix))
		}
		for _, related := range f.Related {
			fmt.Fprintf(&b, "  %s %s\n", w.paint(printer.Dim, "see:"), printer.Escape(place(related.Object, related.Position)+": "+related.Message))
		}
	}
	_, err := w.Out.Write([]byte(b.String()))
	return err
}

// headline is "FILE:LINE:COLUMN: LEVEL CODE OBJECT: MESSAGE", without the parts that are not known.
func (w Writer) headline(r *Report, f Finding) string {
	var b strings.Builder
	if at := r.place(f); at != "" {
		b.WriteString(printer.Escape(at) + ": ")
	}
	b.WriteString(w.paint(colour(f.Level), f.Level.String()) + " " + string(f.Code))
	if f.Change != "" {
		b.WriteString(" (" + string(f.Change) + ")")
	}
	if name := objectName(f.Object); name != "" {
		b.WriteString(" " + printer.Escape(name))
	}
	b.WriteString(": " + printer.Escape(sentence(f.Field, f.Message)) + "\n")
	return b.String()
}

// place is where a finding's object is written, or else where it comes from.
func (r *Report) place(f Finding) string {
	if at := f.Position.String(); at != "" || f.Source == nil {
		return at
	}
	return r.Origin
}

// sentence names the field before the message.
func sentence(field, message string) string {
	if field == "" {
		return message
	}
	return field + ": " + message
}

func (w Writer) paint(level printer.Level, s string) string {
	if !w.Color {
		return s
	}
	return printer.Paint(level, s)
}

func colour(level codes.Level) printer.Level {
	switch level {
	case codes.Error:
		return printer.Bad
	case codes.Warning:
		return printer.Warn
	}
	return printer.Dim
}

// objectName is "Kind namespace/name", as --suppress takes it.
func objectName(key config.Key) string {
	switch {
	case key.Name == "" && key.Kind.Name == "":
		return ""
	case key.Name == "":
		return key.Kind.Name + " without a name"
	case key.Namespace == "":
		return key.Kind.Name + " " + key.Name
	}
	return key.Kind.Name + " " + key.Namespace + "/" + key.Name
}

// place is where a thing stands, and which one it is where that is known.
func place(key config.Key, at config.Position) string {
	var words []string
	if s := at.String(); s != "" {
		words = append(words, s)
	}
	if name := objectName(key); name != "" {
		words = append(words, name)
	}
	return strings.Join(words, " ")
}
