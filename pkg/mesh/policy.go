package mesh

import (
	meshconfig "istio.io/api/mesh/v1alpha1"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
)

// VirtualService is a VirtualService with every short name expanded: hosts and destination hosts are fully qualified,
// gateways are "namespace/name" or "mesh". Spec is a copy of the user's object and must not be changed.
type VirtualService struct {
	Spec   *networking.VirtualService
	Object *config.Object
	// Visibility is exportTo, resolved.
	Visibility Visibility
	// Delegates are the VirtualServices whose routes were merged into Spec.
	Delegates []config.Key
	Digest    config.Digest
}

// DestinationRule is what holds for one host seen from one namespace after precedence (client's namespace, service's
// namespace, root namespace) and merging of several rules for the same host, as Istio documents. Spec.Host is fully qualified.
type DestinationRule struct {
	Spec   *networking.DestinationRule
	From   []config.Key // every object that contributed, the first is the main one
	Digest config.Digest
}

// MTLSMode is the effective mode of PeerAuthentication for one port of a workload.
type MTLSMode uint8

const (
	// Permissive accepts mutual TLS and plaintext. It is what holds where no policy says anything.
	Permissive MTLSMode = iota
	// Strict accepts mutual TLS only.
	Strict
	// Disabled accepts plaintext only.
	Disabled
)

// PeerAuthn is the effective PeerAuthentication of a workload.
type PeerAuthn struct {
	Mode MTLSMode
	// Ports overrides Mode by workload (target) port.
	Ports map[uint32]MTLSMode
	From  []config.Key
}

// ModeOf returns the mode for a workload port.
func (p PeerAuthn) ModeOf(port uint32) MTLSMode {
	if m, ok := p.Ports[port]; ok {
		return m
	}
	return p.Mode
}

// Config is the mesh-wide configuration: MeshConfig with Istio's documented defaults filled in.
type Config struct {
	Mesh            *meshconfig.MeshConfig
	SystemNamespace string // "istio-system"
	DomainSuffix    string // "cluster.local"
	TrustDomain     string // "cluster.local"
	Digest          config.Digest
}
