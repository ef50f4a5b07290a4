package envoyfilter

import (
	"fmt"
	"slices"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	networking "istio.io/api/networking/v1alpha3"
)

// ConcernsListener reports whether a patch is for the listener of that place, as far as that shows without looking into it.
func (g *Program) ConcernsListener(at Place) bool {
	return g != nil && (slices.ContainsFunc(g.listeners, func(p *Patch) bool { return p.concernsListener(at) }) || g.patchesInline(at))
}

// patchesInline reports whether a patch may be for a route configuration within the listener.
func (g *Program) patchesInline(at Place) bool {
	return at.Context == Inbound && slices.ContainsFunc(g.routes, func(p *Patch) bool { return p.in(Inbound) })
}

// Listener returns a listener with the patches of the program. The given one is not changed.
func (g *Program) Listener(l *listenerv3.Listener, at Place) Result[*listenerv3.Listener] {
	out := Result[*listenerv3.Listener]{Message: l}
	if g.patchesInline(at) {
		g.inlineRoutes(&out, at)
	}
	for _, p := range g.listeners {
		if !p.concernsListener(at) {
			continue
		}
		next := proto.CloneOf(out.Message)
		e := &listenerEdit{patch: p, at: at, listener: next, earlier: g.placedBefore(p)}
		if err := e.apply(); err != nil {
			out.refused(p, "listener "+l.GetName(), err)
			continue
		}
		if e.found == 0 {
			out.missed(p, e.miss)
			continue
		}
		if e.removed {
			out.applied(p)
			out.Message, out.Removed = nil, true
			return out
		}
		if err := checkListener(next, l.GetName()); err != nil {
			out.refused(p, "listener "+l.GetName(), err)
			continue
		}
		out.applied(p)
		out.Message = next
	}
	return out
}

// listenerEdit is one patch at work on one listener.
type listenerEdit struct {
	patch    *Patch
	at       Place
	listener *listenerv3.Listener
	earlier  []string // filters that earlier patches placed by filterClass
	found    int
	removed  bool
	miss     Miss
}

func (e *listenerEdit) apply() error {
	switch e.patch.applyTo {
	case networking.EnvoyFilter_LISTENER:
		return e.whole()
	case networking.EnvoyFilter_LISTENER_FILTER:
		return e.listenerFilters()
	case networking.EnvoyFilter_FILTER_CHAIN:
		return e.chains()
	case networking.EnvoyFilter_NETWORK_FILTER:
		return e.eachChain(e.networkFilters)
	}
	return e.eachChain(e.httpFilters)
}

func (e *listenerEdit) whole() error {
	e.found = 1
	if e.patch.operation == networking.EnvoyFilter_Patch_REMOVE {
		e.removed = true
		return nil
	}
	merge(e.listener, e.patch.value, e.patch.replacesLists())
	return nil
}

func (e *listenerEdit) listenerFilters() error {
	want := e.patch.match.GetListener().GetListenerFilter()
	filters := list[*listenerv3.ListenerFilter]{
		items: e.listener.GetListenerFilters(), named: want != "", end: len(e.listener.GetListenerFilters()),
		matches: func(f *listenerv3.ListenerFilter) bool { return want == "" || f.GetName() == want },
	}
	if !e.patch.merges() {
		e.listener.ListenerFilters, e.found = filters.edit(e.patch, func() *listenerv3.ListenerFilter { return copyOf[*listenerv3.ListenerFilter](e.patch) })
	} else if err := mergeInto(e, filters); err != nil {
		return err
	}
	if e.found == 0 {
		e.miss = Miss{Depth: 1, What: "listener filter " + quoted(want), Names: namesOf(filters.items)}
	}
	return nil
}

func (e *listenerEdit) chains() error {
	l := e.listener
	if e.patch.operation == networking.EnvoyFilter_Patch_ADD {
		l.FilterChains, e.found = append(l.FilterChains, copyOf[*listenerv3.FilterChain](e.patch)), 1
		return nil
	}
	err := e.eachChain(func(chain *listenerv3.FilterChain) error {
		e.found++
		if e.patch.merges() {
			return mergeChain(chain, e.patch)
		}
		return nil
	})
	if e.patch.operation != networking.EnvoyFilter_Patch_REMOVE || e.found == 0 {
		return err
	}
	matches := func(c *listenerv3.FilterChain) bool { return e.patch.matchesChain(e.at, c) }
	if d := l.GetDefaultFilterChain(); d != nil && matches(d) {
		l.DefaultFilterChain = nil
	}
	l.FilterChains = slices.DeleteFunc(l.FilterChains, matches)
	if len(chainsOf(l)) == 0 {
		return fmt.Errorf("a listener needs a filter chain; remove the LISTENER")
	}
	return nil
}

