package envoyfilter

import (
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// maxVersionPattern bounds match.proxy.proxyVersion, as in Istio.
const maxVersionPattern = 1024

// Compile reads the patches of an EnvoyFilter object. Those with a mistake that shows without a proxy are left out and reported; the
// problems have no position: Object and Field say where they are.
func Compile(o *config.Object) (*Filter, []config.Problem) {
	f := &Filter{Key: o.Key, Created: o.Meta.Created, Digest: o.Digest}
	spec, ok := o.Spec.(*networking.EnvoyFilter)
	if !ok {
		return f, nil
	}
	f.Priority = spec.GetPriority()
	var problems []config.Problem
	for i, given := range spec.GetConfigPatches() {
		p, found := compilePatch(o.Key, i, given)
		problems = append(problems, found...)
		if p != nil {
			f.Patches = append(f.Patches, p)
		}
	}
	return f, problems
}

func compilePatch(key config.Key, index int, given *networking.EnvoyFilter_EnvoyConfigObjectPatch) (*Patch, []config.Problem) {
	p := &Patch{
		Key: key, Index: index, applyTo: given.GetApplyTo(), operation: given.GetPatch().GetOperation(), class: given.GetPatch().GetFilterClass(),
		match: proto.CloneOf(given.GetMatch()),
	}
	n := &notes{patch: p}
	if !p.checkKind(n) {
		return nil, n.list
	}
	p.checkMatch(n)
	p.checkClass(n)
	if p.operation != networking.EnvoyFilter_Patch_REMOVE {
		if given.GetPatch().GetValue() == nil {
			n.refuse("patch.value", "missing: "+p.operation.String()+" needs one", "write what to "+verb(p.operation))
		} else {
			p.value = readValue(p, given.GetPatch().GetValue(), n)
		}
	}
	if p.adds() && p.value != nil && !n.failed {
		p.checkWhole(n)
	}
	if n.failed {
		return nil, n.list
	}
	return p, n.list
}

func verb(o operation) string {
	switch o {
	case networking.EnvoyFilter_Patch_MERGE, networking.EnvoyFilter_Patch_MERGE_AND_REPLACE_LIST:
		return "merge"
	case networking.EnvoyFilter_Patch_REPLACE:
		return "put in place"
	}
	return "add"
}

// operations lists what can be done to each kind of object. INSERT_* of objects whose order does not matter are ADD.
func operations(a applyTo) []operation {
	const (
		merge, add, remove = networking.EnvoyFilter_Patch_MERGE, networking.EnvoyFilter_Patch_ADD, networking.EnvoyFilter_Patch_REMOVE
		before, after      = networking.EnvoyFilter_Patch_INSERT_BEFORE, networking.EnvoyFilter_Patch_INSERT_AFTER
		first, replace     = networking.EnvoyFilter_Patch_INSERT_FIRST, networking.EnvoyFilter_Patch_REPLACE
		lists              = networking.EnvoyFilter_Patch_MERGE_AND_REPLACE_LIST
	)
	switch a {
	case networking.EnvoyFilter_LISTENER, networking.EnvoyFilter_FILTER_CHAIN, networking.EnvoyFilter_CLUSTER:
		return []operation{merge, lists, add, remove, before, after, first}
	case networking.EnvoyFilter_VIRTUAL_HOST:
		return []operation{merge, lists, add, remove, before, after, first, replace}
	case networking.EnvoyFilter_LISTENER_FILTER, networking.EnvoyFilter_NETWORK_FILTER, networking.EnvoyFilter_HTTP_FILTER:
		return []operation{merge, lists, add, remove, before, after, first, replace}
	case networking.EnvoyFilter_HTTP_ROUTE:
		return []operation{merge, lists, add, remove, before, after, first}
	case networking.EnvoyFilter_ROUTE_CONFIGURATION, networking.EnvoyFilter_BOOTSTRAP:
		return []operation{merge, lists}
	case networking.EnvoyFilter_EXTENSION_CONFIG:
		return []operation{add, replace}
	}
	return nil
}

// checkKind reports whether applyTo and operation make sense at all.
func (p *Patch) checkKind(n *notes) bool {
	allowed := operations(p.applyTo)
	switch {
	case allowed == nil:
		n.refuse("applyTo", "missing: it says what the patch is applied to", "for example applyTo: HTTP_FILTER")
	case p.operation == networking.EnvoyFilter_Patch_INVALID:
		n.refuse("patch.operation", "missing", "one of "+operationNames(allowed))
	case !slices.Contains(allowed, p.operation):
		n.fail("patch.operation", p.operation.String()+" cannot be done to a "+p.applyTo.String(), "one of "+operationNames(allowed))
		n.list[len(n.list)-1].Code = p.misuse()
	}
	if n.failed {
		return false
	}
	inserts := p.operation == networking.EnvoyFilter_Patch_INSERT_BEFORE || p.operation == networking.EnvoyFilter_Patch_INSERT_AFTER ||
		p.operation == networking.EnvoyFilter_Patch_INSERT_FIRST
	switch p.applyTo {
	case networking.EnvoyFilter_LISTENER, networking.EnvoyFilter_FILTER_CHAIN, networking.EnvoyFilter_CLUSTER, networking.EnvoyFilter_VIRTUAL_HOST:
		if inserts {
			p.operation = networking.EnvoyFilter_Patch_ADD
		}
	}
	return true
}

// misuse is the code of an operation that cannot be done: those that Istio documents have their own.
func (p *Patch) misuse() codes.Code {
	switch {
	case p.operation == networking.EnvoyFilter_Patch_REPLACE:
		return codes.WrongReplace
	case p.applyTo != networking.EnvoyFilter_ROUTE_CONFIGURATION:
	case p.operation == networking.EnvoyFilter_Patch_ADD:
		return codes.WrongAdd
	case p.operation == networking.EnvoyFilter_Patch_REMOVE:
		return codes.WrongRemove
	}
	return codes.SchemaError
}

func operationNames(list []operation) string {
	names := make([]string, len(list))
	for i, o := range list {
		names[i] = o.String()
	}
	return strings.Join(names, ", ")
}

// adds reports whether the value stands for itself and not within something that is there.
func (p *Patch) adds() bool { return !p.merges() }

func (p *Patch) checkClass(n *notes) {
	if p.class == networking.EnvoyFilter_Patch_UNSPECIFIED {
		return
	}
	if p.applyTo != networking.EnvoyFilter_HTTP_FILTER || p.operation != networking.EnvoyFilter_Patch_ADD {
		n.warn("patch.filterClass", "has no effect: it places an HTTP_FILTER that is added with ADD", "leave it out, or use operation: ADD")
	}
}

// checkMatch holds match to what the kind of object can be matched by.
func (p *Patch) checkMatch(n *notes) {
	m := p.match
	if m.GetContext() == networking.EnvoyFilter_WAYPOINT || m.GetWaypoint() != nil {
		n.fail("match.context", "this mesh has no waypoint proxies", "use SIDECAR_INBOUND, SIDECAR_OUTBOUND or GATEWAY")
	}
	if pattern := m.GetProxy().GetProxyVersion(); len(pattern) > maxVersionPattern {
		n.refuse("match.proxy.proxyVersion", "longer than 1024 bytes", `for example ^1\.31.*`)
	} else if pattern != "" {
		var err error
		if p.version, err = regexp.Compile(pattern); err != nil {
			n.refuse("match.proxy.proxyVersion", "is no regular expression: "+err.Error(), `use RE2's syntax, for example ^1\.31.*`)
		}
	}
	wrong := func(part, right string) {
		n.refuse("match."+part, "says nothing about a "+p.applyTo.String(), "match."+right)
	}
	switch p.applyTo {
	case networking.EnvoyFilter_CLUSTER:
		if m.GetListener() != nil || m.GetRouteConfiguration() != nil {
			wrong(matchField(m), "cluster")
		}
	case networking.EnvoyFilter_ROUTE_CONFIGURATION, networking.EnvoyFilter_VIRTUAL_HOST, networking.EnvoyFilter_HTTP_ROUTE:
		if m.GetListener() != nil || m.GetCluster() != nil {
			wrong(matchField(m), "routeConfiguration")
		}
		p.checkRouteMatch(n)
	case networking.EnvoyFilter_EXTENSION_CONFIG, networking.EnvoyFilter_BOOTSTRAP:
		if m.GetObjectTypes() != nil {
			n.warn("match."+matchField(m), "has no effect on a "+p.applyTo.String(), "leave it out")
		}
	default:
		if m.GetRouteConfiguration() != nil || m.GetCluster() != nil {
			wrong(matchField(m), "listener")
			return
		}
		p.checkListenerMatch(n)
	}
}

func matchField(m *networking.EnvoyFilter_EnvoyConfigObjectMatch) string {
	switch {
	case m.GetListener() != nil:
		return "listener"
	case m.GetCluster() != nil:
		return "cluster"
	}
	return "routeConfiguration"
}

func (p *Patch) checkRouteMatch(n *notes) {
	m := p.match.GetRouteConfiguration()
	if p.applyTo == networking.EnvoyFilter_ROUTE_CONFIGURATION && m.GetVhost() != nil {
		n.warn("match.routeConfiguration.vhost", "has no effect on a ROUTE_CONFIGURATION", "use applyTo: VIRTUAL_HOST")
	}
	if p.applyTo == networking.EnvoyFilter_VIRTUAL_HOST && m.GetVhost().GetRoute() != nil {
		n.warn("match.routeConfiguration.vhost.route", "has no effect on a VIRTUAL_HOST", "use applyTo: HTTP_ROUTE")
	}
	if p.context() != Gateway && p.context() != networking.EnvoyFilter_ANY && (m.GetGateway() != "" || m.GetPortName() != "") {
		n.fail("match.routeConfiguration", "gateway and portName are of routes at gateways, which the context excludes", "context: GATEWAY, or leave the two out")
	}
}

func (p *Patch) checkListenerMatch(n *notes) {
	const at = "match.listener."
	m := p.match.GetListener()
	if m.GetPortName() != "" {
		n.fail(at+"portName", "is not implemented, in Istio neither", "use portNumber")
	}
	if m.GetListenerFilter() != "" && p.applyTo != networking.EnvoyFilter_LISTENER_FILTER {
		n.warn(at+"listenerFilter", "has no effect on a "+p.applyTo.String(), "use applyTo: LISTENER_FILTER")
	}
	if p.applyTo == networking.EnvoyFilter_LISTENER_FILTER && m.GetListenerFilter() == "" &&
		(p.operation == networking.EnvoyFilter_Patch_REMOVE || p.operation == networking.EnvoyFilter_Patch_REPLACE) {
		n.fail("match", p.operation.String()+" does not say of which listener filter", "add "+at+"listenerFilter")
	}
	if m != nil {
		m.ListenerFilter = canonicalName(listenerFilters, m.GetListenerFilter())
	}
	filter := m.GetFilterChain().GetFilter()
	if filter == nil {
		p.checkNamesFilter(n)
		return
	}
	const path = at + "filterChain.filter"
	switch {
	case filter.GetName() == "":
		n.refuse(path+".name", "missing", "for example "+hcmName)
		return
	case p.applyTo == networking.EnvoyFilter_LISTENER || p.applyTo == networking.EnvoyFilter_FILTER_CHAIN || p.applyTo == networking.EnvoyFilter_LISTENER_FILTER:
		n.warn(path, "has no effect on a "+p.applyTo.String(), "use applyTo: NETWORK_FILTER or HTTP_FILTER to patch a filter")
	}
	filter.Name = p.rename(n, path+".name", networkFilters, filter.GetName())
	if sub := filter.GetSubFilter(); sub != nil {
		switch {
		case p.applyTo != networking.EnvoyFilter_HTTP_FILTER:
			n.refuse(path+".subFilter", "is an HTTP filter, and applyTo is "+p.applyTo.String(), "applyTo: HTTP_FILTER")
		case filter.GetName() != hcmName:
			n.refuse(path+".name", "only the connection manager has HTTP filters", hcmName)
		case sub.GetName() == "":
			n.refuse(path+".subFilter.name", "missing", "for example "+routerName)
		}
		sub.Name = p.rename(n, path+".subFilter.name", httpFilters, sub.GetName())
	}
	p.checkNamesFilter(n)
}

func (p *Patch) rename(n *notes, part, kind, name string) string {
	now := canonicalName(kind, name)
	if now != name {
		n.warn(part, quoted(name)+" is the name of long ago and stands for "+now, "write "+now)
	}
	return now
}

// checkNamesFilter makes sure that what removes or replaces a filter says which.
func (p *Patch) checkNamesFilter(n *notes) {
	if p.operation != networking.EnvoyFilter_Patch_REMOVE && p.operation != networking.EnvoyFilter_Patch_REPLACE {
		return
	}
	switch {
	case p.applyTo == networking.EnvoyFilter_NETWORK_FILTER && !p.namesFilter():
		n.fail("match", p.operation.String()+" does not say of which filter", "add match.listener.filterChain.filter.name")
	case p.applyTo == networking.EnvoyFilter_HTTP_FILTER && !p.namesSubFilter():
		n.fail("match", p.operation.String()+" does not say of which filter", "add match.listener.filterChain.filter.subFilter.name")
	}
}

func (p *Patch) namesFilter() bool { return p.match.GetListener().GetFilterChain().GetFilter() != nil }

func (p *Patch) filterName() string {
	return p.match.GetListener().GetFilterChain().GetFilter().GetName()
}

func (p *Patch) namesSubFilter() bool {
	return p.match.GetListener().GetFilterChain().GetFilter().GetSubFilter() != nil
}

func (p *Patch) subFilterName() string {
	return p.match.GetListener().GetFilterChain().GetFilter().GetSubFilter().GetName()
}
