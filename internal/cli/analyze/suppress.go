package analyze

import (
	"path"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/pkg/analyze"
)

// suppression is a rule as the user wrote it, and what it stands for: any of these.
type suppression struct {
	text  string
	rules []analyze.Suppression
}

// parseSuppression reads "CODE=KIND NAMESPACE/NAME", or "CODE=KIND NAME" for objects without a namespace. Each part may be a pattern; "*"
// alone stands for every object. NAME.NAMESPACE, as istioctl takes it, is understood as well.
func parseSuppression(text string) (suppression, error) {
	code, resource, assigned := strings.Cut(text, "=")
	words := strings.Fields(resource)
	if !assigned || len(words) != 2 {
		return suppression{}, exitcode.Usagef(`--suppress %q: write "CODE=KIND NAMESPACE/NAME", for example "IST0102=Namespace shop" or "IST0101=* shop/*"`, text)
	}
	rule := analyze.Suppression{Code: strings.TrimSpace(code), Kind: words[0], Object: words[1]}
	for _, pattern := range []string{rule.Code, rule.Kind, rule.Object} {
		if _, err := path.Match(pattern, ""); err != nil {
			return suppression{}, exitcode.Usagef("--suppress %q: %q is no pattern: %v", text, pattern, err)
		}
	}
	known := codeNames()
	if !slices.ContainsFunc(known, func(c string) bool { ok, _ := path.Match(rule.Code, c); return ok }) {
		return suppression{}, exitcode.Usagef("--suppress %q: there is no code %q%s", text, rule.Code, didYouMean(rule.Code, known))
	}
	out := suppression{text: text, rules: []analyze.Suppression{rule}}
	if dot := strings.LastIndexByte(rule.Object, '.'); dot > 0 && !strings.Contains(rule.Object, "/") {
		rule.Object = rule.Object[dot+1:] + "/" + rule.Object[:dot]
		out.rules = append(out.rules, rule)
	}
	return out, nil
}

func (s suppression) matchesAny(list []analyze.Diagnostic) bool {
	return slices.ContainsFunc(list, func(d analyze.Diagnostic) bool {
		return slices.ContainsFunc(s.rules, func(r analyze.Suppression) bool { return r.Matches(d) })
	})
}
