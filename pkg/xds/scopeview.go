package xds

import (
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/envoyfilter"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/translate"
)

// scopeKey is a scope together with where its proxies are: endpoints may be chosen by it.
type scopeKey struct {
	mesh.ScopeKey
	Locality, Network string
	Program           config.Digest // of the EnvoyFilters that hold, zero when none do
}

// scopeView is what the proxies of one scope share.
type scopeView struct {
	key     scopeKey
	members map[*Member]struct{}
	founder mesh.Proxy // for which it was made, before it has members
	program *envoyfilter.Program

	scope *mesh.Scope
	hosts map[string]*hostEntries
	// troubled are those of the hosts whose clusters could not be translated as meant: few, if any.
	troubled map[string]*hostEntries
	routes   map[string]*routeSet
	// leads are the hosts whose routes lead to a host: their virtual hosts depend on it.
	leads    map[string]map[string]bool
	outbound *entry // listeners of redirected sidecars
	static   *entry // clusters that are there whatever the services are
	added    []addition
	// collisions are EnvoyFilters that add the same.
	collisions []config.Problem
	shared     tables
}

func (c *Catalog) builderFor(v *scopeView) *builder {
	return &builder{snapshot: c.snapshot, memo: c.memo, scope: v.scope, proxy: v.proxy(), program: v.program}
}

// proxy returns one of the scope's proxies: it supplies the labels when the scope is resolved again.
func (v *scopeView) proxy() mesh.Proxy {
	for m := range v.members {
		return m.proxy
	}
	return v.founder
}

// buildScope makes everything anew for one of the scope's proxies; what was encoded before is found in the memo, and a table that comes out the same keeps its
// pointer.
func (c *Catalog) buildScope(v *scopeView, p mesh.Proxy) {
	before := v.shared
	v.scope = c.snapshot.Scope(v.key.ScopeKey, p)
	v.hosts, v.troubled = map[string]*hostEntries{}, map[string]*hostEntries{}
	v.routes, v.leads, v.shared = map[string]*routeSet{}, map[string]map[string]bool{}, tables{}
	b := c.builderFor(v)
	all := newPatch()
	v.static = b.staticClusters()
	v.added, v.collisions = b.addedClusters()
	all.clusters = v.static.resources
	v.shared[extensions] = b.extensionConfigs()
	if v.key.Type == mesh.Sidecar && v.key.Mode == mesh.Explicit {
		v.route(translate.HTTPProxy) // exists also where no service is
		all.routes[translate.HTTPProxy] = true
	}
	for _, s := range v.scope.Services {
		v.patchHost(b, s.Host, all)
	}
	for _, h := range v.scope.Hosts {
		v.patchHost(b, h.Host, all)
	}
	v.apply(b, all)
	v.settleListeners(b)
	for i := range v.shared {
		v.shared[i] = replaced(before[i], v.shared[i])
	}
}

// apply puts what a patch collected into the tables.
func (v *scopeView) apply(b *builder, p *patch) {
	v.placeAdded(p)
	v.shared[clusters] = v.shared[clusters].with(p.clusters, p.removedClusters)
	v.shared[endpoints] = v.shared[endpoints].with(p.endpoints, p.removedEndpoints)
	v.settleRoutes(b, p.routes)
}

// replaced keeps the table before when nothing differs, so that its pointer says so.
func replaced(before, after *Table) *Table {
	if changed, removed := Diff(before, after); before != nil && len(changed) == 0 && len(removed) == 0 {
		return before
	}
	return after
}

// placeHosts moves virtual hosts from what a host contributed before (nil: nothing) to what it contributes now (nil: nothing), and
// notes the routes that differ.
func (v *scopeView) placeHosts(b *builder, before, after *hostEntries, touched map[string]bool) {
	if before != nil {
		for id, r := range before.vhosts {
			if after != nil {
				if _, stays := after.vhosts[id]; stays {
					continue
				}
			}
			if v.route(r.Route).put(b.memo, r.Host.Name, nil) {
				touched[r.Route] = true
			}
		}
		v.lead(before, false)
	}
	if after != nil {
		for _, r := range after.vhosts {
			if v.route(r.Route).put(b.memo, r.Host.Name, &r.Host) {
				touched[r.Route] = true
			}
		}
		v.lead(after, true)
	}
}

// lead notes, or forgets, which hosts a host's routes lead to.
func (v *scopeView) lead(from *hostEntries, leads bool) {
	for _, vs := range from.virtual {
		for _, to := range translate.DestinationHosts(vs) {
			if leads {
				if v.leads[to] == nil {
					v.leads[to] = map[string]bool{}
				}
				v.leads[to][from.host] = true
			} else if delete(v.leads[to], from.host); len(v.leads[to]) == 0 {
				delete(v.leads, to)
			}
		}
	}
}

func (v *scopeView) route(name string) *routeSet {
	r := v.routes[name]
	if r == nil {
		r = newRouteSet(translate.RouteSettings(translate.RouteSettingsInput{
			Name: name, Proxy: v.key.Type, Mode: v.key.Mode, AllowAny: v.scope.AllowAny, EgressProxy: translate.EgressCluster(v.scope.EgressProxy),
		}))
		r.program, r.place = v.program, envoyfilter.RoutePlace(envoyfilter.Outbound, name, nil)
		v.routes[name] = r
	}
	return r
}

// settleRoutes encodes the routes that were touched and drops those without a virtual host left.
func (v *scopeView) settleRoutes(b *builder, touched map[string]bool) {
	var changed []*Resource
	var removed []string
	for name := range touched {
		r := v.routes[name]
		if len(r.hosts) == 0 && name != translate.HTTPProxy {
			delete(v.routes, name)
			removed = append(removed, name)
			continue
		}
		changed = append(changed, r.settle(b.memo))
	}
	v.shared[routes] = v.shared[routes].with(changed, removed)
}

// problems appends what could not be translated.
func (v *scopeView) problems(out []config.Problem) []config.Problem {
	for _, h := range v.troubled {
		for _, e := range h.clusters {
			out = append(out, e.problems...)
		}
	}
	for _, r := range v.routes {
		for _, e := range r.troubled {
			out = append(out, e.problems...)
		}
	}
	for _, e := range []*entry{v.outbound, v.static} {
		if e != nil {
			out = append(out, e.problems...)
		}
	}
	for _, r := range v.routes {
		if r.patched != nil {
			out = append(out, r.patched.problems...)
		}
	}
	return out
}
