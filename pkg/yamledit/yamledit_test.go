package yamledit_test

import (
	"errors"
	"testing"

	"github.com/meshctl/meshctl/pkg/yamledit"
)

func TestOnlyThePlaceChanges(t *testing.T) {
	for name, c := range map[string]struct {
		text, want string
		edits      []yamledit.Edit
		err        error
	}{
		"block":          {text: "a: # comment\n  timeuot: 1s\t# tab\n", want: "a: # comment\n  timeout: 1s\t# tab\n", edits: []yamledit.Edit{{2, 3, "timeuot", "timeout"}}},
		"flow":           {text: "{a: b, c: d}", want: "{a: b, e: d}", edits: []yamledit.Edit{{1, 8, "c", "e"}}},
		"quoted":         {text: `{"häuser": 1, "b": 2}`, want: `{"häuser": 1, "c": 2}`, edits: []yamledit.Edit{{1, 15, `"b"`, `"c"`}}},
		"several lines":  {text: "a:\r\n  b: 1\r\n", want: "a:\r\n  c: 1\r\n  d: 2\r\n  b: 1\r\n", edits: []yamledit.Edit{{2, 3, "", "c: 1\n  d: 2\n  "}}},
		"last line":      {text: "a:\r\n  b: 1", want: "a:\r\n  b: 1\r\n", edits: []yamledit.Edit{{2, 7, "", "\n"}}},
		"end":            {text: "a: 1\n", want: "a: 1\nb: 2\n", edits: []yamledit.Edit{{2, 1, "", "b: 2\n"}}},
		"mark":           {text: "\xef\xbb\xbfa: 1\n", want: "\xef\xbb\xbfb: 1\n", edits: []yamledit.Edit{{1, 1, "a", "b"}}},
		"two":            {text: "a: 1\nb: 2\n", want: "A: 1\nB: 2\n", edits: []yamledit.Edit{{2, 1, "b", "B"}, {1, 1, "a", "A"}}},
		"the same twice": {text: "a: 1\n", want: "b: 1\n", edits: []yamledit.Edit{{1, 1, "a", "b"}, {1, 1, "a", "b"}}},
		"overlap":        {text: "abc: 1\n", err: yamledit.ErrOverlap, edits: []yamledit.Edit{{1, 1, "abc", "x"}, {1, 2, "b", "y"}}},
		"two insertions": {text: "abc: 1\n", err: yamledit.ErrOverlap, edits: []yamledit.Edit{{1, 1, "", "x"}, {1, 1, "", "y"}}},
		"something else": {text: "abc: 1\n", err: yamledit.ErrNotThere, edits: []yamledit.Edit{{1, 1, "abd", "x"}}},
		"no such line":   {text: "a: 1\n", err: yamledit.ErrNotThere, edits: []yamledit.Edit{{4, 1, "", "x"}}},
		"no such column": {text: "a: 1\nb: 1\n", err: yamledit.ErrNotThere, edits: []yamledit.Edit{{1, 9, "", "x"}}},
		"over the end":   {text: "a: 1\nb: 1\n", err: yamledit.ErrNotThere, edits: []yamledit.Edit{{1, 4, "1\nb", "x"}}},
		"nowhere":        {text: "a: 1\n", err: yamledit.ErrNotThere, edits: []yamledit.Edit{{}}},
	} {
		got, err := yamledit.Apply([]byte(c.text), c.edits)
		if !errors.Is(err, c.err) || string(got) != c.want {
			t.Errorf("%s: %q, %v; want %q, %v", name, got, err, c.want, c.err)
		}
	}
}

func FuzzApply(f *testing.F) {
	f.Add([]byte("a: 1\r\nb: ä\n"), 2, 4, "ä", "x\ny")
	f.Fuzz(func(t *testing.T, text []byte, line, column int, old, with string) {
		edit := yamledit.Edit{Line: line, Column: column % 1000, Old: old, New: with}
		out, err := yamledit.Apply(text, []yamledit.Edit{edit})
		if err == nil && len(out) < len(text)-len(old)+len(with) {
			t.Errorf("%q became %q", text, out)
		}
	})
}
