package baseline_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/analyze/baseline"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

func at(day string) time.Time {
	now, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic(err)
	}
	return now
}

func finding(code, name, field, message string) analyze.Diagnostic {
	return analyze.Diagnostic{
		Code: codes.Code(code), Object: config.Key{Kind: config.VirtualService, Namespace: "shop", Name: name}, Field: field, Message: message,
	}
}

const text = `
- code: IST0101
  kind: VirtualService
  object: shop/w*
  reason: moves in spring
  expires: 2027-03-31
- {code: IST0106, kind: VirtualService, object: shop/cart, field: "spec.http[0]", reason: known to work}
- {code: IST0109, kind: "*", object: "*", reason: nobody minds}
`

func parse(t *testing.T, text string) []baseline.Entry {
	t.Helper()
	entries, err := baseline.Parse("b.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestKnownFindingsAreTakenOut(t *testing.T) {
	list := []analyze.Diagnostic{
		finding("IST0101", "web", "", "a"), finding("IST0101", "cart", "", "b"),
		finding("IST0106", "cart", "spec.http[0]", "c"), finding("IST0106", "cart", "spec.http[1]", "d"),
	}
	for day, want := range map[string]string{"2027-03-31": "bd", "2027-04-01": "abd"} {
		out := baseline.Apply(parse(t, text), list, at(day))
		got := ""
		for _, d := range out.New {
			got += d.Message
		}
		if got != want || out.Known != len(list)-len(want) {
			t.Errorf("%s: new %s, known %d; want new %s", day, got, out.Known, want)
		}
		if (len(out.Expired) == 1) != (day == "2027-04-01") {
			t.Errorf("%s: expired %v", day, out.Expired)
		}
		if len(out.Unmatched) != 1 || out.Unmatched[0].Code != "IST0109" || out.Unmatched[0].Line != 8 {
			t.Errorf("%s: unmatched %v", day, out.Unmatched)
		}
	}
}

func TestWhatIsWrongIsSaidWithItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		"- {code: A, kind: B, object: c}":                            "b.yaml:1:3: reason is missing",
		"- {code: A, kind: B, object: c, reason: ' '}":               "b.yaml:1:3: reason is missing",
		"- {code: A, kind: B, objet: c, reason: d}":                  `b.yaml:1:22: unknown field "objet": did you mean object?`,
		"- {code: A, kind: B, object: c, reason: d, expires: soon}":  "b.yaml:1:53: expires: write a day such as 2027-01-31",
		"- {code: A, kind: B, object: '[', reason: d}":               `b.yaml:1:30: object: "[" is no pattern`,
		"- {code: A, kind: B, object: c, reason: [d]}":               "b.yaml:1:41: reason must be text",
		"- {code: A, code: B, kind: B, object: c, reason: d}":        "b.yaml:1:13: code is given twice",
		"- {code: A, kind: B, object: c, reason: d, message: hello}": "b.yaml:1:53: message: write the 16 digits",
		"code: A":    "b.yaml:1:1: a baseline is a list",
		"- A":        "b.yaml:1:3: must be a mapping",
		"[]\n---\n1": "a baseline is one document",
		"- [":        "b.yaml: not valid YAML",
	} {
		_, err := baseline.Parse("b.yaml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	for _, empty := range []string{"", "# nothing\n", "[]", "null"} {
		if entries, err := baseline.Parse("b.yaml", []byte(empty)); err != nil || len(entries) > 0 {
			t.Errorf("%q: %v %v", empty, entries, err)
		}
	}
}

func TestRenewKeepsReasonsAndKnowsEverything(t *testing.T) {
	list := []analyze.Diagnostic{
		finding("IST0106", "cart", "spec.http[0]", "c"), finding("IST0101", "web", "", "a"), finding("IST0101", "cart", "", "b at a.yaml:3:4"),
		finding("IST0101", "cart", "", "b at a.yaml:9:4"),
	}
	now := at("2027-01-01")
	entries, made := baseline.Renew(parse(t, text), list, "for now", now)
	var got []string
	for _, e := range entries {
		got = append(got, e.Object+" "+e.Reason)
	}
	if want := []string{"shop/cart for now", "shop/w* moves in spring", "shop/cart known to work"}; made != 1 || !slices.Equal(got, want) {
		t.Errorf("%d made, %q, want %q", made, got, want)
	}
	written, err := baseline.Format(entries)
	if err != nil {
		t.Fatal(err)
	}
	again := parse(t, string(written))
	if out := baseline.Apply(again, list, now); len(out.New)+len(out.Unmatched) > 0 {
		t.Errorf("written and read again, it does not know %v; unmatched %v\n%s", out.New, out.Unmatched, written)
	}
	if twice, made := baseline.Renew(again, list, "", now); made > 0 || len(twice) != len(entries) {
		t.Errorf("renewed again: %v", twice)
	}
}

func TestALargeBaselineIsFast(t *testing.T) {
	var list []analyze.Diagnostic
	for i := range 20_000 {
		list = append(list, finding("IST0101", fmt.Sprint("web-", i), "", "a"))
	}
	entries, _ := baseline.Renew(nil, list, "many", at("2027-01-01"))
	if out := baseline.Apply(entries, list, at("2027-01-01")); out.Known != len(list) {
		t.Errorf("%d known", out.Known)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(text)
	f.Add("- *a\n")
	f.Add("- &a {code: *a}\n")
	f.Fuzz(func(t *testing.T, text string) {
		entries, err := baseline.Parse("b.yaml", []byte(text))
		if err != nil {
			return
		}
		written, err := baseline.Format(entries)
		if err != nil {
			t.Fatal(err)
		}
		again, err := baseline.Parse("b.yaml", written)
		if err != nil || len(again) != len(entries) {
			t.Fatalf("%v: %s", err, written)
		}
	})
}
