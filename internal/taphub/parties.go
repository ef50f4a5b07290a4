package taphub

import (
	"maps"
	"slices"

	"github.com/meshctl/meshctl/internal/registry"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/tap"
)

// Party is an instance that takes part in traffic.
type Party struct {
	tap.Member
	Version, Identity string
	// Proxied: its agent is connected with this control plane.
	Proxied bool
}

// Parties are all instances, and the addresses behind which they stand: IP:PORT, and IP where only one instance has it. Addresses refer to the
// instances by NAMESPACE/NAME.
func Parties(s *mesh.Snapshot, proxies []registry.Session) (instances map[string]Party, addresses map[string]string) {
	x := newIndex(s, proxies)
	instances, addresses = make(map[string]Party, len(x.byInstance)), map[string]string{}
	names := make(map[*party]string, len(x.byInstance))
	for name, p := range x.byInstance {
		instances[name], names[p] = Party{p.Member, p.version, p.identity, p.proxied}, name
	}
	for _, places := range []map[string]*party{x.byIP, x.byAddress} {
		for _, at := range slices.Sorted(maps.Keys(places)) {
			if name := names[places[at]]; name != "" {
				addresses[at] = name
			}
		}
	}
	return instances, addresses
}
