package report

import (
	"net/url"
	"path/filepath"
	"unicode/utf8"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/internal/version"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

const sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

func (w Writer) sarif(r *Report) error {
	rules, index := sarifRules(r)
	run := sarifRun{
		Tool:        sarifTool{sarifDriver{Name: "meshctl", Version: version.String(), Rules: rules}},
		Invocations: []sarifInvocation{invocation(r)},
		ColumnKind:  "unicodeCodePoints",
		Results:     []sarifResult{},
	}
	prints := fingerprints(r.Findings)
	for i, f := range r.Findings {
		result := sarifResultOf(f, prints[i])
		result.RuleIndex = index[f.Code]
		run.Results = append(run.Results, result)
	}
	out := sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{run}}
	return printer.Object(&printer.Printer{Out: w.Out, Format: printer.FormatJSON}, out)
}

// sarifRules are the codes that the analyzers may report, and those that were reported by others.
func sarifRules(r *Report) (rules []sarifRule, index map[codes.Code]int) {
	possible := map[codes.Code]bool{}
	for _, a := range r.Analyzers {
		for _, code := range a.Codes {
			possible[code] = true
		}
	}
	for _, f := range r.Findings {
		possible[f.Code] = true
	}
	rules, index = []sarifRule{}, map[codes.Code]int{}
	for _, d := range codes.All() {
		if !possible[d.Code] {
			continue
		}
		index[d.Code] = len(rules)
		rules = append(rules, sarifRule{
			ID: string(d.Code), Name: pascal(d.Title), ShortDescription: sarifText{d.Title}, FullDescription: sarifText{d.Explanation},
			Help: sarifText{d.Fix}, Configuration: sarifDefault{sarifLevel(d.Level)},
		})
	}
	return rules, index
}

func sarifResultOf(f Finding, fingerprint string) sarifResult {
	text := sentence(f.Field, f.Message)
	if f.Fix != "" {
		text += "\nfix: " + f.Fix
	}
	out := sarifResult{
		RuleID: string(f.Code), Level: sarifLevel(f.Level), Message: sarifText{printer.EscapeLines(text)},
		Fingerprints:        map[string]string{"meshctl/v1": fingerprint},
		PartialFingerprints: map[string]string{"primaryLocationLineHash": fingerprint}, // the one that GitHub compares
		BaselineState:       map[Change]string{Introduced: "new", Unchanged: "unchanged", Fixed: "absent"}[f.Change],
	}
	if at := location(f.Object, f.Position, width(f), f.Line()); at != nil {
		out.Locations = []sarifLocation{*at}
	}
	for _, r := range f.Related {
		if at := location(r.Object, r.Position, 0, ""); at != nil {
			at.Message = &sarifText{clean(r.Message)}
			out.RelatedLocations = append(out.RelatedLocations, *at)
		}
	}
	if fix := sarifFixOf(f); fix != nil {
		out.Fixes = []sarifFix{*fix}
	}
	return out
}

// location is nil for what is nowhere. width is how many characters the region has, 0 if that is not known; line its line, if that is
// known.
func location(key config.Key, at config.Position, width int, line string) *sarifLocation {
	var out sarifLocation
	if inFile(at) {
		out.Physical = &sarifPhysical{Artifact: sarifArtifact{uri(at.File)}}
		if at.Line > 0 {
			region := &sarifRegion{StartLine: at.Line, StartColumn: at.Column}
			if width > 0 {
				region.EndColumn = at.Column + width
			}
			if line != "" && utf8.RuneCountInString(line) <= snippetRunes {
				region.Snippet = &sarifText{line}
			}
			out.Physical.Region = region
		}
	}
	if key.Kind.Name != "" {
		out.Logical = []sarifLogical{{Name: clean(key.Name), QualifiedName: clean(key.String()), Kind: "resource"}}
	}
	if out.Physical == nil && out.Logical == nil {
		return nil
	}
	return &out
}

func sarifFixOf(f Finding) *sarifFix {
	if len(f.Edits) == 0 {
		return nil
	}
	fix := sarifFix{Description: sarifText{clean(f.Fix)}}
	for _, e := range f.Edits {
		if !inFile(e.Position) {
			return nil
		}
		file := uri(e.Position.File)
		if n := len(fix.Changes); n == 0 || fix.Changes[n-1].Artifact.URI != file {
			fix.Changes = append(fix.Changes, sarifChange{Artifact: sarifArtifact{file}})
		}
		change := &fix.Changes[len(fix.Changes)-1]
		change.Replacements = append(change.Replacements, sarifReplacement{
			Deleted: sarifRegion{
				StartLine: e.Position.Line, StartColumn: e.Position.Column, EndColumn: e.Position.Column + utf8.RuneCountInString(e.Old),
			},
			Inserted: sarifText{e.New},
		})
	}
	return &fix
}

// invocation tells what the analyzers could not tell.
func invocation(r *Report) sarifInvocation {
	out := sarifInvocation{ExecutionSuccessful: len(r.Failed) == 0}
	note := func(level, text string) {
		out.Notifications = append(out.Notifications, sarifNotification{Level: level, Message: sarifText{clean(text)}})
	}
	for _, f := range r.Failed {
		note("error", "analyzer "+f.Analyzer+" came to no result: "+f.Reason)
	}
	for _, f := range r.Skipped {
		note("warning", "analyzer "+f.Analyzer+" was left out: "+f.Reason)
	}
	for _, u := range r.Undecided {
		n := sarifNotification{
			Level: "note", Message: sarifText{clean("could not decide: " + u.What + " (given no " + kinds(u.Kinds) + ")")}, AssociatedRule: &sarifReference{string(u.Code)},
		}
		if at := location(u.Object, u.Position, 0, ""); at != nil {
			n.Locations = []sarifLocation{*at}
		}
		out.Notifications = append(out.Notifications, n)
	}
	return out
}

func sarifLevel(level codes.Level) string {
	if level == codes.Info {
		return "note"
	}
	return level.String()
}

// uri is relative for a relative path, as viewers want it.
func uri(file string) string {
	u := url.URL{Path: filepath.ToSlash(filepath.Clean(file))}
	if filepath.IsAbs(file) {
		u.Scheme = "file"
	}
	return u.String()
}
