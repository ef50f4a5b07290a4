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
	// ExtensionType is what filters with config_discovery ask for by name (ECDS).
	ExtensionType = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"
)

// Types lists the type URLs in the order in which Envoy wants to hear of them: what is referred to before what refers to it.
var Types = [...]string{ClusterType, EndpointType, SecretType, ExtensionType, ListenerType, RouteType}

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

	frame []byte // see Frame
}

// Table is a sorted immutable list of resources of one type: a part that a scope's proxies share and a part of the
// proxy's own. The nil *Table is empty.
type Table struct {
	shared *part
	own    []*Resource // sorted by name; no name is in both
}

// NewTable returns a table of the given resources, sorting them by name. Of two with one name the later wins.
func NewTable(resources ...*Resource) *Table {
	return &Table{shared: &part{resources: sorted(resources)}}
}

// layered returns a table of what is shared and a proxy's own.
func layered(shared *Table, own []*Resource) *Table {
	if len(own) == 0 {
		return shared
	}
	t := &Table{own: sorted(own)}
	if shared != nil {
		t.shared = shared.shared
	}
	return t
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

// with returns the shared part with some resources added or replaced and some names removed; t itself when nothing differs.
func (t *Table) with(changed []*Resource, removed []string) *Table {
	before := t.sharedResources()
	changed = sorted(changed)
	gone := make(map[string]bool, len(removed))
	for _, n := range removed {
		gone[n] = true
	}
	out := make([]*Resource, 0, len(before)+len(changed))
	differs := false
	for len(before) > 0 || len(changed) > 0 {
		switch {
		case len(changed) == 0 || len(before) > 0 && before[0].Name < changed[0].Name:
			if gone[before[0].Name] {
				differs = true
			} else {
				out = append(out, before[0])
			}
			before = before[1:]
			continue
		case len(before) > 0 && before[0].Name == changed[0].Name:
			if before[0].Version == changed[0].Version {
				changed[0] = before[0] // the same content keeps its pointer
			} else {
				differs = true
			}
			before = before[1:]
		default:
			differs = true
		}
		out, changed = append(out, changed[0]), changed[1:]
	}
	if !differs && t != nil {
		return t
	}
	return &Table{shared: &part{resources: out}}
}

func (t *Table) sharedResources() []*Resource {
	if t == nil || t.shared == nil {
		return nil
	}
	return t.shared.resources
}

// Get returns the resource of that name, or nil.
func (t *Table) Get(name string) *Resource {
	if t == nil {
		return nil
	}
	for _, list := range [...][]*Resource{t.own, t.sharedResources()} {
		i, ok := slices.BinarySearchFunc(list, name, func(r *Resource, n string) int { return cmp.Compare(r.Name, n) })
		if ok {
			return list[i]
		}
	}
	return nil
}

// Len returns the number of resources.
func (t *Table) Len() int {
	if t == nil {
		return 0
	}
	return len(t.sharedResources()) + len(t.own)
}

// All ranges over the resources by name.
func (t *Table) All() iter.Seq[*Resource] {
	return func(yield func(*Resource) bool) {
		if t == nil {
			return
		}
		a, b := t.sharedResources(), t.own
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
	tables tables
}

// tables has one table a type, in the order of Types.
type tables [len(Types)]*Table

// Indices into tables.
const (
	clusters = iota
	endpoints
	secrets
	extensions
	listeners
	routes
)

// NewView returns a view of the given tables by type URL; types that are not named are empty.
func NewView(byURL map[string]*Table) *View {
	v := &View{}
	for i, url := range Types {
		v.tables[i] = byURL[url]
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
