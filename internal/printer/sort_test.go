package printer_test

import (
	"slices"
	"testing"

	"github.com/meshctl/meshctl/internal/printer"
)

func TestSort(t *testing.T) {
	type row struct {
		name   string
		number float64 // negative: none
	}
	text := printer.Column[row]{Value: func(r row) string { return r.name }}
	number := text
	number.Number = func(r row) (float64, bool) { return r.number, r.number >= 0 }
	rows := []row{{"b", 2}, {"none", -1}, {"a", 10}, {"c", 2}}
	for _, c := range []struct {
		column  printer.Column[row]
		reverse bool
		want    []string
	}{
		{text, false, []string{"a", "b", "c", "none"}},
		{text, true, []string{"none", "c", "b", "a"}},
		{number, false, []string{"a", "b", "c", "none"}},
		{number, true, []string{"b", "c", "a", "none"}},
	} {
		got := slices.Clone(rows)
		printer.Sort(c.column, got, c.reverse)
		var names []string
		for _, r := range got {
			names = append(names, r.name)
		}
		if !slices.Equal(names, c.want) {
			t.Errorf("%v, want %v", names, c.want)
		}
	}
}
