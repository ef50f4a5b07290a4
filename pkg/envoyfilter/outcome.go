package envoyfilter

import (
	"cmp"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// Ref names one patch.
type Ref struct {
	Key   config.Key
	Index int
}

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

// Deeper returns the miss that got further; of two equal ones the names of both.
func (m Miss) Deeper(other Miss) Miss {
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
	r.Outcomes = append(r.Outcomes, Outcome{Ref: p.Ref(), Applied: true})
	if !slices.Contains(r.From, p.Key) {
		r.From = append(r.From, p.Key)
	}
}

func (r *Result[M]) missed(p *Patch, m Miss) {
	r.Outcomes = append(r.Outcomes, Outcome{Ref: p.Ref(), Missed: m})
}

// refused notes that the patch would make the resource one that Envoy refuses.
func (r *Result[M]) refused(p *Patch, name string, err error) {
	r.Outcomes = append(r.Outcomes, Outcome{Ref: p.Ref(), Applied: true}) // it found its place
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

// Ref names the patch.
func (p *Patch) Ref() Ref { return Ref{p.Key, p.Index} }

// ResourceType is the type URL of the resources that the patch is for.
func (p *Patch) ResourceType() string {
	switch p.applyTo {
	case networking.EnvoyFilter_CLUSTER:
		return typePrefix + "envoy.config.cluster.v3.Cluster"
	case networking.EnvoyFilter_ROUTE_CONFIGURATION, networking.EnvoyFilter_VIRTUAL_HOST, networking.EnvoyFilter_HTTP_ROUTE:
		return typePrefix + "envoy.config.route.v3.RouteConfiguration"
	}
	return typePrefix + "envoy.config.listener.v3.Listener"
}

// Selective returns the patches that are for something that is there, at gateways or at sidecars.
func (g *Program) Selective(gateway bool) []*Patch {
	var out []*Patch
	for _, p := range slices.Concat(g.listeners, g.routes, g.clusters) {
		if gateway && p.in(Gateway) || !gateway && (p.in(Inbound) || p.in(Outbound)) {
			out = append(out, p)
		}
	}
	return out
}

// Unmatched returns the problem that the patch is for none of the resources of its proxies, whose names are given; m says how far it
// came.
func (p *Patch) Unmatched(m Miss, names []string) config.Problem {
	out := p.unmatched(m, names)
	out.Code = codes.PatchMatchesNothing
	return out
}

func (p *Patch) unmatched(m Miss, names []string) config.Problem {
	const nothing = "matches nothing in any of the proxies that it is for"
	if m.Depth > 0 {
		message := nothing + ": there is no " + m.What
		if m.What == "filter chain" {
			message += " as described"
		}
		return p.problem(config.Warning, p.missedField(m.Depth), message, among(m.What, m.Names))
	}
	field, want := "match", ""
	switch match := p.match.GetObjectTypes().(type) {
	case *networking.EnvoyFilter_EnvoyConfigObjectMatch_Listener:
		field, want = "match.listener", match.Listener.GetName()
	case *networking.EnvoyFilter_EnvoyConfigObjectMatch_Cluster:
		field, want = "match.cluster", cmp.Or(match.Cluster.GetName(), match.Cluster.GetService())
	case *networking.EnvoyFilter_EnvoyConfigObjectMatch_RouteConfiguration:
		field, want = "match.routeConfiguration", match.RouteConfiguration.GetName()
	}
	return p.problem(config.Warning, field, nothing, among(want, names))
}

// missedField is the part of match that found nothing.
func (p *Patch) missedField(depth int) string {
	route := p.ResourceType() == typePrefix+"envoy.config.route.v3.RouteConfiguration"
	switch {
	case route && depth == 1:
		return "match.routeConfiguration.vhost"
	case route:
		return "match.routeConfiguration.vhost.route"
	case p.applyTo == networking.EnvoyFilter_LISTENER_FILTER:
		return "match.listener.listenerFilter"
	case depth == 1:
		return "match.listener.filterChain"
	case depth == 2:
		return "match.listener.filterChain.filter.name"
	}
	return "match.listener.filterChain.filter.subFilter.name"
}

// among proposes the name that was meant, or says which there are.
func among(want string, names []string) string {
	if len(names) == 0 {
		return "there are none"
	}
	if i := strings.IndexByte(want, '"'); i >= 0 {
		want = strings.Trim(want[i:], `"`)
	}
	if near := config.Nearest(want, names); want != "" && near != "" && near != want {
		return "write " + near
	}
	return "there are " + few(names)
}
