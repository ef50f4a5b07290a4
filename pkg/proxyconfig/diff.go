package proxyconfig

import (
	"slices"
	"strings"
)

// Difference kinds.
const (
	// Missing is meant, and not there.
	Missing = "missing"
	// Extra is there, and not meant.
	Extra = "extra"
	// Changed is there, and not as meant.
	Changed = "changed"
	// Pending is there as meant, but still warming.
	Pending = "warming"
	// Leaving is not meant any more, and still draining.
	Leaving = "draining"
	// Refused is what Envoy rejected.
	Refused = "rejected"
)

// Difference is one way in which one resource is not as it is meant.
type Difference struct {
	Type string `json:"type"` // as Kind says, e.g. "cluster"
	Name string `json:"name"`
	Kind string `json:"kind"` // Missing, Extra, Changed, ...
	// Paths are the differing fields of a Changed resource.
	Paths []PathDifference `json:"paths,omitempty"`
	// Message explains kinds that are more than a comparison, e.g. Envoy's words for Refused.
	Message string `json:"message,omitempty"`

	want, have any
}

// PathDifference is one differing field. A side that lacks the field has null.
type PathDifference struct {
	Path string `json:"path"` // e.g. "virtual_hosts[reviews].routes[0].route.cluster"
	Want any    `json:"want"`
	Have any    `json:"have"`
}

// Diff compares what a proxy is meant to run with what it runs (or one proxy with another). Only what comes by discovery
// is compared: the bootstrap's own resources are not meant by anybody. Versions, timestamps, orders without a meaning,
// defaults that Envoy fills in, the health that Envoy itself found out and secrets that are not the control plane's to
// give make no difference. The result is ordered by type and name; none is empty, not nil.
func Diff(want, have *Dump) []Difference {
	out := []Difference{}
	for _, compare := range []func(want, have *Dump) []Difference{
		diffClusters, diffEndpoints, diffListeners, diffRoutes, diffSecrets, diffExtensions,
	} {
		found := compare(want, have)
		slices.SortFunc(found, func(a, b Difference) int { return strings.Compare(a.Name, b.Name) })
		out = append(out, found...)
	}
	return out
}

func diffClusters(want, have *Dump) []Difference {
	return diffResources(ClusterType, want.Clusters, have.Clusters)
}

func diffListeners(want, have *Dump) []Difference {
	return diffResources(ListenerType, want.Listeners, have.Listeners)
}

func diffExtensions(want, have *Dump) []Difference {
	return diffResources(ExtensionType, want.Extensions, have.Extensions)
}

// diffRoutes passes over route configurations that no intended listener asks for: Envoy does not request them.
func diffRoutes(want, have *Dump) []Difference {
	asked := map[string]bool{}
	for _, l := range want.Listeners {
		walk(l.Body, func(t Tree) {
			if name := text(t, "route_config_name"); name != "" {
				asked[name] = true
			}
		})
	}
	all := diffResources(RouteType, want.Routes, have.Routes)
	return slices.DeleteFunc(all, func(d Difference) bool {
		return d.Kind == Missing && len(want.Listeners) > 0 && !asked[d.Name]
	})
}

// versions are the states in which one name stands in a dump.
type versions map[State]Resource

func byName(resources []Resource) map[string]versions {
	out := map[string]versions{}
	for _, r := range resources {
		if !r.Dynamic() {
			continue
		}
		if out[r.Name] == nil {
			out[r.Name] = versions{}
		}
		out[r.Name][r.State] = r
	}
	return out
}

func diffResources(typeURL string, want, have []Resource) []Difference {
	wanted, running := byName(want), byName(have)
	var out []Difference
	for name, w := range wanted {
		body, ok := w.newest()
		if !ok {
			continue
		}
		if d := diffOne(ordered(body), running[name]); d != nil {
			d.Type, d.Name = Kind(typeURL), name
			out = append(out, *d)
		}
	}
	for name, h := range running {
		if _, ok := wanted[name]; !ok {
			out = append(out, unwanted(typeURL, name, h))
		}
	}
	return out
}

// newest is what this side means to run: the side of a live proxy may still be warming.
func (v versions) newest() (Tree, bool) {
	for _, s := range []State{Warming, Active} {
		if r, ok := v[s]; ok {
			return r.Body, true
		}
	}
	return nil, false
}

func diffOne(want Tree, have versions) *Difference {
	if active, ok := have[Active]; ok {
		running := ordered(active.Body)
		paths := diffTrees(want, running)
		if len(paths) == 0 {
			return nil
		}
		d := &Difference{Kind: Changed, Paths: paths, want: want, have: running}
		d.explain(want, have)
		return d
	}
	d := &Difference{Kind: Missing, want: want}
	d.explain(want, have)
	return d
}

// explain says why what is meant is not active, where the dump tells.
func (d *Difference) explain(want Tree, have versions) {
	if warming, ok := have[Warming]; ok && len(diffTrees(want, ordered(warming.Body))) == 0 {
		d.Kind, d.Paths = Pending, nil
		d.Message = "received, and waits for what it refers to (endpoints, secrets or routes)"
	}
	if failed, ok := have[Failed]; ok {
		d.Kind, d.Message = Refused, failed.Error
	}
}

func unwanted(typeURL, name string, have versions) Difference {
	d := Difference{Type: Kind(typeURL), Name: name, Kind: Extra}
	body, ok := have.newest()
	switch {
	case ok:
		d.have = ordered(body)
	case have[Draining].Body != nil:
		d.Kind, d.have = Leaving, ordered(have[Draining].Body)
	default:
		d.Kind, d.Message = Refused, have[Failed].Error
	}
	return d
}