// mergeChain merges a transport socket of the same name within.
func mergeChain(chain *listenerv3.FilterChain, p *Patch) error {
	value := copyOf[*listenerv3.FilterChain](p)
	if socket := value.GetTransportSocket(); socket != nil && chain.GetTransportSocket().GetName() == socket.GetName() {
		value.TransportSocket = nil
		if err := mergeTyped(chain.TransportSocket, socket, p.replacesLists()); err != nil {
			return err
		}
	}
	merge(chain, value, p.replacesLists())
	return nil
}

// eachChain works on the filter chains that the patch is for.
func (e *listenerEdit) eachChain(work func(*listenerv3.FilterChain) error) error {
	e.miss = Miss{Depth: 1, What: "filter chain", Names: chainNames(e.listener)}
	for _, chain := range chainsOf(e.listener) {
		if !e.patch.matchesChain(e.at, chain) {
			continue
		}
		if err := work(chain); err != nil {
			return err
		}
	}
	return nil
}

func (e *listenerEdit) networkFilters(chain *listenerv3.FilterChain) error {
	p := e.patch
	filters := list[*listenerv3.Filter]{items: chain.GetFilters(), named: p.namesFilter(), matches: p.matchesFilter, end: endOf(chain.GetFilters(), terminalNetwork)}
	var err error
	chain.Filters, err = editFilters(e, filters, Miss{Depth: 2, What: "network filter " + quoted(p.filterName())})
	return err
}

func (p *Patch) matchesFilter(f *listenerv3.Filter) bool {
	return !p.namesFilter() || p.filterName() == f.GetName()
}

// httpFilters works on the connection managers of a chain.
func (e *listenerEdit) httpFilters(chain *listenerv3.FilterChain) error {
	for _, f := range chain.GetFilters() {
		if !e.patch.matchesFilter(f) {
			e.miss = e.miss.Deeper(Miss{Depth: 2, What: "network filter " + quoted(e.patch.filterName()), Names: namesOf(chain.GetFilters())})
			continue
		}
		manager := managerOf(f)
		if manager == nil {
			continue
		}
		if err := e.managerFilters(manager); err != nil {
			return err
		}
		f.ConfigType = &listenerv3.Filter_TypedConfig{TypedConfig: pack(manager)}
	}
	return nil
}

func (e *listenerEdit) managerFilters(manager *hcmv3.HttpConnectionManager) error {
	p := e.patch
	filters := list[*hcmv3.HttpFilter]{items: manager.GetHttpFilters(), named: p.namesSubFilter(), end: e.placeOf(manager.GetHttpFilters())}
	filters.matches = func(f *hcmv3.HttpFilter) bool { return !p.namesSubFilter() || p.subFilterName() == f.GetName() }
	var err error
	manager.HttpFilters, err = editFilters(e, filters, Miss{Depth: 3, What: "HTTP filter " + quoted(p.subFilterName())})
	return err
}

// editFilters returns the filters after the patch. Where it finds none of them, miss says what it looked for.
func editFilters[F interface {
	filter
	proto.Message
}](e *listenerEdit, filters list[F], miss Miss) ([]F, error) {
	out, before := filters.items, e.found
	if e.patch.merges() {
		if err := mergeInto(e, filters); err != nil {
			return out, err
		}
	} else {
		var n int
		out, n = filters.edit(e.patch, func() F { return copyOf[F](e.patch) })
		e.found += n
	}
	if e.found == before {
		miss.Names = namesOf(filters.items)
		e.miss = e.miss.Deeper(miss)
	}
	return out, nil
}

// managerOf decodes a connection manager; nil for another filter.
func managerOf(f *listenerv3.Filter) *hcmv3.HttpConnectionManager {
	manager := &hcmv3.HttpConnectionManager{}
	if f.GetTypedConfig() == nil || !f.GetTypedConfig().MessageIs(manager) || f.GetTypedConfig().UnmarshalTo(manager) != nil {
		return nil
	}
	return manager
}

// filter is what network, HTTP and listener filters have in common.
type filter interface {
	typed
	GetName() string
}

// mergeInto merges the patch's value into every filter that it names or, when it names none, into those of its type.
func mergeInto[F filter](e *listenerEdit, filters list[F]) error {
	value := e.patch.value.(filter)
	for _, f := range filters.items {
		if !filters.matches(f) || !filters.named && value.GetTypedConfig() != nil && value.GetTypedConfig().GetTypeUrl() != f.GetTypedConfig().GetTypeUrl() {
			continue
		}
		e.found++
		if err := mergeTyped(f, value, e.patch.replacesLists()); err != nil {
			return fmt.Errorf("%w; use operation: REPLACE", err)
		}
	}
	return nil
}

func namesOf[F interface{ GetName() string }](items []F) []string {
	out := make([]string, len(items))
	for i, f := range items {
		out[i] = f.GetName()
	}
	return out
}
