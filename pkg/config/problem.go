package config

import (
	"cmp"
	"fmt"
)

// Severity says what became of the object that has the problem.
type Severity int

const (
	// Warning says that the object is in use, but not (or not wholly) as its author meant.
	Warning Severity = iota
	// Error says that the object, or the named part of the document, is left out.
	Error
)

// String returns "warning" or "error".
func (s Severity) String() string {
	if s == Error {
		return "error"
	}
	return "warning"
}

// Problem is something wrong with the configuration, for people: where, what, and what to do about it.
type Problem struct {
	Position Position
	Object   Key    // zero when the document has no identity yet
	Field    string // path within the document, e.g. "spec.http[0].route[0].weight"
	Severity Severity
	Code     Code
	Message  string // what is wrong, in one line, without the position
	Fix      string // what to write instead; may be empty
	// Meant is, for an unknown field, the one name that can be meant; empty when there is any doubt.
	Meant string
	// Needs are up to two kinds, one object of which, were it known, could make this no problem: something that is referred to is missing.
	// Whoever has not been given any object of these kinds cannot tell. Zero for problems that stand whatever else there is.
	Needs [2]Kind
	// Excerpt is the line at Position when no object that counts holds it: the document became none, or another one took its place. It is
	// empty for a Secret's.
	Excerpt string
}

// Error makes a Problem an error: "file:line:col: VirtualService/ns/name: field: message (fix: what to write) [code]".
func (p Problem) Error() string {
	s := p.Message
	if p.Field != "" {
		s = p.Field + ": " + s
	}
	switch {
	case p.Object.Name != "":
		s = p.Object.String() + ": " + s
	case p.Object.Kind.Name != "":
		s = p.Object.Kind.Name + " without a name: " + s
	}
	if at := p.Position.String(); at != "" {
		s = at + ": " + s
	}
	if p.Fix != "" {
		s = fmt.Sprintf("%s (fix: %s)", s, p.Fix)
	}
	if p.Code != "" {
		s += " [" + string(p.Code) + "]"
	}
	return s
}

// String returns "file:line:col", as much of it as is known.
func (p Position) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.File == "":
		return fmt.Sprintf("%d:%d", p.Line, p.Column)
	default:
		return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
}

// Compare orders problems by place, then by what they say.
func (p Problem) Compare(o Problem) int {
	return cmp.Or(
		cmp.Compare(p.Position.File, o.Position.File), cmp.Compare(p.Position.Line, o.Position.Line),
		cmp.Compare(p.Position.Column, o.Position.Column), p.Object.Compare(o.Object),
		cmp.Compare(p.Field, o.Field), cmp.Compare(p.Message, o.Message),
	)
}
