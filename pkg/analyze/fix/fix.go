// Package fix makes the safe changes that findings propose, and holds each of them to what it promises: it changes the object that it is
// about and no other one, and nothing is found afterwards that was not found before.
package fix

import (
	"maps"
	"slices"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/yamledit"
)

// Refusal is a change that is not made.
type Refusal struct {
	Finding analyze.Diagnostic
	Reason  string
}

// Plan is a set of changes. Files are known by the names in positions.
type Plan struct {
	// Made are the findings whose changes are made, in the order given, and Refused the others.
	Made    []analyze.Diagnostic
	Refused []Refusal

	files map[string]*file
	read  config.Result
	judge func(config.Result) Judged
}

// Judged is what analysis says of an input.
type Judged struct {
	// Findings are those to report, and All also those that are usually not looked for, because their object is broken.
	Findings, All []analyze.Diagnostic
}

// Input is what a plan is made for.
type Input struct {
	// Texts are the files that the findings are in, whole.
	Texts map[string][]byte
	// Decoder is the one by which Read was read.
	Decoder config.Decoder
	Read    config.Result
	// Findings are those to repair; what proposes no change is passed over.
	Findings []analyze.Diagnostic
	// Judge analyzes another input as Read was analyzed.
	Judge func(config.Result) Judged
}

// Make chooses the changes that keep the promise.
func Make(in Input) *Plan {
	p := &Plan{files: map[string]*file{}, read: in.Read, judge: in.Judge}
	for name, text := range in.Texts {
		p.files[name] = newFile(in.Decoder, name, text)
	}
	for _, d := range in.Findings {
		if len(d.Edits) == 0 {
			continue
		}
		if reason := p.propose(d); reason != "" {
			p.Refused = append(p.Refused, Refusal{d, reason})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.files)) {
		f := p.files[name]
		changes := f.proposed
		f.proposed = nil
		p.Refused = append(p.Refused, f.take(changes)...)
	}
	p.weigh()
	for _, d := range in.Findings {
		if f := p.files[d.Position.File]; f != nil && slices.ContainsFunc(f.taken, func(c change) bool { return c.finding.Compare(d) == 0 }) {
			p.Made = append(p.Made, d)
		}
	}
	return p
}

// change is what one finding proposes.
type change struct {
	finding analyze.Diagnostic
	edits   []yamledit.Edit
}

func (p *Plan) propose(d analyze.Diagnostic) (reason string) {
	f := p.files[d.Position.File]
	if f == nil {
		return "its file cannot be read"
	}
	c := change{finding: d}
	for _, e := range d.Edits {
		if e.Position.File != d.Position.File {
			return "it needs changes in several files"
		}
		c.edits = append(c.edits, yamledit.Edit{Line: e.Position.Line, Column: e.Position.Column, Old: e.Old, New: e.New})
		if f.holdsSecret(e.Position.Line) {
			return "it stands in a document with a Secret"
		}
	}
	if !f.holds(d.Source) {
		return "its object does not stand there as it was read"
	}
	f.proposed = append(f.proposed, c)
	return ""
}

// Texts returns the new texts of the files that change.
func (p *Plan) Texts() map[string][]byte {
	out := map[string][]byte{}
	for name, f := range p.files {
		if len(f.taken) > 0 {
			out[name] = f.text
		}
	}
	return out
}

// Read returns the input as it is with the changes.
func (p *Plan) Read() config.Result {
	read := p.read
	for _, name := range slices.Sorted(maps.Keys(p.files)) {
		if f := p.files[name]; len(f.taken) > 0 {
			read = replace(read, name, f.before, f.after)
		}
	}
	return read
}
