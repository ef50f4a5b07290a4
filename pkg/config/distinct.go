package config

import (
	"bytes"

	"github.com/meshctl/meshctl/pkg/config/codes"
)

// Distinct keeps the last object of each key, as applying them one after the other would. Each earlier one is an Error that names
// both places.
func Distinct(objects []*Object) ([]*Object, []Problem) {
	last := make(map[Key]*Object, len(objects))
	for _, o := range objects {
		last[o.Key] = o
	}
	kept := make([]*Object, 0, len(last))
	var problems []Problem
	for _, o := range objects {
		if counts := last[o.Key]; counts != o {
			problems = append(problems, Duplicate(o, counts))
			continue
		}
		kept = append(kept, o)
	}
	return kept, problems
}

// Duplicate is the problem of an object whose key another one, which counts, has as well.
func Duplicate(o, counts *Object) Problem {
	message := "is defined twice"
	if other := counts.Position().String(); other != "" {
		message += "; the one at " + other + " counts"
	}
	at := o.Position()
	return Problem{
		Position: at, Object: o.Key, Severity: Error, Code: codes.NameTaken, Message: message, Fix: "remove one or rename it", Excerpt: o.Line(at.Line),
	}
}

// SameText reports whether two decoded objects are not only equal but also written at the same place in the same words,
// so that one can stand for the other.
func (o *Object) SameText(other *Object) bool {
	a, b := o.source, other.source
	if a == nil || b == nil {
		return o == other
	}
	return o.Key == other.Key && o.Digest == other.Digest && o.APIVersion == other.APIVersion && a.start == b.start &&
		a.line == b.line && !a.shared() && !b.shared() && string(a.data) == string(b.data)
}

// shared reports whether other objects keep the same text.
func (d *document) shared() bool { return len(d.prefix) > 0 && d.prefix[0].name != "" }

// own stops sharing the file's memory: one object in use must not keep a large file, long replaced, alive.
func (d *document) own() {
	if !d.shared() && !d.served {
		d.data = bytes.Clone(d.data)
	}
}
