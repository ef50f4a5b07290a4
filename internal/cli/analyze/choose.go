package analyze

import (
	"path"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/analyze/baseline"
	"github.com/meshctl/meshctl/pkg/analyze/catalog"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// choice is what the command line asks for, understood.
type choice struct {
	analyzers []*analyze.Analyzer
	filter    analyze.Filter
	// suppressions are those of the filter, as they were written.
	suppressions []suppression
	threshold    codes.Level
	// baseline are the findings that are known, base those to compare with; nil without.
	baseline []baseline.Entry
	base     *base
}

func (o *Options) choose() (choice, error) {
	c := choice{filter: analyze.Filter{Namespace: o.Namespace}}
	var ok bool
	if c.threshold, ok = codes.ParseLevel(o.FailOn); !ok {
		return c, exitcode.Usagef("--fail-on %q: write error, warning or info", o.FailOn)
	}
	var err error
	if c.analyzers, err = chooseAnalyzers(o.Analyzers); err != nil {
		return c, err
	}
	if c.filter.Kinds, err = chooseKinds(o.Kinds); err != nil {
		return c, err
	}
	for _, text := range o.Suppress {
		s, err := parseSuppression(text)
		if err != nil {
			return c, err
		}
		c.suppressions = append(c.suppressions, s)
		c.filter.Suppress = append(c.filter.Suppress, s.rules...)
	}
	c.baseline, err = o.baseline.load()
	return c, err
}

// chooseAnalyzers returns the analyzers that any of the patterns names, all without a pattern.
func chooseAnalyzers(patterns []string) ([]*analyze.Analyzer, error) {
	all := catalog.All()
	if len(patterns) == 0 {
		return all, nil
	}
	wanted := map[string]bool{}
	for _, pattern := range patterns {
		found := false
		for _, a := range all {
			matched, err := path.Match(pattern, a.Name)
			if err != nil {
				return nil, exitcode.Usagef("--analyzer %q is no pattern: %v", pattern, err)
			}
			if matched {
				wanted[a.Name], found = true, true
			}
		}
		if !found {
			return nil, exitcode.Usagef("there is no analyzer %q%s; --list shows them", pattern, didYouMean(pattern, analyzerNames()))
		}
	}
	return slices.DeleteFunc(all, func(a *analyze.Analyzer) bool { return !wanted[a.Name] }), nil
}

func analyzerNames() []string {
	var out []string
	for _, a := range catalog.All() {
		out = append(out, a.Name)
	}
	return out
}

// chooseKinds reads names of kinds as kubectl takes them: in any case, singular or plural, with the group where that matters. A name
// without a group stands for the kinds of that name in all groups.
func chooseKinds(names []string) ([]config.Kind, error) {
	var out []config.Kind
	for _, name := range names {
		found := false
		for _, kind := range config.Kinds() {
			if kindNamed(kind, name) {
				out, found = append(out, kind), true
			}
		}
		if !found {
			return nil, exitcode.Usagef("--kinds: there is no kind %q that concerns a mesh%s", name, didYouMean(name, kindNames()))
		}
	}
	return out, nil
}

func kindNamed(kind config.Kind, name string) bool {
	name, group, qualified := strings.Cut(strings.ToLower(name), ".")
	if qualified && group != kind.Group {
		return false
	}
	singular := strings.ToLower(kind.Name)
	return name == singular || name == plural(singular)
}

func plural(word string) string {
	switch {
	case strings.HasSuffix(word, "s"):
		return word + "es"
	case strings.HasSuffix(word, "y") && !strings.HasSuffix(word, "ay"):
		return strings.TrimSuffix(word, "y") + "ies"
	}
	return word + "s"
}

func kindNames() []string {
	var out []string
	for _, kind := range config.Kinds() {
		out = append(out, kind.Name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func codeNames() []string {
	var out []string
	for _, d := range codes.All() {
		out = append(out, string(d.Code))
	}
	return out
}

func didYouMean(word string, candidates []string) string {
	if near := config.Nearest(word, candidates); near != "" {
		return "; did you mean " + near + "?"
	}
	return ""
}
