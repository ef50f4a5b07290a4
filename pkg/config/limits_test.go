package config

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestLimits(t *testing.T) {
	small := Limits{FileBytes: 2000, DocumentBytes: 300, Documents: 3, Depth: 10, AliasNodes: 20, Problems: 3}
	service := func(name string) string { return "apiVersion: v1\nkind: Service\nmetadata: {name: " + name + "}\n" }
	filter := "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: f}\nspec: {configPatches: [{patch: {value: %s}}]}\n"
	for name, c := range map[string]struct {
		text, want string
		objects    int
	}{
		"file":            {strings.Repeat("#", 2001), "l: larger than 2000 bytes", 0},
		"document":        {service("a") + "---\n" + service("b") + strings.Repeat("#", 300) + "\n---\n" + service("c"), "l:4:1: a document larger than 300 bytes", 2},
		"documents":       {service("a") + "---\n" + service("b") + "---\n" + service("c") + "---\n" + service("d"), "l:12:1: more than 3 documents", 3},
		"depth":           {fmt.Sprintf(filter, strings.Repeat("{a: ", 9)+"1"+strings.Repeat("}", 9)), "nested deeper than 10 levels", 0},
		"depth of JSON":   {strings.Repeat(`{"a": `, 12) + "1" + strings.Repeat("}", 12), "nested deeper than 10 levels", 0},
		"aliases":         {fmt.Sprintf(filter, "{a: &a [1, 2, 3, 4, 5], b: [*a, *a, *a, *a, *a]}"), "aliases stand for more than 20 values", 0},
		"merges":          {fmt.Sprintf(filter, "{a: &a {b: 1, c: 2, d: 3}, e: [{<<: *a}, {<<: *a}, {<<: *a}, {<<: *a}, {<<: *a}, {<<: *a}, {<<: *a}]}"), "merges (<<) stand for more than 20 values", 0},
		"merging itself":  {fmt.Sprintf(filter, "&a {<<: *a}"), "merges (<<) refer to themselves", 0},
		"problems":        {service("a") + "a: 1\nb: 1\nc: 1\nd: 1\ne: 1\n", "more problems follow", 0},
		"UTF-16":          {"\xff\xfea\x00", "l: is UTF-16 text", 0},
		"binary":          {"\x7fELF\x00\x01", "l: is not a text file", 0},
		"old line ends":   {"apiVersion: v1\rkind: Service\rmetadata: {name: a}\r---\rapiVersion: v1\r", "a second document starts without a line", 0},
		"half a document": {"apiVersion: v1\nkind: Serv", "Serv", 0},
	} {
		t.Run(name, func(t *testing.T) {
			objects, problems := Decoder{Limits: small}.Decode("l", strings.NewReader(c.text))
			if got := lines(problems); !strings.Contains(got, c.want) || len(objects) != c.objects {
				t.Errorf("got %d objects and %s", len(objects), got)
			}
			if len(problems) > small.Problems+1 {
				t.Errorf("%d problems", len(problems))
			}
		})
	}
}

func TestEmptyInputsAreFine(t *testing.T) {
	for _, text := range []string{"", "\n", "# only a comment\n", "---\n", "---\n---\n...\n# x\n", "%YAML 1.2\n---\n", "\ufeff", "--- # x\n", "\t\n", "apiVersion: v1\nkind: List\nitems: []\n", "apiVersion: v1\nkind: List\nitems:\n"} {
		if objects, problems := Decode("e", strings.NewReader(text)); len(objects)+len(problems) != 0 {
			t.Errorf("%q: %v, %v", text, objects, problems)
		}
	}
	if _, problems := Decode("e", iotest.ErrReader(io.ErrUnexpectedEOF)); len(problems) != 1 || problems[0].Position.File != "e" {
		t.Errorf("a reader that fails: %v", problems)
	}
}

// No small file may take long: the time must grow with the size, not with its square.
func TestHostileDocumentsAreQuick(t *testing.T) {
	const size = 1 << 17
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	head := "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: f}\nspec: "
	for _, s := range []string{
		fill("["), fill("{"), fill("- "), fill("? "), fill("a: "), fill("&a "), fill("!!str "), fill("\"\\u0041"), fill("#\n"), fill("x\n\n"),
		fill("---\n"), fill("--- a\n"), head + fill("{a: "), head + "\n" + fill(" a: [\n"), fill("'"), fill("- - "), fill("{\"a\":"), fill("[1,"),
		head + fill("a, "), "a: |\n" + fill("  x\n"), "a: >\n" + fill("  x\n\n"), fill("a: b\n"), fill("*a "), fill("<<: *a\n"), fill("%TAG ! !\n"),
		head + "[" + fill("&a a, ") + "]", "{" + fill("a: 1, ") + "}", "x: {" + fill("? [a] : b, ") + "}", fill("a:\n - "), fill("#c\n a: 1\n"),
		"apiVersion: v1\nkind: List\nitems: [" + fill("{}, ") + "]", "a: &a [" + fill("b,") + "]\nb: [" + fill("*a,") + "]",
		"apiVersion: v1\nkind: List\nx: &x [" + strings.Repeat("{}, ", 1000) + "]\nitems: [" + fill("{apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, metadata: {name: a}, spec: {configPatches: [{patch: {value: {a: *x}}}]}}, ") + "]",
	} {
		start := time.Now()
		Decode("h", strings.NewReader(s))
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%.40q took %s", s, took)
		} else if testing.Verbose() && took > 200*time.Millisecond {
			t.Logf("%.40q took %s", s, took)
		}
	}
}
