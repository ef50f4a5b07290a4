package convert

import (
	"regexp/syntax"
	"strings"
)

// pattern writes a regular expression for a whole value in the terms of an AuthorizationPolicy: "*" for anything, text with "*" at its
// beginning or end, or for a path "{*}" for one segment. ok is false when those cannot say it.
func pattern(expression string, path bool) (out string, ok bool) {
	if expression == "" {
		return "*", true
	}
	parsed, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return "", false
	}
	parts := []*syntax.Regexp{parsed}
	if parsed.Op == syntax.OpConcat {
		parts = parsed.Sub
	}
	var b strings.Builder
	stars, segments := 0, 0
	for i, p := range parts {
		switch {
		case p.Op == syntax.OpBeginText && i == 0, p.Op == syntax.OpEndText && i == len(parts)-1:
		case p.Op == syntax.OpLiteral && p.Flags&syntax.FoldCase == 0 && !strings.ContainsAny(string(p.Rune), "*{}"):
			b.WriteString(string(p.Rune))
		case p.Op == syntax.OpAnyCharNotNL: // a dot that nobody escaped: the name of a file, a version
			b.WriteByte('.')
		case anything(p):
			b.WriteByte('*')
			stars++
		case path && segment(p):
			b.WriteString("{*}")
			segments++
		default:
			return "", false
		}
	}
	out = b.String()
	inner := strings.Trim(strings.ReplaceAll(out, "{*}", ""), "*")
	if strings.Contains(inner, "*") || stars > 1 || stars > 0 && segments > 0 {
		return "", false
	}
	for part := range strings.SplitSeq(out, "/") {
		if strings.Contains(part, "{*}") && part != "{*}" {
			return "", false
		}
	}
	return out, out != ""
}

// anything reports whether a part is ".*".
func anything(p *syntax.Regexp) bool {
	return p.Op == syntax.OpStar && (p.Sub[0].Op == syntax.OpAnyCharNotNL || p.Sub[0].Op == syntax.OpAnyChar)
}

// segment reports whether a part is "[^/]+".
func segment(p *syntax.Regexp) bool {
	return p.Op == syntax.OpPlus && p.Sub[0].Op == syntax.OpCharClass && p.Sub[0].String() == "[^/]"
}
