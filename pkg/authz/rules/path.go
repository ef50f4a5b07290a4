package rules

import (
	"fmt"
	"strconv"
	"strings"
)

// Operators of path templates: one segment, and any number of them at the end.
const (
	OneSegment  = "{*}"
	AnySegments = "{**}"
)

// longestTemplate is the longest that Envoy takes.
const longestTemplate = 256

// IsTemplate reports whether a path is a template (https://istio.io/latest/docs/reference/config/security/authorization-policy/#Operation).
func IsTemplate(path string) bool {
	return strings.Contains(path, OneSegment) || strings.Contains(path, AnySegments)
}

func checkPath(v string) (message, fix string) {
	quoted := strconv.Quote(v)
	if !IsTemplate(v) {
		switch {
		case strings.ContainsAny(v, "{}"):
			return "braces stand only around * and ** in a path template, not in " + quoted, "use {*} for one segment, {**} for the rest"
		case inside(v):
			return "a * stands for any text only at the start or the end of " + quoted, "use a path template: {*} for one segment, {**} for the rest"
		}
		return "", ""
	}
	if !strings.HasPrefix(v, "/") {
		return "the path template " + quoted + " does not begin with /", "/" + v
	}
	if len(v) > longestTemplate {
		return fmt.Sprintf("a path template has at most %d characters", longestTemplate), ""
	}
	rest := false
	for segment := range strings.SplitSeq(strings.TrimSuffix(v[1:], "/"), "/") {
		switch {
		case rest:
			if segment == OneSegment || segment == AnySegments {
				return AnySegments + " must be the last operator of " + quoted, ""
			}
		case segment == AnySegments:
			rest = true
			continue
		case segment == OneSegment:
			continue
		}
		if !literal(segment) {
			// Envoy 1.40 would not refuse such a template, but end.
			return strconv.Quote(segment) + " is no segment of a path template", "an operator stands for a whole segment; others are text without *, {, } and what a URL must escape"
		}
	}
	return "", ""
}

// literal reports whether Envoy takes a segment of a template as text.
func literal(segment string) bool {
	return segment != "" && strings.IndexFunc(segment, func(c rune) bool {
		alphanumeric := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		return !alphanumeric && !strings.ContainsRune("-._~%!$&'()+,;:@=", c)
	}) < 0
}
