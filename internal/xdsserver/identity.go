package xdsserver

import (
	"context"
	"net/url"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// Identity is who a peer is by its verified certificate: spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT.
type Identity struct {
	TrustDomain, Namespace, ServiceAccount string
}

// String returns the SPIFFE id.
func (i Identity) String() string {
	return "spiffe://" + i.TrustDomain + "/ns/" + i.Namespace + "/sa/" + i.ServiceAccount
}

// identityOf returns the identity of the peer of a call; nil when it showed no certificate.
func identityOf(ctx context.Context) (*Identity, error) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil, nil
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 {
		return nil, nil
	}
	for _, uri := range info.State.VerifiedChains[0][0].URIs {
		if identity, ok := parseIdentity(uri); ok {
			return identity, nil
		}
	}
	return nil, status.Error(codes.PermissionDenied,
		"the client certificate has no workload identity (a URI such as spiffe://cluster.local/ns/NAMESPACE/sa/SERVICE-ACCOUNT); get one from this mesh's CA")
}

func parseIdentity(uri *url.URL) (*Identity, bool) {
	parts := strings.Split(uri.Path, "/")
	if uri.Scheme != "spiffe" || uri.Host == "" || len(parts) != 5 || parts[1] != "ns" || parts[3] != "sa" || parts[2] == "" || parts[4] == "" {
		return nil, false
	}
	return &Identity{TrustDomain: uri.Host, Namespace: parts[2], ServiceAccount: parts[4]}, true
}
