package xdsserver

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/meshctl/meshctl/internal/ca"
)

// identityOf returns the identity of the peer of a call; nil when it showed no certificate.
func identityOf(ctx context.Context) (*ca.Identity, error) {
	id, err := ca.PeerIdentity(ctx)
	switch {
	case err == nil:
		return &id, nil
	case errors.Is(err, ca.ErrNoPeer):
		return nil, nil
	}
	return nil, status.Errorf(codes.PermissionDenied, "%v; get a certificate from this mesh's CA", err)
}
