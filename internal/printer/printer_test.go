package printer_test

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meshctl/meshctl/internal/printer"
)

type pet struct {
	Name string `json:"name"`
	Kind string `json:"kind,omitempty"`
	Age  int    `json:"age"`
}

var pets = printer.Table[pet]{Columns: []printer.Column[pet]{
	{Name: "NAME", Value: func(p pet) string { return p.Name }},
	{Name: "KIND", Wide: true, Value: func(p pet) string { return p.Kind }},
	{Name: "STATE", Value: func(p pet) string { return map[bool]string{true: "old", false: "young"}[p.Age > 9] },
		Level: func(p pet) printer.Level { return map[bool]printer.Level{true: printer.Bad}[p.Age > 9] }},
}}

func render(t *testing.T, p printer.Printer, rows []pet) string {
	t.Helper()
	var b bytes.Buffer
	p.Out = &b
	if err := printer.Print(&p, pets, rows); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestFormats(t *testing.T) {
	rows := []pet{{"Tom", "cat <a&b>", 12}, {"ライカ", "", 3}}
	for format, want := range map[printer.Format]string{
		"":                  "NAME     STATE\nTom      old\nライカ   young\n",
		printer.FormatTable: "NAME     STATE\nTom      old\nライカ   young\n",
		printer.FormatWide:  "NAME     KIND        STATE\nTom      cat <a&b>   old\nライカ   -           young\n",
		printer.FormatName:  "Tom\nライカ\n",
		printer.FormatYAML:  "- age: 12\n  kind: cat <a&b>\n  name: Tom\n- age: 3\n  name: ライカ\n",
		printer.FormatJSON: `[
  {
    "name": "Tom",
    "kind": "cat <a&b>",
    "age": 12
  },
  {
    "name": "ライカ",
    "age": 3
  }
]
`,
	} {
		if diff := cmp.Diff(want, render(t, printer.Printer{Format: format}, rows)); diff != "" {
			t.Errorf("format %q (-want +got):\n%s", format, diff)
		}
	}
}

func TestEmpty(t *testing.T) {
	for format, want := range map[printer.Format]string{
		printer.FormatTable: "NAME   STATE\n", printer.FormatJSON: "[]\n", printer.FormatYAML: "[]\n", printer.FormatName: "",
	} {
		if got := render(t, printer.Printer{Format: format}, nil); got != want {
			t.Errorf("format %q: %q, want %q", format, got, want)
		}
	}
}

func TestColoursDoNotDisturbAlignment(t *testing.T) {
	rows := []pet{{"Tom", "", 12}}
	got := render(t, printer.Printer{Color: true}, rows)
	if want := "NAME   STATE\nTom    \x1b[31mold\x1b[0m\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestWidth: a narrow table leaves out what there is no room for, and cuts the longest texts.
func TestWidth(t *testing.T) {
	text := func(name string, roomy bool, value func(pet) string) printer.Column[pet] {
		return printer.Column[pet]{Name: name, Roomy: roomy, Value: value}
	}
	table := printer.Table[pet]{Columns: []printer.Column[pet]{
		text("NAME", false, func(p pet) string { return p.Name }),
		text("KIND", true, func(p pet) string { return p.Kind }),
		text("AGE", false, func(p pet) string { return strconv.Itoa(p.Age) }),
	}}
	rows := []pet{{"ライカライカ Laika", "dog", 12}}
	for width, want := range map[int]string{
		0:  "NAME                 KIND   AGE\nライカライカ Laika   dog    12\n",
		31: "NAME                 KIND   AGE\nライカライカ Laika   dog    12\n",
		30: "NAME                 AGE\nライカライカ Laika   12\n",
		16: "NAME         AGE\nライカラ…    12\n",
		1:  "NAME     AGE\nライ…    12\n",
	} {
		var b bytes.Buffer
		if err := printer.Print(&printer.Printer{Out: &b, Width: width}, table, rows); err != nil || b.String() != want {
			t.Errorf("width %d: %v\n%s, want\n%s", width, err, b.String(), want)
		}
	}
}

func TestControlCharactersAreEscaped(t *testing.T) {
	got := render(t, printer.Printer{Color: true}, []pet{{"a\x1b[31m\n\u202eb\xff\u009b", "", 1}})
	if want := `a\x1b[31m\n\u202eb\xff\u009b`; !strings.Contains(got, want) {
		t.Errorf("%q does not contain %q", got, want)
	}
}

func TestParseFormat(t *testing.T) {
	if _, err := printer.ParseFormat("xml", printer.FormatJSON, printer.FormatYAML); err == nil ||
		!strings.Contains(err.Error(), "json, yaml") {
		t.Errorf("error %v does not name the choices", err)
	}
	if f, err := printer.ParseFormat("wide"); err != nil || f != printer.FormatWide {
		t.Errorf("ParseFormat(wide) = %q, %v", f, err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestWriteErrorsAreReported(t *testing.T) {
	for _, f := range printer.Formats() {
		if err := printer.Print(&printer.Printer{Out: full{}, Format: f}, pets, []pet{{"Tom", "", 1}}); err == nil {
			t.Errorf("format %q swallowed the error", f)
		}
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("a\x1b[0m")
	f.Fuzz(func(t *testing.T, s string) {
		if got := printer.Escape(s); strings.ContainsAny(got, "\x1b\n\r\x00") || printer.Escape(got) != got {
			t.Errorf("Escape(%q) = %q", s, got)
		}
	})
}
