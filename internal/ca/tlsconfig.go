package ca

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"
)

// TLSOptions are the parts of a TLS configuration. The functions are asked in every handshake, so that certificates
// and roots rotate without a restart.
type TLSOptions struct {
	// Certificate returns our certificate; a client may leave it nil (it has none yet).
	Certificate func() (*tls.Certificate, error)
	// Bundle returns the PEM roots to trust.
	Bundle func() []byte
	// ServerName is the DNS name or IP address that a client expects in the server's certificate.
	ServerName string
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// ServerTLS returns the configuration of a server for gRPC. A client certificate is not required (a new workload has
// only a token) but one that is given must lead to the bundle; PeerIdentity then returns who it is.
func ServerTLS(o TLSOptions) *tls.Config {
	roots := &bundleCache{bundle: o.Bundle}
	config := base(o)
	config.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return o.Certificate() }
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		pool, err := roots.pool()
		if err != nil {
			return nil, err
		}
		c := base(o)
		c.GetCertificate = config.GetCertificate
		c.ClientAuth, c.ClientCAs = tls.VerifyClientCertIfGiven, pool
		return c, nil
	}
	return config
}

// ClientTLS returns the configuration of a client of the control plane.
func ClientTLS(o TLSOptions) *tls.Config {
	roots := &bundleCache{bundle: o.Bundle}
	config := base(o)
	config.ServerName = o.ServerName
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if o.Certificate == nil {
			return &tls.Certificate{}, nil
		}
		return o.Certificate()
	}
	// RootCAs is fixed for the life of a Config, the bundle is not: VerifyConnection does the same check with the
	// bundle of now, and runs for every handshake.
	config.InsecureSkipVerify = true
	config.VerifyConnection = func(state tls.ConnectionState) error {
		pool, err := roots.pool()
		if err != nil {
			return err
		}
		return verifyServer(state, pool, o.ServerName, config.Time())
	}
	return config
}

func base(o TLSOptions) *tls.Config {
	now := o.Now
	if now == nil {
		now = time.Now
	}
	return &tls.Config{
		// Envoy's clients offer at most 1.2 unless told otherwise.
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2"},
		Time:       now,
		// A resumed session would keep the certificate of the first one.
		SessionTicketsDisabled: true,
	}
}

func verifyServer(state tls.ConnectionState, roots *x509.CertPool, name string, now time.Time) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the server sent no certificate")
	}
	intermediates := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		intermediates.AddCert(c)
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, DNSName: name, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return err
}

// bundleCache parses the bundle again only when it changed.
type bundleCache struct {
	bundle func() []byte

	mu     sync.Mutex
	pem    []byte
	parsed *x509.CertPool
}

func (b *bundleCache) pool() (*x509.CertPool, error) {
	data := b.bundle()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.parsed != nil && bytes.Equal(b.pem, data) {
		return b.parsed, nil
	}
	certs, err := decodeCerts(data)
	if err != nil {
		return nil, fmt.Errorf("trust bundle: %w", err)
	}
	pool := x509.NewCertPool()
	for _, c := range certs {
		pool.AddCert(c)
	}
	b.pem, b.parsed = bytes.Clone(data), pool
	return pool, nil
}
