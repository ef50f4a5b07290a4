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
	// Credentials are the Secrets that credentialName, or credentialNames, names, in order.
	Credentials []Credential
	// Authorities of client certificates: what caCertCredentialName names, else the Secret NAME-cacert of the first credential, else that
	// credential itself. Nothing without any of them.
	Authorities Credential
	// Digest covers all of the above.
	Digest config.Digest
}

// GatewayHost is one entry of a server's hosts.
type GatewayHost struct {
	Host string
	// Namespace restricts which VirtualServices may bind; "" is any.
	Namespace string
}

// Credential is a Secret, or a ConfigMap with authorities, that a gateway's settings name.
type Credential struct {
	// Name under which proxies ask for it, without the prefix "kubernetes://": that of the Secret for a certificate; "NAME-cacert",
	// "NAME/cacert" or "configmap/NAME" for authorities.
	Name string
	// Object in the gateway's namespace, nil when there is none with a certificate.
	Object *config.Object
}
