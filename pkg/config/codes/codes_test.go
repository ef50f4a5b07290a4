package codes_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/meshctl/meshctl/pkg/config/codes"
)

func TestEveryCodeExplainsItself(t *testing.T) {
	form := regexp.MustCompile(`^(IST|MSH)\d{4}$`)
	var seen []codes.Code
	for _, d := range codes.All() {
		if !form.MatchString(string(d.Code)) {
			t.Errorf("%q is no code", d.Code)
		}
		if slices.Contains(seen, d.Code) {
			t.Errorf("%s stands twice", d.Code)
		}
		seen = append(seen, d.Code)
		if d.Title == "" || d.Explanation == "" || d.Fix == "" {
			t.Errorf("%s (%s) lacks a title, an explanation or a way to fix it", d.Code, d.Title)
		}
	}
}

func TestLevelsAreReadAsTheyAreWritten(t *testing.T) {
	for _, l := range []codes.Level{codes.Info, codes.Warning, codes.Error} {
		if got, ok := codes.ParseLevel(l.String()); !ok || got != l {
			t.Errorf("%v is read as %v", l, got)
		}
	}
	if _, ok := codes.ParseLevel("fatal"); ok {
		t.Error("fatal is no level")
	}
}
