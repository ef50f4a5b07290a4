package mesh

import (
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
)

// Workload is what one sidecar stands in front of: the services that select it and the policies that hold for it.
type Workload struct {
	Namespace      string
	Name           string
	Labels         map[string]string
	ServiceAccount string
	// Ports that services direct to this workload, by target port, each with its protocol; several services may share a port (the oldest
	// decides the protocol).
	Ports []WorkloadPort
	// PeerAuthn is the effective mutual TLS policy.
	PeerAuthn PeerAuthn
	Sidecar   *config.Object
	// Fixed: the Sidecar lists the ports, and there are no others.
	Fixed bool
	// What holds for the workload, see Attached.
	AuthzPolicies, RequestAuthns, Telemetries, WasmPlugins, TrafficExtensions Attached
}

// WorkloadPort is one inbound port of a workload.
type WorkloadPort struct {
	Target   uint32 // port at which the workload is reached: name of the inbound cluster and listener chain
	Service  *Service
	Port     Port // of the service
	Protocol Protocol
	// Pool limits connections with the program; nil sets no limits.
	Pool *networking.ConnectionPoolSettings
	// Ingress is set where a Sidecar says how the port is served.
	Ingress *Ingress
}
