// Package codes is the one table of everything that the product finds wrong with a configuration: the stable code of each
// finding, how bad it is, and what it means. The decoder, the resolver, the translation and the analyzers take their codes
// from here; `meshctl analyze --explain` and docs/findings.md are made of it.
//
// A finding for which Istio's analyzers have a code keeps it
// (https://istio.io/latest/docs/reference/config/analysis/), so that lists of suppressed codes carry over; the others
// have the prefix MSH.
package codes

import "slices"

// Code names a kind of finding for good: IST or MSH and four digits.
type Code string

// Level says how bad a finding is.
type Level int

const (
	// Info is worth knowing; nothing is wrong.
	Info Level = iota
	// Warning says that something does not do what it looks like, or will surprise.
	Warning
	// Error says that something does not work.
	Error
)

// String returns "info", "warning" or "error".
func (l Level) String() string { return [...]string{"info", "warning", "error"}[l] }

// ParseLevel reads what String writes.
func ParseLevel(s string) (Level, bool) {
	for _, l := range []Level{Info, Warning, Error} {
		if l.String() == s {
			return l, true
		}
	}
	return 0, false
}

// Description explains a code.
type Description struct {
	Code  Code
	Level Level
	// Title names the finding in a few words.
	Title string
	// Explanation says what is wrong and what comes of it.
	Explanation string
	// Fix says what to do about it.
	Fix string
}

// All returns the table, ordered by code.
func All() []Description {
	all := slices.Concat(schema(), routing(), destinations(), gateways(), workloads(), injection(), policies(), networks(), envoyFilters())
	slices.SortFunc(all, func(a, b Description) int {
		switch {
		case a.Code < b.Code:
			return -1
		case a.Code > b.Code:
			return 1
		}
		return 0
	})
	return all
}

// Lookup returns what the table says of a code.
func Lookup(code Code) (Description, bool) {
	for _, d := range All() {
		if d.Code == code {
			return d, true
		}
	}
	return Description{}, false
}
