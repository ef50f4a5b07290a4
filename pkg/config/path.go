package config

import (
	"strconv"
	"strings"
)

// step is one step of a path into a document: a field, a key of a map, or an index of a list.
type step struct {
	name  string
	index int // when name is empty
	isKey bool
}

// renderPath writes steps as people do: spec.http[0].route[1].weight, metadata.labels[app].
func renderPath(steps []step) string {
	var b strings.Builder
	for _, s := range steps {
		switch {
		case s.isKey:
			b.WriteString("[" + s.name + "]")
		case s.name != "":
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s.name)
		default:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		}
	}
	return b.String()
}

// parsePath is the inverse of renderPath; a number in brackets is both an index and a key until the document decides.
func parsePath(path string) []step {
	var steps []step
	for path != "" {
		switch path[0] {
		case '.':
			path = path[1:]
		case '[':
			inside, rest, found := strings.Cut(path[1:], "]")
			if !found {
				return steps
			}
			index, err := strconv.Atoi(inside)
			if err != nil {
				index = -1
			}
			steps = append(steps, step{name: inside, index: index, isKey: true})
			path = rest
		default:
			end := strings.IndexAny(path, ".[")
			if end < 0 {
				end = len(path)
			}
			steps = append(steps, step{name: path[:end], index: -1})
			path = path[end:]
		}
	}
	return steps
}
