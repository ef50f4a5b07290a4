package analyze

import (
	"path"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/pkg/analyze"
)

// parseSuppression reads "CODE=KIND NAMESPACE/NAME", or "CODE=KIND NAME" for objects without a namespace. Each part may be a pattern; a
// last "*" stands for every object.
func parseSuppression(rule string) (analyze.Suppression, error) {
	code, resource, assigned := strings.Cut(rule, "=")
	words := strings.Fields(resource)
	if !assigned || len(words) != 2 {
		return analyze.Suppression{}, exitcode.Usagef(`--suppress %q: write "CODE=KIND NAMESPACE/NAME", for example "IST0102=Namespace shop" or "IST0101=* shop/*"`, rule)
	}
	s := analyze.Suppression{Code: strings.TrimSpace(code), Kind: words[0], Object: words[1]}
	for _, pattern := range []string{s.Code, s.Kind, s.Object} {
		if _, err := path.Match(pattern, ""); err != nil {
			return s, exitcode.Usagef("--suppress %q: %q is no pattern: %v", rule, pattern, err)
		}
	}
	known := codeNames()
	if !slices.ContainsFunc(known, func(c string) bool { ok, _ := path.Match(s.Code, c); return ok }) {
		return s, exitcode.Usagef("--suppress %q: there is no code %q%s", rule, s.Code, didYouMean(s.Code, known))
	}
	return s, nil
}

func matchesAny(rule analyze.Suppression, list []analyze.Diagnostic) bool {
	return slices.ContainsFunc(list, rule.Matches)
}
