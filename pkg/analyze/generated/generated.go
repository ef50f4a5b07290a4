// Package generated puts what would be generated for the proxies of a mesh into files that an Envoy can look at without a control
// plane: every distinct resource is in one of them, under the objects that it comes from.
package generated

import (
	"encoding/json"
	"fmt"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/xds"
)

// Part is one cluster or listener. The routes of a listener are part of it.
type Part struct {
	Name string
	// Type is "cluster" or "listener".
	Type string
	// Proxy is the workload for which it was generated.
	Proxy config.Key
	// From are the objects that made it what it is, the most specific first.
	From []config.Key
	// JSON is the message in proto3 JSON.
	JSON json.RawMessage
}

// File is what the proxies of one view of the mesh run: together they have all parts.
type File struct {
	Proxy     config.Key
	Clusters  []Part
	Listeners []Part
	// Context are clusters that parts refer to and that are looked at in another file.
	Context []Part
}

// Files returns every distinct resource of every proxy, once.
func Files(in analyze.Input) []File {
	m := in.Mesh
	var list []*analyze.Workload
	injectors := analyze.ReadInjectors(m)
	for _, kind := range analyze.WorkloadKinds() {
		for _, o := range m.Set().Sorted(kind) {
			if w := analyze.NewWorkload(o, m, injectors); w != nil {
				list = append(list, w)
			}
		}
	}
	proxies := analyze.NewProxies(m, list)
	c := &collector{catalog: xds.NewCatalog(m), seen: map[string]bool{}, files: map[mesh.ScopeKey]*file{}}
	for _, group := range [][]*analyze.Workload{proxies.Scopes, proxies.Others} {
		for _, w := range group {
			c.add(m.ScopeKey(w.Proxy()), w)
		}
	}
	var out []File
	for _, f := range c.order {
		if len(f.Clusters)+len(f.Listeners) > 0 {
			f.refer()
			out = append(out, f.File)
		}
	}
	return out
}

type collector struct {
	catalog *xds.Catalog
	seen    map[string]bool // resources, by type, name and version
	files   map[mesh.ScopeKey]*file
	order   []*file
}

type file struct {
	File
	names map[string]int           // of parts, for telling apart those of one name
	known map[string]*xds.Resource // clusters that other files look at
}

func (c *collector) add(scope mesh.ScopeKey, w *analyze.Workload) {
	member := c.catalog.Join(w.Proxy())
	defer member.Leave()
	view := member.View()
	f := c.files[scope]
	if f == nil {
		f = &file{File: File{Proxy: w.Object.Key}, names: map[string]int{}, known: map[string]*xds.Resource{}}
		c.files[scope] = f
		c.order = append(c.order, f)
	}
	for r := range view.Table(xds.ClusterType).All() {
		if !c.fresh("cluster", r) {
			f.known[r.Name] = r
		} else if part, ok := clusterPart(r, f.Proxy); ok {
			f.Clusters = append(f.Clusters, f.named(part))
		}
	}
	for r := range view.Table(xds.ListenerType).All() {
		l := &listenerv3.Listener{}
		if proto.Unmarshal(r.Any.GetValue(), l) != nil {
			continue
		}
		from := inline(l, view, r.From)
		if !c.fresh("listener", r, routeVersions(l, view)...) {
			continue
		}
		f.Listeners = append(f.Listeners, f.named(listenerPart(r.Name, l, from, w)))
	}
}

// fresh reports whether a resource, with what is put into it, has not been met.
func (c *collector) fresh(kind string, r *xds.Resource, with ...string) bool {
	id := fmt.Sprint(kind, " ", r.Name, " ", r.Version, " ", with)
	if c.seen[id] {
		return false
	}
	c.seen[id] = true
	return true
}

// named gives a part a name of its own within the file.
func (f *file) named(p Part) Part {
	id := p.Type + " " + p.Name
	f.names[id]++
	if n := f.names[id]; n > 1 {
		p.JSON = renamed(p.JSON, fmt.Sprintf("%s#%d", p.Name, n))
	}
	return p
}

func renamed(text json.RawMessage, name string) json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(text, &fields) != nil {
		return text
	}
	fields["name"], _ = json.Marshal(name)
	out, err := json.Marshal(fields)
	if err != nil {
		return text
	}
	return out
}

func clusterPart(r *xds.Resource, proxy config.Key) (Part, bool) {
	c := &clusterv3.Cluster{}
	if proto.Unmarshal(r.Any.GetValue(), c) != nil {
		return Part{}, false
	}
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(c)
	return Part{Name: r.Name, Type: "cluster", Proxy: proxy, From: origins(r.From), JSON: text}, err == nil
}

// origins are the written objects behind keys.
func origins(keys []config.Key) []config.Key {
	var out []config.Key
	seen := map[config.Key]bool{}
	for _, k := range keys {
		if k = k.Origin(); k != (config.Key{}) && !seen[k] {
			seen[k] = true
			out = append(out, k)
		}
	}
	return out
}
