package convert

import (
	"regexp"
	"testing"
)

func TestPattern(t *testing.T) {
	for expression, want := range map[string]string{
		"": "*", ".*": "*", "/a": "/a", "^/a$": "/a", "/a.*": "/a*", ".*/a": "*/a", "/v1\\.0": "/v1.0", "/a/[^/]+": "/a/{*}", "/a/[^/]+/b": "/a/{*}/b",
		"/a|/b": "", "(": "", "/a.+": "", "/a.*b": "", "/v[^/]+": "", "/a/[^/]+/.*": "", "(?i)/a": "", ".*.*": "", "/[0-9]": "",
	} {
		got, ok := pattern(expression, true)
		if !ok {
			got = ""
		}
		if got != want {
			t.Errorf("%q is %q, want %q", expression, got, want)
		}
	}
}

func TestPrefixRewrite(t *testing.T) {
	for _, c := range [][4]string{
		{"/a", "/x", "/a", "/x"}, {"/a", "/x", "/a/", "/x/"}, {"/a", "/x", "/a/b", "/x/b"}, {"/a/", "/x/", "/a/b", "/x/b"}, {"/a", "/", "/a", "/"}, {"/a", "/", "/a/b", "/b"},
		{"/", "/x", "/b", "/x/b"}, {"/", "/", "/b", "/b"}, {"/a.c", "/x", "/abc", "/abc"},
	} {
		pattern, substitution := PrefixRewrite(c[0], c[1])
		goes := regexp.MustCompile(`\\(\d)`).ReplaceAllString(substitution, "$${$1}")
		if got := regexp.MustCompile(pattern).ReplaceAllString(c[2], goes); got != c[3] {
			t.Errorf("%s with %s for %s is %s, want %s", c[2], c[1], c[0], got, c[3])
		}
	}
}
