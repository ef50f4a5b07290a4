package analyze

import (
	"cmp"
	"slices"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// Diagnostic is a finding, complete: what people and programs are told.
type Diagnostic struct {
	Code     codes.Code
	Level    codes.Level
	Analyzer string
	// Object is zero for what concerns no object, such as a file that cannot be read.
	Object   config.Key
	Position config.Position
	Field    string
	Message  string
	Fix      string
	Edits    []Edit
	Related  []Related
	// Source is the object itself, nil when there is none: for showing the lines. Never of a Secret's content, see
	// config.Object.Line.
	Source *config.Object
	// Excerpt is the line at Position where Source is nil and yet it is known.
	Excerpt string
}

// Line is the text at which the diagnostic points, without the end of the line; empty when it is not known, or not to be shown.
func (d Diagnostic) Line() string {
	if d.Source != nil && d.Source.Position().File == d.Position.File {
		if line := d.Source.Line(d.Position.Line); line != "" {
			return line
		}
	}
	return d.Excerpt
}

// Compare orders diagnostics by place, then by object and content: the order of all output.
func (d Diagnostic) Compare(o Diagnostic) int {
	return cmp.Or(
		cmp.Compare(d.Position.File, o.Position.File), cmp.Compare(d.Position.Line, o.Position.Line),
		cmp.Compare(d.Position.Column, o.Position.Column), d.Object.Compare(o.Object),
		cmp.Compare(d.Code, o.Code), cmp.Compare(d.Field, o.Field), cmp.Compare(d.Message, o.Message),
	)
}

// Merge sorts diagnostics and merges those that say the same of the same place.
func Merge(list []Diagnostic) []Diagnostic {
	slices.SortStableFunc(list, Diagnostic.Compare)
	return slices.CompactFunc(list, func(a, b Diagnostic) bool { return a.Compare(b) == 0 })
}
