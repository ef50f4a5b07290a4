package xds

import (
	"slices"
	"strconv"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/envoyfilter"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// compiled is an EnvoyFilter that has been read.
type compiled struct {
	filter   *envoyfilter.Filter
	problems []config.Problem
}

// compile reads an EnvoyFilter, once for each content.
func (c *Catalog) compile(o *config.Object) *compiled {
	if had := c.filters[o.Key]; had != nil && had.filter.Digest == o.Digest {
		return had
	}
	f, problems := envoyfilter.Compile(o)
	c.filters[o.Key] = &compiled{f, problems}
	return c.filters[o.Key]
}

// forgetFilters drops EnvoyFilters that are no more.
func (c *Catalog) forgetFilters() {
	for key := range c.filters {
		if c.snapshot.Set().Get(key) == nil {
			delete(c.filters, key)
		}
	}
}

// program returns the patches that hold for a proxy, nil when none do. EnvoyFilters are not for gRPC's own client.
func (c *Catalog) program(p mesh.Proxy) *envoyfilter.Program {
	objects := c.snapshot.Attached(config.EnvoyFilter, p)
	if len(objects) == 0 || p.Type == mesh.Proxyless {
		return nil
	}
	filters := make([]*envoyfilter.Filter, len(objects))
	for i, o := range objects {
		filters[i] = c.compile(o).filter
	}
	return envoyfilter.NewProgram(filters, c.snapshot.Config().Mesh.GetRootNamespace(), p.Metadata)
}

// Program returns the patches of the EnvoyFilters that hold for a proxy, nil when there are none.
func (c *Catalog) Program(p mesh.Proxy) *envoyfilter.Program {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.program(p)
}

// context of what a scope's proxies share.
func (b *builder) context() envoyfilter.Context {
	if b.scope.Key.Type == mesh.Router {
		return envoyfilter.Gateway
	}
	return envoyfilter.Outbound
}

// patchedCluster returns the entry of a cluster with the patches that concern it.
func (b *builder) patchedCluster(e *entry, context envoyfilter.Context, services ...string) *entry {
	if b.program == nil {
		return e
	}
	place := func(name string) envoyfilter.Place { return envoyfilter.ClusterPlace(context, name, services...) }
	return patched(b.memo, b.program, e, place, b.program.ConcernsCluster, b.program.Cluster, func() *clusterv3.Cluster { return &clusterv3.Cluster{} })
}

// patchedListener returns the entry of listeners with the patches that concern them.
func (b *builder) patchedListener(e *entry, place func(name string) envoyfilter.Place) *entry {
	if b.program == nil {
		return e
	}
	return patched(b.memo, b.program, e, place, b.program.ConcernsListener, b.program.Listener, func() *listenerv3.Listener { return &listenerv3.Listener{} })
}

// patchedRoute returns the entry of a route configuration with the patches that concern it.
func patchedRoute(m *memo, program *envoyfilter.Program, e *entry, at envoyfilter.Place) *entry {
	if program == nil {
		return e
	}
	place := func(string) envoyfilter.Place { return at }
	return patched(m, program, e, place, program.ConcernsRoute, program.Route, func() *routev3.RouteConfiguration { return &routev3.RouteConfiguration{} })
}

// patchInput is everything that a patched entry depends on.
type patchInput struct {
	Program config.Digest
	Parts   []patchedPart
}

type patchedPart struct {
	Name, Version string
	From          []config.Key
	Place         envoyfilter.Place
}

// patched returns an entry whose resources are patched: the entry itself when no patch concerns any of them.
func patched[M proto.Message](
	m *memo, program *envoyfilter.Program, e *entry, place func(name string) envoyfilter.Place,
	concerns func(envoyfilter.Place) bool, patch func(M, envoyfilter.Place) envoyfilter.Result[M], empty func() M,
) *entry {
	in := patchInput{Program: program.Digest}
	concerned := false
	for _, r := range e.resources {
		at := place(r.Name)
		concerned = concerned || concerns(at)
		in.Parts = append(in.Parts, patchedPart{r.Name, r.Version, r.From, at})
	}
	if !concerned {
		return e
	}
	out := m.get("patched", in, func() *entry {
		out := &entry{parts: []*entry{e}}
		for i, r := range e.resources {
			message := empty()
			if !concerns(in.Parts[i].Place) || proto.Unmarshal(r.Any.GetValue(), message) != nil { // it was encoded a moment ago
				out.resources = append(out.resources, r)
				continue
			}
			result := patch(message, in.Parts[i].Place)
			out.outcomes, out.problems = append(out.outcomes, result.Outcomes...), append(out.problems, result.Problems...)
			switch {
			case result.Removed:
			case len(result.From) == 0:
				out.resources = append(out.resources, r)
			default:
				out.resources = append(out.resources, encode(r.Name, r.Any.GetTypeUrl(), result.Message, slices.Concat(result.From, r.From)...))
			}
		}
		return out
	})
	if len(e.problems) == 0 {
		return out
	}
	return &entry{resources: out.resources, problems: slices.Concat(e.problems, out.problems), outcomes: out.outcomes, parts: []*entry{e, out}}
}

// addedListeners are the listeners that patches add to proxies, as far as nothing among those that the proxy has is in their way.
func (b *builder) addedListeners(have []*Resource, taken ...string) *entry {
	out := &entry{}
	additions, problems := b.program.AddedListeners(b.scope.Key.Type == mesh.Router)
	if out.problems = problems; len(additions) == 0 {
		return out
	}
	names, addresses := map[string]bool{}, map[string]string{}
	for _, n := range taken {
		names[n] = true
	}
	for _, r := range have {
		names[r.Name] = true
		l := &listenerv3.Listener{}
		if proto.Unmarshal(r.Any.GetValue(), l) == nil {
			addresses[addressOf(l)] = r.Name
		}
	}
	for _, a := range additions {
		l := a.Message
		other, busy := addresses[addressOf(l)]
		switch {
		case names[l.GetName()]:
			out.problems = append(out.problems, a.Taken("there is a listener "+l.GetName()))
		case busy:
			out.problems = append(out.problems, a.Taken("the listener "+other+" has its address"))
		default:
			addresses[addressOf(l)] = l.GetName()
			out.resources = append(out.resources, encode(l.GetName(), ListenerType, l, a.Key))
		}
		out.outcomes = append(out.outcomes, envoyfilter.Outcome{Ref: a.Ref, Applied: true})
	}
	return out
}

// addressOf is the address by which Envoy tells listeners apart; each without one, or with a port of the system's choice, is alone.
func addressOf(l *listenerv3.Listener) string {
	socket := l.GetAddress().GetSocketAddress()
	if socket.GetPortValue() == 0 {
		return l.GetName()
	}
	return socket.GetProtocol().String() + " " + socket.GetAddress() + " " + strconv.FormatUint(uint64(socket.GetPortValue()), 10)
}

// extensionConfigs are what patches add for filters to ask for.
func (b *builder) extensionConfigs() *Table {
	var list []*Resource
	for _, x := range b.program.Extensions() {
		list = append(list, encode(x.Message.GetName(), ExtensionType, x.Message, x.Key))
	}
	if list == nil {
		return nil
	}
	return NewTable(list...)
}
