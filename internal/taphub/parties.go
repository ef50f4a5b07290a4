package taphub

import (
	"github.com/meshctl/meshctl/internal/registry"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/tap"
)

// Party is somebody who takes part in traffic: an instance of a workload.
type Party struct {
	tap.Member
	Version, Identity string
	// Proxied: its agent is registered with this control plane.
	Proxied bool
}

// Parties are all instances of workloads that configuration or agents tell of, by NAMESPACE/NAME of the Pod, the WorkloadEntry or the agent.
func Parties(s *mesh.Snapshot, proxies []registry.Session) map[string]Party {
	x := newIndex(s, proxies)
	out := make(map[string]Party, len(x.byInstance))
	for instance, p := range x.byInstance {
		out[instance] = Party{Member: p.Member, Version: p.version, Identity: p.identity, Proxied: p.proxied}
	}
	return out
}
