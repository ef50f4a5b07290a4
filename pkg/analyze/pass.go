package analyze

import (
	"slices"
	"strings"
	"time"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// Pass is one analyzer's look at the mesh. It is used by one goroutine.
type Pass struct {
	analyzer *Analyzer
	run      *run
	read     map[config.Kind]bool
	findings []Diagnostic
	// located is the object last reported of: one that is large may have many findings.
	located  *config.Object
	position func(field string) config.Position
	open     []Undecided
}

// All returns the objects of a kind in the order of their keys. The list is shared: it must not be changed.
func (p *Pass) All(kind config.Kind) []*config.Object {
	p.reads(kind)
	return p.run.sorted(kind)
}

// Get returns the object under key, or nil.
func (p *Pass) Get(key config.Key) *config.Object {
	p.reads(key.Kind)
	return p.run.in.Mesh.Set().Get(key)
}

// Now is the time at which the mesh is judged.
func (p *Pass) Now() time.Time { return p.run.in.Now }

// Mesh gives access to everything that is resolved. What is asked of it is not noted: name the kinds behind it with Reads.
func (p *Pass) Mesh() *mesh.Snapshot { return p.run.in.Mesh }

// Reads notes that the analyzer depends on kinds.
func (p *Pass) Reads(kinds ...config.Kind) { p.reads(kinds...) }

func (p *Pass) reads(kinds ...config.Kind) {
	for _, k := range kinds {
		p.read[k] = true
	}
}

// Config returns the mesh-wide configuration, never nil.
func (p *Pass) Config() *mesh.Config {
	p.reads(config.ConfigMap)
	return p.run.in.Mesh.Config()
}

// Knows reports whether the input says anything about any of the kinds, and none of them could not be read: then what is not in it does
// not exist. Otherwise nothing can be concluded from an absence, see Open.
func (p *Pass) Knows(kinds ...config.Kind) bool {
	p.reads(kinds...)
	return !slices.ContainsFunc(kinds, p.run.missing) && slices.ContainsFunc(kinds, p.run.knows)
}

// Open notes that whether an object has the fault of code cannot be told without an object of any of the kinds. what names
// what would be looked for, for example "Secret istio-system/api-tls".
func (p *Pass) Open(code codes.Code, o *config.Object, what string, kinds ...config.Kind) {
	p.open = append(p.open, Undecided{Analyzer: p.analyzer.Name, Code: code, Object: o.Key, Position: o.Position(), What: what, Kinds: kinds})
}

// Broken reports whether an object has an error for which it is not in force.
func (p *Pass) Broken(o *config.Object) bool { return p.run.in.Broken[o.Key] }

// Problems returns what reading the input and resolving it found, without what rests on broken objects.
func (p *Pass) Problems() (reading, resolving []config.Problem) {
	for _, problem := range p.run.in.Mesh.Problems() {
		if !p.run.in.Broken[problem.Object] {
			resolving = append(resolving, problem)
		}
	}
	return p.run.in.Problems, resolving
}

// Report reports a finding. Findings about broken objects, and those that the object's annotation suppresses, are
// dropped.
func (p *Pass) Report(f Finding) {
	if p.run.in.Broken[f.Object.Key] {
		return
	}
	if p.located != f.Object {
		p.located, p.position = f.Object, f.Object.FieldPositions()
	}
	d := Diagnostic{
		Code: f.Code, Object: f.Object.Key, Position: p.position(f.Field), Field: f.Field, Message: f.Message,
		Fix: f.Fix, Edits: f.Edits, Related: f.Related, Source: f.Object,
	}
	if f.Object.Key.Derived() {
		d.Object = f.Object.Key.Origin()
		d.Source = p.run.in.Mesh.Set().Get(d.Object)
	}
	p.report(d)
}

// ReportProblem reports what the decoder, the resolver or the translation found.
func (p *Pass) ReportProblem(problem config.Problem) {
	d := Diagnostic{
		Code: problem.Code, Object: problem.Object, Position: problem.Position, Field: problem.Field, Message: problem.Message,
		Fix: problem.Fix, Source: p.run.in.Mesh.Set().Get(problem.Object), Excerpt: problem.Excerpt,
	}
	if problem.Meant != "" {
		d.Edits = rename(d, problem.Meant)
	}
	p.report(d)
}

func (p *Pass) report(d Diagnostic) {
	described, known := p.run.codes[d.Code]
	if !known || !slices.Contains(p.analyzer.Codes, d.Code) {
		panic("reports " + string(d.Code) + " without declaring it")
	}
	d.Analyzer, d.Level = p.analyzer.Name, described.Level
	if d.Fix == "" {
		d.Fix = described.Fix
	}
	if d.Position == (config.Position{}) && d.Source != nil {
		d.Position = d.Source.Position()
	}
	p.findings = append(p.findings, d)
}

// Undecided is a question that could not be answered, because the input lacks what it depends on.
type Undecided struct {
	Analyzer string
	Code     codes.Code
	Object   config.Key
	Position config.Position
	// What would be looked for.
	What string
	// Kinds of which an object is needed, any of them.
	Kinds []config.Kind
}

// Compare orders by code, then by object.
func (u Undecided) Compare(o Undecided) int {
	if c := strings.Compare(string(u.Code), string(o.Code)); c != 0 {
		return c
	}
	if c := u.Object.Compare(o.Object); c != 0 {
		return c
	}
	return strings.Compare(u.What, o.What)
}
