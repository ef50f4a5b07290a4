package xdsserver

import (
	"slices"

	"github.com/meshctl/meshctl/pkg/xds"
)

// names is an immutable sorted list of distinct resource names: 24 bytes a stream instead of a map of thousands.
type names []string

func newNames(list []string) names {
	out := slices.Clone(list)
	slices.Sort(out)
	return slices.Compact(out)
}

func (n names) has(name string) bool {
	_, ok := slices.BinarySearch(n, name)
	return ok
}

// with returns the names of n and of more.
func (n names) with(more names) names {
	if len(n) == 0 {
		return more
	}
	out := make(names, 0, len(n)+len(more))
	for len(n) > 0 && len(more) > 0 {
		switch {
		case n[0] < more[0]:
			out, n = append(out, n[0]), n[1:]
		case n[0] > more[0]:
			out, more = append(out, more[0]), more[1:]
		default:
			out, n, more = append(out, n[0]), n[1:], more[1:]
		}
	}
	return append(append(out, n...), more...)
}

// without returns the names of n that are not in less.
func (n names) without(less names) names {
	out := make(names, 0, len(n))
	for _, name := range n {
		for len(less) > 0 && less[0] < name {
			less = less[1:]
		}
		if len(less) == 0 || less[0] != name {
			out = append(out, name)
		}
	}
	return out
}

// among returns the resources whose names are in n; resources itself when all are.
func (n names) among(resources []*xds.Resource) []*xds.Resource {
	rest, matched := n, 0
	for ; matched < len(resources); matched++ {
		name := resources[matched].Name
		for len(rest) > 0 && rest[0] < name {
			rest = rest[1:]
		}
		if len(rest) == 0 || rest[0] != name {
			break
		}
	}
	out := resources[:matched:matched]
	for _, r := range resources[matched:] {
		if n.has(r.Name) {
			out = append(out, r)
		}
	}
	return out
}

// amongNames returns the elements of list that are in n.
func (n names) amongNames(list []string) []string {
	var out []string
	for _, name := range list {
		if n.has(name) {
			out = append(out, name)
		}
	}
	return out
}
