package xdsserver

import (
	"strings"

	"github.com/meshctl/meshctl/pkg/xds"
)

// offenders returns the resources that a rejection names. Envoy writes "Error adding/updating listener(s) NAME: REASON",
// gRPC `resource "NAME": ...`; some messages name nothing.
func offenders(resources []*xds.Resource, text string) []*xds.Resource {
	if len(resources) == 1 {
		return resources
	}
	var out []*xds.Resource
	for _, r := range resources {
		if mentions(text, r.Name) {
			out = append(out, r)
		}
	}
	return out
}

// mentions reports whether name stands in text on its own, not as a part of a longer name. A number (the name of a route
// configuration, often) counts only in quotes: any number could be meant.
func mentions(text, name string) bool {
	if name == "" {
		return false
	}
	number := strings.Trim(name, "0123456789") == ""
	for rest := text; ; {
		i := strings.Index(rest, name)
		if i < 0 {
			return false
		}
		before, after := rest[:i], rest[i+len(name):]
		if number {
			if quoted(before, after) {
				return true
			}
		} else if !endsInName(before) && !startsWithName(after) {
			return true
		}
		rest = rest[i+1:]
	}
}

func quoted(before, after string) bool {
	return before != "" && after != "" && before[len(before)-1] == after[0] && strings.IndexByte(`'"`, after[0]) >= 0
}

func partOfName(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.|/~%*", c) >= 0
}

func endsInName(before string) bool { return before != "" && partOfName(before[len(before)-1]) }

// startsWithName takes a full stop at the end of a sentence for what it is.
func startsWithName(after string) bool {
	if after == "" || !partOfName(after[0]) {
		return false
	}
	return after[0] != '.' || len(after) > 1 && partOfName(after[1])
}
