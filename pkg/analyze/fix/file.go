package fix

import (
	"bytes"
	"regexp"
	"slices"
	"sync"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/yamledit"
)

// file is a file and the changes to it.
type file struct {
	name    string
	decoder config.Decoder
	// original is what the file holds, before what that says; text and after are the same with the changes taken.
	original, text []byte
	before, after  config.Result
	proposed       []change
	taken          []change
}

func newFile(d config.Decoder, name string, text []byte) *file {
	read := d.DecodeBytes(name, text)
	return &file{name: name, decoder: d, original: text, text: text, before: read, after: read}
}

// holds reports whether an object, as it was analyzed, still stands where it stood.
func (f *file) holds(o *config.Object) bool {
	if o == nil {
		return false
	}
	same := func(other *config.Object) bool { return other.SameText(o) }
	return slices.ContainsFunc(f.before.Objects, same) || slices.ContainsFunc(f.before.Salvaged, same)
}

// take makes changes as far as they keep the promise. Where they do not together, it tries them in halves.
func (f *file) take(changes []change) (refused []Refusal) {
	if len(changes) == 0 {
		return nil
	}
	reason := f.try(slices.Concat(f.taken, changes))
	switch {
	case reason == "":
		return nil
	case len(changes) == 1:
		return []Refusal{{changes[0].finding, reason}}
	}
	half := len(changes) / 2
	return append(f.take(changes[:half]), f.take(changes[half:])...)
}

// try makes exactly these changes, unless that breaks the promise.
func (f *file) try(changes []change) (reason string) {
	var edits []yamledit.Edit
	touched := map[config.Key]bool{}
	for _, c := range changes {
		edits = append(edits, c.edits...)
		touched[c.finding.Object] = true
	}
	text, err := yamledit.Apply(f.original, edits)
	if err != nil {
		return err.Error()
	}
	after := f.decoder.DecodeBytes(f.name, text)
	if reason := compare(f.before, after, touched); reason != "" {
		return reason
	}
	f.text, f.after, f.taken = text, after, changes
	return ""
}

// compare says what is wrong with a change that is to touch some objects only.
func compare(before, after config.Result, touched map[config.Key]bool) string {
	old, now := contents(before), contents(after)
	for key, was := range old {
		is := now[key]
		switch {
		case len(is) != len(was):
			return "it would make another object of " + key.String()
		case !touched[key] && !slices.Equal(was, is):
			return "it would change " + key.String() + " as well"
		}
	}
	if len(now) != len(old) || len(before.Foreign) != len(after.Foreign) {
		return "it would make other objects"
	}
	known, _ := analyze.Compare(problems(before), problems(after))
	if i := slices.Index(known, false); i >= 0 {
		return "afterwards it would be wrong that " + told(problems(after)[i])
	}
	return ""
}

// contents are the digests of objects by key: several where a key is there twice.
func contents(r config.Result) map[config.Key][]config.Digest {
	out := map[config.Key][]config.Digest{}
	for _, list := range [][]*config.Object{r.Objects, r.Salvaged} {
		for _, o := range list {
			out[o.Key] = append(out[o.Key], o.Digest)
		}
	}
	return out
}

func problems(r config.Result) []analyze.Diagnostic {
	var out []analyze.Diagnostic
	for _, p := range r.Problems {
		out = append(out, analyze.Diagnostic{Code: p.Code, Object: p.Object, Position: p.Position, Field: p.Field, Message: p.Message})
	}
	return out
}

// told is a finding in a sentence.
func told(d analyze.Diagnostic) string {
	s := d.Object.String() + ": "
	if d.Field != "" {
		s += d.Field + ": "
	}
	return s + d.Message
}

// secretKind finds a Secret even in what is no valid document.
var secretKind = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)kind["']?\s*:\s*["']?[a-z.]*secret`) })

// holdsSecret reports whether the document at a line has, or may have, a Secret in it.
func (f *file) holdsSecret(line int) bool {
	for n, d := range documents(f.original) {
		if n+bytes.Count(d, []byte("\n")) >= line-1 || n > line {
			return secretKind().Match(d)
		}
	}
	return secretKind().Match(f.original)
}

// documents yields the YAML documents of a text with the number of lines before each. A JSON file is one.
func documents(text []byte) func(func(int, []byte) bool) {
	return func(yield func(int, []byte) bool) {
		start, startLine, line, at := 0, 0, 0, 0
		for l := range bytes.Lines(text) {
			if at > start && bytes.HasPrefix(l, []byte("---")) {
				if !yield(startLine, text[start:at]) {
					return
				}
				start, startLine = at, line
			}
			at += len(l)
			line++
		}
		yield(startLine, text[start:])
	}
}

// Shown returns a text for showing changes of it: the lines of documents with Secrets are blotted out.
func Shown(text []byte) []byte {
	var out bytes.Buffer
	for _, d := range documents(text) {
		if !secretKind().Match(d) {
			out.Write(d)
			continue
		}
		for range bytes.Lines(d) {
			out.WriteString("# (a line of a Secret, not shown)\n")
		}
	}
	return out.Bytes()
}
