package controlplane

import (
	"context"
	"slices"

	"github.com/meshctl/meshctl/internal/agentapi"
)

// renewStale has agents renew when the authority is replaced: certificates of the one before, and trust in its roots, are to go.
func (c *ControlPlane) renewStale(ctx context.Context) error {
	for {
		replaced := c.o.Authority.Replaced()
		c.registry.RenewStale()
		select {
		case <-ctx.Done():
			return nil
		case <-replaced:
		}
	}
}

// stale reports whether a certificate was signed by another key than the authority's of now, or its holder trusts other roots. An agent
// that does not say what it trusts is taken at the signature alone.
func (c *ControlPlane) stale(cert *agentapi.Certificate) bool {
	if c.o.Authority == nil || cert == nil {
		return false
	}
	now := c.o.Authority.Stamp()
	if signer := cert.GetSigner(); signer != "" && now.Signer != "" && signer != now.Signer {
		return true
	}
	trusted := slices.Sorted(slices.Values(cert.GetTrustedRoots()))
	slices.Sort(now.Roots)
	return len(trusted) > 0 && !slices.Equal(slices.Compact(trusted), slices.Compact(now.Roots))
}
