// Package xds keeps every encoded xDS resource once: a Catalog turns snapshots of the mesh into views, one per proxy, that share
// what they have in common. It encodes once, hashes once, and an equal hash wakes nobody.
package xds

import (
	"cmp"
	"iter"
	"slices"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/meshctl/meshctl/pkg/config"
)

// Type URLs of the resources that a View holds.
const (
	ClusterType  = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
	EndpointType = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
	ListenerType = "type.googleapis.com/envoy.config.listener.v3.Listener"
	RouteType    = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
	SecretType   = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
)

// Types lists the type URLs in the order in which Envoy wants to hear of them: what is referred to before what refers to it.
var Types = [...]string{ClusterType, EndpointType, SecretType, ListenerType, RouteType}

// Resource is one encoded xDS resource. It is immutable and shared by every proxy that uses it.
type Resource struct {
	Name string
	// Version is the hash of the encoded content: equal content has an equal version, also after a restart.
	Version string
	Any     *anypb.Any
	// Delta is the resource as delta xDS sends it, made once.
	Delta *discovery.Resource
	// From are the objects that made the resource what it is, the most specific first.
	From []config.Key
}

// Table is a sorted immutable list of resources of one type: a part that a scope's proxies share and a part of the
// proxy's own. The nil *Table is empty.
type Table struct {
	shared, own []*Resource // each sorted by name, no name in both
}

// NewTable returns a table of the given resources, sorting them by name. Of two with one name the later wins.
func NewTable(resources ...*Resource) *Table {
	return &Table{shared: sorted(resources)}
}

func sorted(resources []*Resource) []*Resource {
	out := slices.Clone(resources)
	slices.SortStableFunc(out, func(a, b *Resource) int { return cmp.Compare(a.Name, b.Name) })
	kept := out[:0]
	for i, r := range out {
		if i+1 < len(out) && out[i+1].Name == r.Name {
			continue
		}
		kept = append(kept, r)
	}
	return kept
}

// Get returns the resource of that name, or nil.
func (t *Table) Get(name string) *Resource {
	if t == nil {
		return nil
	}
	for _, part := range [...][]*Resource{t.own, t.shared} {
		if i, ok := find(part, name); ok {
			return part[i]
		}
	}
	return nil
}

func find(part []*Resource, name string) (int, bool) {
	return slices.BinarySearchFunc(part, name, func(r *Resource, n string) int { return cmp.Compare(r.Name, n) })
}

// Len returns the number of resources.
func (t *Table) Len() int {
	if t == nil {
		return 0
	}
	return len(t.shared) + len(t.own)
}

// All ranges over the resources by name.
func (t *Table) All() iter.Seq[*Resource] {
	return func(yield func(*Resource) bool) {
		if t == nil {
			return
		}
		a, b := t.shared, t.own
		for len(a) > 0 || len(b) > 0 {
			var next *Resource
			if len(b) == 0 || len(a) > 0 && a[0].Name < b[0].Name {
				next, a = a[0], a[1:]
			} else {
				next, b = b[0], b[1:]
			}
			if !yield(next) {
				return
			}
		}
	}
}

// View is what one proxy should run now. It is immutable; a table that did not change keeps its pointer from view to view.
type View struct {
	tables [len(Types)]*Table
}

// NewView returns a view of the given tables by type URL; types that are not named are empty.
func NewView(tables map[string]*Table) *View {
	v := &View{}
	for i, url := range Types {
		v.tables[i] = tables[url]
	}
	return v
}

// Table returns the resources of a type; nil, an empty table, when there are none or the type is unknown.
func (v *View) Table(typeURL string) *Table {
	if v != nil {
		for i, url := range Types {
			if url == typeURL {
				return v.tables[i]
			}
		}
	}
	return nil
}

// Diff compares two tables: what is new or has another version, and the names that are gone, both by name. Parts that the
// tables share are not compared, so that the cost is that of what may have changed.
func Diff(before, after *Table) (changed []*Resource, removed []string) {
	if before == after {
		return nil, nil
	}
	if before != nil && after != nil && samePart(before.own, after.own) && samePart(before.shared, after.shared) {
		return nil, nil
	}
	return diffSorted(slices.Collect(before.All()), slices.Collect(after.All()))
}

func samePart(a, b []*Resource) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

func diffSorted(a, b []*Resource) (changed []*Resource, removed []string) {
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Name < b[0].Name:
			removed, a = append(removed, a[0].Name), a[1:]
		case len(a) == 0 || b[0].Name < a[0].Name:
			changed, b = append(changed, b[0]), b[1:]
		default:
			if a[0] != b[0] && a[0].Version != b[0].Version {
				changed = append(changed, b[0])
			}
			a, b = a[1:], b[1:]
		}
	}
	return changed, removed
}
