// Package report writes what `meshctl analyze` found, to people and to programs.
package report

import (
	"slices"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// Report is everything there is to say.
type Report struct {
	// Origin is where objects come from that no file holds, such as "cluster prod".
	Origin string
	// Analyzers are those that ran.
	Analyzers []*analyze.Analyzer
	// Findings are in the order of analyze.Diagnostic.Compare.
	Findings []Finding
	// Undecided are the questions that the input left open, ordered by code.
	Undecided []analyze.Undecided
	// Failed are the analyzers that came to no end, Skipped those that could not begin: what they depend on could not be read.
	Failed, Skipped []analyze.Failure
	// Objects is how many were judged.
	Objects int
	// Suppressed is how many findings rules and annotations left out, Known how many a baseline did.
	Suppressed, Known int
}

// Finding is a diagnostic and, when the input is compared with an older one, what became of it.
type Finding struct {
	analyze.Diagnostic
	Change Change
}

// Change says what became of a finding since the base. Without a base it is empty.
type Change string

const (
	// Introduced findings are not in the base.
	Introduced Change = "introduced"
	// Unchanged findings are in the base too.
	Unchanged Change = "unchanged"
	// Fixed findings are in the base only.
	Fixed Change = "fixed"
)

// Counts reports whether the finding decides about the exit code: one that was there before, or is gone, does not.
func (f Finding) Counts() bool { return f.Change == "" || f.Change == Introduced }

// Reaches reports whether a finding that counts is of the level or above.
func (r *Report) Reaches(level codes.Level) bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Counts() && f.Level >= level })
}

// count is how many findings of a level are there, without those that are fixed.
func (r *Report) count(level codes.Level) int {
	n := 0
	for _, f := range r.Findings {
		if f.Level == level && f.Change != Fixed {
			n++
		}
	}
	return n
}

// The formats besides printer's.
const (
	Log    printer.Format = "log"
	SARIF  printer.Format = "sarif"
	JUnit  printer.Format = "junit"
	GitHub printer.Format = "github"
	GitLab printer.Format = "gitlab"
)

// Formats lists every format, the default first.
func Formats() []printer.Format {
	return []printer.Format{Log, printer.FormatTable, printer.FormatWide, printer.FormatJSON, printer.FormatYAML, SARIF, JUnit, GitHub, GitLab}
}

// Writer is how a report is written.
type Writer struct {
	*printer.Printer
	// Say writes a line of narration next to the output.
	Say func(format string, args ...any)
	// Threshold is the level from which on a finding is a failure.
	Threshold codes.Level
	// Undecided lists every open question.
	Undecided bool
}

// Write writes a report. Formats for programs hold all of it; for people, what is not a finding goes to Say.
func (w Writer) Write(r *Report) error {
	switch w.Format {
	case printer.FormatJSON, printer.FormatYAML:
		return printer.Object(w.Printer, document(r, w.Threshold))
	case SARIF:
		return w.sarif(r)
	case JUnit:
		return w.junit(r)
	}
	if err := w.Findings(r); err != nil {
		return err
	}
	w.aside(r)
	return nil
}

// Findings writes the findings alone, in a format that keeps them apart from the rest.
func (w Writer) Findings(r *Report) error {
	switch w.Format {
	case GitLab:
		return w.gitlab(r)
	case GitHub:
		return w.github(r)
	case Log:
		return w.log(r)
	}
	return printer.Print(w.Printer, table(), r.Findings)
}
