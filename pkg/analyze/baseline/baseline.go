// Package baseline reads, applies and writes baselines: lists of findings that are known, each with the reason why it stays.
//
// A baseline is a YAML list. docs/analyze.md describes its entries.
package baseline

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/meshctl/meshctl/pkg/analyze"
)

// Entry is one known finding, or several.
type Entry struct {
	// Code, Kind and Object name findings, as in analyze.Suppression; each may be a pattern.
	Code   string `yaml:"code"`
	Kind   string `yaml:"kind"`
	Object string `yaml:"object"`
	// Field, unless empty, is the exact path of the field.
	Field string `yaml:"field,omitempty"`
	// Message, unless empty, is analyze.Identity.MessageHash: the finding is no longer known when it says something else.
	Message string `yaml:"message,omitempty"`
	// Reason says why it stays. It is never empty.
	Reason string `yaml:"reason"`
	// Expires, unless empty, is the last day on which the entry counts, "2006-01-02", in UTC.
	Expires string `yaml:"expires,omitempty"`
	// Line is where the entry begins in its file; 0 for those that Renew makes.
	Line int `yaml:"-"`
}

// String describes the entry in messages.
func (e Entry) String() string {
	s := fmt.Sprintf("%s=%s %s", e.Code, e.Kind, e.Object)
	if e.Field != "" {
		s += " " + e.Field
	}
	return s
}

// Matches reports whether the entry is about a finding.
func (e Entry) Matches(d analyze.Diagnostic) bool {
	rule := analyze.Suppression{Code: e.Code, Kind: e.Kind, Object: e.Object}
	return rule.Matches(d) && (e.Field == "" || e.Field == d.Field) && (e.Message == "" || e.Message == d.Identity().MessageHash())
}

// Expired reports whether the entry's last day is over.
func (e Entry) Expired(now time.Time) bool {
	return e.Expires != "" && now.UTC().Format(time.DateOnly) > e.Expires
}

// Outcome is what a baseline makes of findings.
type Outcome struct {
	// New are the findings that the baseline does not know, in the same order.
	New []analyze.Diagnostic
	// Known is how many it knows.
	Known int
	// Expired are entries that match findings, but no longer count; Unmatched those that match none.
	Expired, Unmatched []Entry
}

// Apply takes the known findings out of a list.
func Apply(entries []Entry, list []analyze.Diagnostic, now time.Time) Outcome {
	var out Outcome
	index := newIndex(entries)
	matched := make([]bool, len(entries))
	for _, d := range list {
		known := false
		for _, i := range index.candidates(d) {
			if entries[i].Matches(d) {
				matched[i] = true
				known = known || !entries[i].Expired(now)
			}
		}
		if known {
			out.Known++
		} else {
			out.New = append(out.New, d)
		}
	}
	for i, e := range entries {
		switch {
		case !matched[i]:
			out.Unmatched = append(out.Unmatched, e)
		case e.Expired(now):
			out.Expired = append(out.Expired, e)
		}
	}
	return out
}

// index finds the entries that may match: a baseline that was written by a program has one for each finding.
type index struct {
	exact    map[[2]string][]int
	patterns []int
}

func newIndex(entries []Entry) index {
	out := index{exact: map[[2]string][]int{}}
	for i, e := range entries {
		if strings.ContainsAny(e.Code+e.Object, `*?[\`) {
			out.patterns = append(out.patterns, i)
			continue
		}
		key := [2]string{e.Code, e.Object}
		out.exact[key] = append(out.exact[key], i)
	}
	return out
}

func (x index) candidates(d analyze.Diagnostic) []int {
	exact := x.exact[[2]string{string(d.Code), objectName(d)}]
	return append(exact[:len(exact):len(exact)], x.patterns...)
}

// objectName is what analyze.Suppression matches Object with.
func objectName(d analyze.Diagnostic) string {
	if d.Object.Namespace == "" {
		return d.Object.Name
	}
	return d.Object.Namespace + "/" + d.Object.Name
}

func validPattern(pattern string) error {
	_, err := path.Match(pattern, "")
	return err
}
