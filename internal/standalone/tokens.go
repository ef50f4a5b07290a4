package standalone

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/internal/meshstate"
)

// Credentials are what a workload needs to join the mesh whose state is on this machine.
type Credentials struct {
	tokens *ca.Tokens
	roots  []byte
}

// OpenCredentials reads those of the mesh in dir; the control plane must have run there once.
func OpenCredentials(dir, trustDomain string) (*Credentials, error) {
	// A store makes what is missing; only the control plane may do that.
	if _, err := os.Stat(Layout{dir}.ca()); err != nil {
		return nil, fmt.Errorf("certificate authority of the mesh: %w: start the mesh first", err)
	}
	store, err := ca.OpenStore(Layout{dir}.ca())
	if err != nil {
		return nil, err
	}
	options := ca.Options{TrustDomain: trustDomain}
	authority, err := ca.Open(store, options)
	if err != nil {
		return nil, err
	}
	tokens, err := ca.OpenTokens(store, options)
	if err != nil {
		return nil, err
	}
	return &Credentials{tokens, authority.TrustBundle()}, nil
}

// Token returns a join token for a service account; a ttl of 0 is ca.DefaultTokenTTL.
func (c *Credentials) Token(namespace, serviceAccount string, ttl time.Duration) (string, error) {
	return c.tokens.Issue(namespace, serviceAccount, ttl)
}

// Roots are the certificates, as PEM, by which workloads know the control plane.
func (c *Credentials) Roots() []byte { return c.roots }

// tokenFile keeps a valid token in a file: a restarted agent has no key on disk and joins anew.
type tokenFile struct {
	path                      string
	namespace, serviceAccount string
	credentials               *Credentials
	log                       *slog.Logger
}

func (f tokenFile) renew() error {
	token, err := f.credentials.Token(f.namespace, f.serviceAccount, ca.DefaultTokenTTL)
	if err == nil {
		err = meshstate.WriteFile(f.path, []byte(token))
	}
	if err != nil {
		return explainDisk(filepath.Dir(f.path), err)
	}
	return nil
}

// keep renews the token at half its life until ctx ends.
func (f tokenFile) keep(ctx context.Context) {
	ticker := time.NewTicker(ca.DefaultTokenTTL / 2)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := f.renew(); err != nil {
			f.log.Warn("join token not renewed", "error", err)
		}
	}
}
