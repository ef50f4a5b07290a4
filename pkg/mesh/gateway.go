package mesh

import (
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
)

// GatewayServer is one server of a Gateway together with the VirtualServices bound to it.
type GatewayServer struct {
	Gateway config.Key
	Server  *networking.Server
	// Index of the server within the Gateway object.
	Index int
	// Hosts with the namespace part split off and resolved: "*.example.com" visible from Namespaces (empty: all).
	Hosts []GatewayHost
	// Virtual are the VirtualServices that name this Gateway, are visible to it and whose hosts meet the server's hosts;
	// oldest first.
	Virtual []*VirtualService
	// Credential is the Secret that credentialName names, nil when it is missing or not TLS.
	Credential *config.Object
	// CA is the Secret credentialName+"-cacert" with the authorities of client certificates, nil when there is none.
	CA *config.Object
	// Digest covers all of the above.
	Digest config.Digest
}

// GatewayHost is one entry of a server's hosts.
type GatewayHost struct {
	Host string
	// Namespace restricts which VirtualServices may bind; "" is any.
	Namespace string
}
