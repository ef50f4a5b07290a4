package envoyfilter

import (
	"slices"

	"github.com/meshctl/meshctl/pkg/config"
)

// Ref names one patch.
type Ref struct {
	Key   config.Key
	Index int
}

func (p *Patch) ref() Ref { return Ref{p.Key, p.Index} }

// Outcome says what became of a patch at one resource that it was for.
type Outcome struct {
	Ref
	// Applied: the resource is not what it was.
	Applied bool
	// Missed says how far the match got when it found nothing.
	Missed Miss
}

// Miss is what a match looked for in vain; the zero Miss is the resource itself.
type Miss struct {
	// Depth grows with what was found: 1 filter chain or virtual host, 2 filter or route, 3 HTTP filter.
	Depth int
	// What was looked for, and the names that there were.
	What  string
	Names []string
}

// deeper returns the miss that got further; of two equal ones the names of both.
func (m Miss) deeper(other Miss) Miss {
	switch {
	case other.Depth > m.Depth:
		return other
	case other.Depth < m.Depth:
		return m
	}
	names := slices.Concat(m.Names, other.Names)
	slices.Sort(names)
	m.Names = slices.Compact(names)
	return m
}

// Result is a resource after patches.
type Result[M any] struct {
	// Message is the patched resource, the given one if nothing was applied; Removed says that there is none any more.
	Message M
	Removed bool
	// From are the objects whose patches were applied, in order.
	From     []config.Key
	Outcomes []Outcome
	Problems []config.Problem
}

func (r *Result[M]) applied(p *Patch) {
	r.Outcomes = append(r.Outcomes, Outcome{Ref: p.ref(), Applied: true})
	if !slices.Contains(r.From, p.Key) {
		r.From = append(r.From, p.Key)
	}
}

func (r *Result[M]) missed(p *Patch, m Miss) {
	r.Outcomes = append(r.Outcomes, Outcome{Ref: p.ref(), Missed: m})
}

// refused notes that the patch would make the resource one that Envoy refuses.
func (r *Result[M]) refused(p *Patch, name string, err error) {
	r.Outcomes = append(r.Outcomes, Outcome{Ref: p.ref(), Applied: true}) // it found its place
	r.Problems = append(r.Problems, p.problem(config.Error, "patch", "left out of "+name+", which Envoy would refuse: "+err.Error(), ""))
}

// list edits a list by one patch whose place is the items that match; named says that the patch names an item.
type list[T any] struct {
	items   []T
	matches func(T) bool
	named   bool
	// end is where ADD puts an item.
	end int
}

// edit returns the list after everything but a merge, and how many items were found.
func (l list[T]) edit(p *Patch, fresh func() T) ([]T, int) {
	at := slices.IndexFunc(l.items, l.matches)
	switch p.operation.String() {
	case "ADD":
		return slices.Insert(slices.Clone(l.items), l.end, fresh()), 1
	case "INSERT_FIRST":
		if l.named && at < 0 {
			return l.items, 0
		}
		return slices.Insert(slices.Clone(l.items), 0, fresh()), 1
	case "INSERT_BEFORE":
		if !l.named {
			at = 0
		}
	case "INSERT_AFTER":
		if !l.named {
			at = l.end - 1
		}
		if at >= 0 || !l.named {
			at++
		}
	case "REPLACE":
		if at < 0 {
			return l.items, 0
		}
		out := slices.Clone(l.items)
		out[at] = fresh()
		return out, 1
	case "REMOVE":
		out := slices.DeleteFunc(slices.Clone(l.items), l.matches)
		return out, len(l.items) - len(out)
	}
	if at < 0 {
		return l.items, 0
	}
	return slices.Insert(slices.Clone(l.items), at, fresh()), 1
}
