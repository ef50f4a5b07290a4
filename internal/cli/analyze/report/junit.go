package report

import (
	"encoding/xml"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/pkg/analyze"
)

// The elements of JUnit's XML as CI systems read it: one suite an analyzer, one case a finding, so that each has a line of its own in
// their lists. An analyzer without a finding is one case that passed.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		File    string        `xml:"file,attr,omitempty"`
		Line    int           `xml:"line,attr,omitempty"`
		Failure *junitOutcome `xml:"failure"`
		Error   *junitOutcome `xml:"error"`
		Skipped *junitOutcome `xml:"skipped"`
		Output  string        `xml:"system-out,omitempty"`
	}
	junitOutcome struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// junit fails the cases of findings from the threshold on. JUnit knows no warnings: the others pass, with the finding as their output.
func (w Writer) junit(r *Report) error {
	cases := map[string][]junitCase{}
	for _, f := range r.Findings {
		cases[f.Analyzer] = append(cases[f.Analyzer], w.junitFinding(f))
	}
	for _, u := range r.Undecided {
		why := u.What + ": given no " + kinds(u.Kinds)
		cases[u.Analyzer] = append(cases[u.Analyzer], junitCase{
			Name: clean(string(u.Code) + " " + objectName(u.Object)), Class: u.Analyzer, File: clean(u.Position.File), Line: u.Position.Line,
			Skipped: &junitOutcome{Message: clean("could not decide: " + why)},
		})
	}
	failed := reasons(r.Failed)
	skipped := reasons(r.Skipped)
	out := junitSuites{Name: "meshctl analyze"}
	for _, a := range r.Analyzers {
		list := cases[a.Name]
		if why := failed[a.Name]; why != "" {
			list = append(list, junitCase{Name: a.Doc, Class: a.Name, Error: &junitOutcome{Message: clean(why)}})
		}
		if why := skipped[a.Name]; why != "" {
			list = append(list, junitCase{Name: a.Doc, Class: a.Name, Skipped: &junitOutcome{Message: clean(why)}})
		}
		if len(list) == 0 {
			list = append(list, junitCase{Name: a.Doc, Class: a.Name})
		}
		out.add(junitSuite{Name: a.Name, Cases: list})
		delete(cases, a.Name)
	}
	for _, other := range slices.Sorted(maps.Keys(cases)) { // what did not come from an analyzer
		out.add(junitSuite{Name: other, Cases: cases[other]})
	}
	if _, err := io.WriteString(w.Out, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w.Out)
	enc.Indent("", "  ")
	if err := enc.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w.Out, "\n")
	return err
}

func (w Writer) junitFinding(f Finding) junitCase {
	text := clean(place(f.Object, f.Position) + ": " + sentence(f.Field, f.Message))
	if f.Fix != "" {
		text += "\nfix: " + clean(f.Fix)
	}
	name := strings.TrimSpace(string(f.Code) + " " + objectName(f.Object))
	c := junitCase{Name: clean(name + " " + f.Field), Class: f.Analyzer, File: clean(f.Position.File), Line: f.Position.Line}
	c.Name = strings.TrimSpace(c.Name)
	if f.Level >= w.Threshold && f.Counts() {
		c.Failure = &junitOutcome{Message: clean(f.Message), Type: f.Level.String(), Text: text}
	} else {
		c.Output = f.Level.String() + ": " + text
	}
	return c
}

func (s *junitSuites) add(suite junitSuite) {
	for _, c := range suite.Cases {
		suite.Tests++
		switch {
		case c.Failure != nil:
			suite.Failures++
		case c.Error != nil:
			suite.Errors++
		case c.Skipped != nil:
			suite.Skipped++
		}
	}
	s.Tests, s.Failures, s.Errors, s.Skipped = s.Tests+suite.Tests, s.Failures+suite.Failures, s.Errors+suite.Errors, s.Skipped+suite.Skipped
	s.Suites = append(s.Suites, suite)
}

func reasons(list []analyze.Failure) map[string]string {
	out := map[string]string{}
	for _, f := range list {
		out[f.Analyzer] = f.Reason
	}
	return out
}
