package controlplane

import (
	"fmt"

	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// authorizeByCertificate binds what a node claims to the SPIFFE id of its certificate: the namespace, and the service account
// when it names one. A gateway must: it is given the credentials of its namespace.
func authorizeByCertificate(trustDomain string) func(mesh.Proxy, *ca.Identity) error {
	return func(p mesh.Proxy, peer *ca.Identity) error {
		switch {
		case peer == nil:
			return fmt.Errorf("proxy %s shows no client certificate: get one from this mesh's CA with a join token first", p.ID)
		case peer.TrustDomain != trustDomain:
			return fmt.Errorf("%s is of trust domain %q, this mesh is %q", peer, peer.TrustDomain, trustDomain)
		case peer.Namespace != p.Namespace:
			return fmt.Errorf("proxy %s claims namespace %q but its certificate is for %s", p.ID, p.Namespace, peer)
		case p.Type == mesh.Router && p.ServiceAccount == "":
			return fmt.Errorf("gateway %s names no service account in its metadata (SERVICE_ACCOUNT); %s gets no credentials without", p.ID, peer)
		case p.ServiceAccount != "" && peer.ServiceAccount != p.ServiceAccount:
			return fmt.Errorf("proxy %s claims service account %q but its certificate is for %s", p.ID, p.ServiceAccount, peer)
		}
		return nil
	}
}

// authorizeAnyone is for the plaintext port, which listens on loopback only and serves no secrets.
func authorizeAnyone(mesh.Proxy, *ca.Identity) error { return nil }
