package routing

import (
	"regexp"
	"regexp/syntax"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
)

// pattern is what a StringMatch takes of values that are there.
type pattern struct {
	kind patternKind
	text string
	// fold: case does not matter.
	fold bool
	re   *regexp.Regexp // of kind regex: takes whole values
	// literal is how every value begins that an expression takes; open says that it takes all that begin so.
	literal string
	open    bool
}

type patternKind uint8

const (
	anyValue patternKind = iota // whatever it is
	exactly
	beginning
	expression
)

// patternOf reads a match; ok is false for an expression that nobody can compile: the proxy leaves out such a match.
func patternOf(m *networking.StringMatch, fold bool) (out pattern, ok bool) {
	switch m := m.GetMatchType().(type) {
	case *networking.StringMatch_Exact:
		return pattern{kind: exactly, text: m.Exact, fold: fold}, true
	case *networking.StringMatch_Prefix:
		if m.Prefix == "" {
			return pattern{}, true
		}
		return pattern{kind: beginning, text: m.Prefix, fold: fold}, true
	case *networking.StringMatch_Regex:
		if m.Regex == "*" {
			return pattern{}, true
		}
		re, err := regexp.Compile("^(?:" + m.Regex + ")$")
		if err != nil || m.Regex == "" {
			return pattern{}, false
		}
		out = pattern{kind: expression, text: m.Regex, re: re}
		out.literal, out.open = literalOf(m.Regex)
		if out.open && out.literal == "" {
			return pattern{}, true
		}
		return out, true
	}
	return pattern{}, true
}

// literalOf returns how all values begin that an expression takes, and whether it takes everything that begins so.
func literalOf(expr string) (literal string, open bool) {
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return "", false
	}
	parts := []*syntax.Regexp{tree}
	if tree.Op == syntax.OpConcat {
		parts = tree.Sub
	}
	for len(parts) > 0 && parts[0].Op == syntax.OpBeginText {
		parts = parts[1:]
	}
	for len(parts) > 0 && parts[len(parts)-1].Op == syntax.OpEndText {
		parts = parts[:len(parts)-1]
	}
	if len(parts) > 0 && parts[0].Op == syntax.OpLiteral && parts[0].Flags&syntax.FoldCase == 0 {
		literal, parts = string(parts[0].Rune), parts[1:]
	}
	if len(parts) != 1 {
		return literal, false
	}
	rest := parts[0]
	for rest.Op == syntax.OpCapture {
		rest = rest.Sub[0]
	}
	open = rest.Op == syntax.OpStar && (rest.Sub[0].Op == syntax.OpAnyCharNotNL || rest.Sub[0].Op == syntax.OpAnyChar)
	return literal, open
}

// takes reports whether the pattern takes a value.
func (p pattern) takes(value string) bool {
	switch p.kind {
	case exactly:
		return p.text == value || p.fold && strings.EqualFold(p.text, value)
	case beginning:
		return p.begins(value)
	case expression:
		return p.re.MatchString(value)
	}
	return true
}

func (p pattern) begins(value string) bool {
	if p.fold {
		value, p.text = strings.ToLower(value), strings.ToLower(p.text)
	}
	return strings.HasPrefix(value, p.text)
}

// covers reports whether the pattern is known to take every value that q takes. What cannot be told counts as no.
func (p pattern) covers(q pattern) bool {
	if q.fold && !p.fold && p.kind != anyValue && !caseless(p.text) {
		return false
	}
	switch p.kind {
	case anyValue:
		return true
	case exactly:
		return q.kind == exactly && p.takes(q.text)
	case beginning:
		switch q.kind {
		case exactly, beginning:
			return p.begins(q.text)
		case expression:
			return p.begins(q.literal)
		}
		return false
	}
	switch q.kind {
	case exactly:
		return p.takes(q.text)
	case beginning:
		return p.open && strings.HasPrefix(q.text, p.literal)
	case expression:
		return p.text == q.text || p.open && strings.HasPrefix(q.literal, p.literal)
	}
	return false
}

func caseless(s string) bool { return strings.ToLower(s) == strings.ToUpper(s) }
