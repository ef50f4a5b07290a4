package xds

import (
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/envoyfilter"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/translate"
)

// builder makes the resources of one scope from one snapshot.
type builder struct {
	snapshot *mesh.Snapshot
	memo     *memo
	scope    *mesh.Scope
	proxy    mesh.Proxy // one of those that the scope is for
	// program is the EnvoyFilters that hold for these, nil when none do.
	program *envoyfilter.Program
}

// hostEntries is what one host contributes to a scope.
type hostEntries struct {
	host      string
	virtual   []*mesh.VirtualService
	clusters  []*entry
	endpoints []*entry
	// vhosts are its virtual hosts, by route and name.
	vhosts map[string]translate.Routed
}

// host makes the entries of a service, or of a host that only VirtualServices know; nil when the scope has neither.
func (b *builder) host(host string) *hostEntries {
	if s := b.scope.Service(host); s != nil {
		out := &hostEntries{host: host, virtual: s.Virtual, vhosts: b.serviceRoutes(s)}
		for _, port := range s.Ports {
			b.clusterSet(s, port, out)
		}
		return out
	}
	if h := b.scope.Host(host); h != nil {
		return &hostEntries{host: host, virtual: h.Virtual, vhosts: b.hostRoutes(h)}
	}
	return nil
}

// originOf lists the objects behind a service's resource, the most specific first.
func originOf(rule *mesh.DestinationRule, s *mesh.ScopedService) []config.Key {
	var out []config.Key
	if rule != nil {
		out = append(out, rule.From...)
	}
	return append(out, s.From)
}

// resourcesOf appends the resources of entries.
func resourcesOf(out []*Resource, entries []*entry) []*Resource {
	for _, e := range entries {
		out = append(out, e.resources...)
	}
	return out
}
