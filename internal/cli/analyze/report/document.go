package report

import (
	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// Document is the report for programs, in JSON and YAML. Its names are stable; docs/analyze.md describes them.
type Document struct {
	// Origin is where objects without a position come from, such as "cluster prod".
	Origin      string       `json:"origin,omitempty"`
	Diagnostics []Diagnostic `json:"diagnostics"`
	Undecided   []Undecided  `json:"undecided"`
	Failed      []Failure    `json:"failed"`
	Skipped     []Failure    `json:"skipped"`
	Summary     Summary      `json:"summary"`
}

// Diagnostic is one finding.
type Diagnostic struct {
	Code        codes.Code `json:"code"`
	Level       string     `json:"level"`
	Title       string     `json:"title"`
	Analyzer    string     `json:"analyzer"`
	Object      *Object    `json:"object,omitempty"`
	Position    *Position  `json:"position,omitempty"`
	Field       string     `json:"field,omitempty"`
	Message     string     `json:"message"`
	Fix         string     `json:"fix,omitempty"`
	Edits       []Edit     `json:"edits,omitempty"`
	Related     []Related  `json:"related,omitempty"`
	Change      Change     `json:"change,omitempty"`
	Fingerprint string     `json:"fingerprint"`
}

// Object names an object.
type Object struct {
	Group     string `json:"group,omitempty"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
}

// Position is a place in a file; line and column count from 1 and are left out where only the file is known.
type Position struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// Edit replaces old, which begins at position, by new.
type Edit struct {
	Position *Position `json:"position"`
	Old      string    `json:"old"`
	New      string    `json:"new"`
}

// Related is another place that has to do with a finding.
type Related struct {
	Object   *Object   `json:"object,omitempty"`
	Position *Position `json:"position,omitempty"`
	Message  string    `json:"message"`
}

// Undecided is a question that cannot be answered without an object of any of the kinds.
type Undecided struct {
	Code     codes.Code `json:"code"`
	Analyzer string     `json:"analyzer"`
	Object   *Object    `json:"object,omitempty"`
	Position *Position  `json:"position,omitempty"`
	What     string     `json:"what"`
	Kinds    []string   `json:"kinds"`
}

// Failure is an analyzer without a result.
type Failure struct {
	Analyzer string `json:"analyzer"`
	Reason   string `json:"reason"`
}

// Summary counts.
type Summary struct {
	Objects    int    `json:"objects"`
	Errors     int    `json:"errors"`
	Warnings   int    `json:"warnings"`
	Infos      int    `json:"infos"`
	Suppressed int    `json:"suppressed"`
	Known      int    `json:"known"`
	FailOn     string `json:"failOn"`
	// Reached says that a finding is of the level failOn or above: that the exit code is 3.
	Reached bool `json:"reached"`
}

func document(r *Report, threshold codes.Level) Document {
	d := Document{
		Origin: r.Origin, Diagnostics: []Diagnostic{}, Undecided: []Undecided{}, Failed: failures(r.Failed), Skipped: failures(r.Skipped),
		Summary: Summary{
			Objects: r.Objects, Errors: r.count(codes.Error), Warnings: r.count(codes.Warning), Infos: r.count(codes.Info),
			Suppressed: r.Suppressed, Known: r.Known, FailOn: threshold.String(), Reached: r.Reaches(threshold),
		},
	}
	titles := descriptions()
	prints := fingerprints(r.Findings)
	for i, f := range r.Findings {
		d.Diagnostics = append(d.Diagnostics, Diagnostic{
			Code: f.Code, Level: f.Level.String(), Title: titles[f.Code].Title, Analyzer: f.Analyzer, Object: object(f.Object), Position: position(f.Position),
			Field: f.Field, Message: f.Message, Fix: f.Fix, Edits: edits(f.Edits), Related: related(f.Related), Change: f.Change, Fingerprint: prints[i],
		})
	}
	for _, u := range r.Undecided {
		open := Undecided{Code: u.Code, Analyzer: u.Analyzer, Object: object(u.Object), Position: position(u.Position), What: u.What, Kinds: []string{}}
		for _, kind := range u.Kinds {
			open.Kinds = append(open.Kinds, kind.String())
		}
		d.Undecided = append(d.Undecided, open)
	}
	return d
}

// descriptions is the table of codes by code.
func descriptions() map[codes.Code]codes.Description {
	out := map[codes.Code]codes.Description{}
	for _, d := range codes.All() {
		out[d.Code] = d
	}
	return out
}

func failures(list []analyze.Failure) []Failure {
	out := []Failure{}
	for _, f := range list {
		out = append(out, Failure{f.Analyzer, f.Reason})
	}
	return out
}

func object(key config.Key) *Object {
	if key == (config.Key{}) {
		return nil
	}
	return &Object{Group: key.Kind.Group, Kind: key.Kind.Name, Namespace: key.Namespace, Name: key.Name}
}

func position(at config.Position) *Position {
	if at == (config.Position{}) {
		return nil
	}
	return &Position{File: at.File, Line: at.Line, Column: at.Column}
}

func edits(list []analyze.Edit) []Edit {
	var out []Edit
	for _, e := range list {
		out = append(out, Edit{position(e.Position), e.Old, e.New})
	}
	return out
}

func related(list []analyze.Related) []Related {
	var out []Related
	for _, r := range list {
		out = append(out, Related{object(r.Object), position(r.Position), r.Message})
	}
	return out
}
