package report

import (
	"cmp"
	"path"
	"path/filepath"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// gitlabIssue is an entry of a Code Quality report. See https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format.
type gitlabIssue struct {
	Description string         `json:"description"`
	Check       codes.Code     `json:"check_name"`
	Fingerprint string         `json:"fingerprint"`
	Severity    string         `json:"severity"`
	Location    gitlabLocation `json:"location"`
}

type gitlabLocation struct {
	Path  string `json:"path"`
	Lines struct {
		Begin int `json:"begin"`
	} `json:"lines"`
}

func (w Writer) gitlab(r *Report) error {
	issues := []gitlabIssue{}
	prints := fingerprints(r.Findings)
	for i, f := range r.Findings {
		if f.Change == Fixed {
			continue
		}
		issue := gitlabIssue{Description: clean(sentence(f.Field, f.Message)), Check: f.Code, Fingerprint: prints[i], Severity: gitlabSeverity(f.Level)}
		if name := objectName(f.Object); name != "" {
			issue.Description = clean(name) + ": " + issue.Description
		}
		if f.Fix != "" {
			issue.Description += " (fix: " + clean(f.Fix) + ")"
		}
		issue.Location.Path = path.Clean(filepath.ToSlash(cmp.Or(f.Position.File, f.Object.String())))
		issue.Location.Lines.Begin = max(1, f.Position.Line)
		issues = append(issues, issue)
	}
	return printer.Object(&printer.Printer{Out: w.Out, Format: printer.FormatJSON}, issues)
}

func gitlabSeverity(level codes.Level) string {
	switch level {
	case codes.Error:
		return "major"
	case codes.Warning:
		return "minor"
	}
	return "info"
}
