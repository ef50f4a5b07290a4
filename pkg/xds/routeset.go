package xds

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/envoyfilter"
	"github.com/meshctl/meshctl/pkg/translate"
)

// virtualHostsField is the number of virtual_hosts in envoy.config.route.v3.RouteConfiguration.
const virtualHostsField = 2

// routeSet is one route configuration of a scope, put together from virtual hosts that are encoded once each: when one changes,
// the others are copied as bytes.
type routeSet struct {
	config translate.RouteConfigInput
	last   translate.CatchAllInput // the virtual host for unknown hosts
	// closed: there is no virtual host for unknown hosts.
	closed bool
	hosts  map[string]routeHost // by virtual host name
	// unique are the domains that each virtual host is left with after those before it took theirs.
	unique   map[string][]string
	resource *Resource
	// troubled are the entries of virtual hosts that could not be translated as meant, by name: few, if any.
	troubled map[string]*entry
	// program patches what is put together, at its place; patched is the entry of that.
	program *envoyfilter.Program
	place   envoyfilter.Place
	patched *entry
}

// routeHost is one virtual host of a route configuration.
type routeHost struct {
	input translate.VirtualHostInput
	entry *entry
}

func newRouteSet(config translate.RouteConfigInput, last translate.CatchAllInput, closed bool) *routeSet {
	return &routeSet{config: config, last: last, closed: closed, hosts: map[string]routeHost{}, troubled: map[string]*entry{}}
}

// put adds or replaces a virtual host and removes it when input is nil. It reports whether anything differs.
func (r *routeSet) put(m *memo, name string, input *translate.VirtualHostInput) bool {
	before, had := r.hosts[name]
	if input == nil {
		delete(r.hosts, name)
		delete(r.troubled, name)
		if had {
			r.unique = nil
		}
		return had
	}
	if !had || !slices.Equal(before.input.Domains, input.Domains) {
		r.unique = nil // what the others keep depends on it
	}
	after := routeHost{input: *input}
	if r.unique != nil {
		after.entry = r.encodeHost(m, name, *input)
	}
	r.hosts[name] = after
	return r.unique == nil || after.entry != before.entry
}

// settle encodes what is not yet, and the whole.
func (r *routeSet) settle(m *memo) *Resource {
	names := slices.Sorted(maps.Keys(r.hosts))
	if r.unique == nil {
		lists := make([][]string, len(names))
		for i, n := range names {
			lists[i] = r.hosts[n].input.Domains
		}
		r.unique = make(map[string][]string, len(names))
		for i, list := range translate.UniqueDomains(lists) {
			host := r.hosts[names[i]]
			r.unique[names[i]] = list
			host.entry = r.encodeHost(m, names[i], host.input)
			r.hosts[names[i]] = host
		}
	}
	encoded := make([]byte, 0, r.sizeHint(names))
	encoded, _ = proto.MarshalOptions{Deterministic: true}.MarshalAppend(encoded, translate.RouteConfig(r.config))
	var from []config.Key
	for _, n := range names {
		for _, resource := range r.hosts[n].entry.resources {
			encoded = appendHost(encoded, resource.Any.Value)
			from = append(from, rulesOf(resource)...)
		}
	}
	if !r.closed && !r.takesAll() {
		last, _ := proto.MarshalOptions{Deterministic: true}.Marshal(translate.CatchAll(r.last))
		encoded = appendHost(encoded, last)
	}
	r.patched = patchedRoute(m, r.program, &entry{resources: []*Resource{NewResource(r.config.Name, &anypb.Any{TypeUrl: RouteType, Value: encoded}, from...)}}, r.place)
	resource := r.patched.resources[0]
	if r.resource == nil || r.resource.Version != resource.Version {
		r.resource = resource
	}
	return r.resource
}

// sizeHint is a little more than what the encoding takes: growing to some megabytes would cost as much as all the rest.
func (r *routeSet) sizeHint(names []string) int {
	const around, frame = 1024, 8 // all that is not a virtual host; tag and length of one that is
	size := around
	for _, n := range names {
		for _, resource := range r.hosts[n].entry.resources {
			size += len(resource.Any.Value) + frame
		}
	}
	return size
}

// takesAll reports whether a virtual host takes the hosts that no other one has: Envoy allows one.
func (r *routeSet) takesAll() bool {
	for _, domains := range r.unique {
		if slices.Contains(domains, "*") {
			return true
		}
	}
	return false
}

// rulesOf are the objects behind a virtual host that can make Envoy refuse its route configuration. Its service is not one, and
// there may be thousands of them.
func rulesOf(host *Resource) []config.Key {
	if i := slices.IndexFunc(host.From, func(k config.Key) bool { return k.Kind == config.Service || k.Kind == config.ServiceEntry }); i >= 0 {
		return host.From[:i]
	}
	return host.From
}

func appendHost(encoded, host []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(encoded, virtualHostsField, protowire.BytesType), host)
}

// encodeHost encodes a virtual host with the domains that it is left with; without any it is left out.
func (r *routeSet) encodeHost(m *memo, name string, in translate.VirtualHostInput) *entry {
	in.Domains = r.unique[name]
	e := m.get("vhost", in, func() *entry {
		if len(in.Domains) == 0 {
			return &entry{}
		}
		host, problems := translate.VirtualHost(in)
		var from []config.Key
		for _, vs := range in.Virtual {
			from = append(from, vs.Object.Key)
		}
		if in.Service != nil {
			from = append(from, in.Service.From)
		}
		return &entry{resources: []*Resource{encode(in.Name, "", host, from...)}, problems: problems}
	})
	delete(r.troubled, name)
	if len(e.problems) > 0 {
		r.troubled[name] = e
	}
	return e
}
