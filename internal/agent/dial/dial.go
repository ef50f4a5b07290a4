// Package dial connects the agent to its control plane.
package dial

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"github.com/meshctl/meshctl/internal/ca"
)

// silence is how long the control plane may leave a ping, or data, without an acknowledgement.
const silence = 10 * time.Second

// Target is a gRPC server of the control plane.
type Target struct {
	// Address is "host:port".
	Address string
	// ServerName is the DNS name that its certificate must carry.
	ServerName string
	// RootFile holds the PEM roots to trust; it is read at every handshake.
	RootFile string
	// Plaintext turns TLS off; only loopback addresses are dialled so.
	Plaintext bool
}

// Connect returns a connection that is made at the first call and again whenever it breaks. certificate is asked at every
// handshake; nil presents none.
func (t Target) Connect(certificate func() (*tls.Certificate, error)) (*grpc.ClientConn, error) {
	creds, err := t.credentials(certificate)
	if err != nil {
		return nil, err
	}
	return grpc.NewClient("passthrough:///"+t.Address,
		grpc.WithTransportCredentials(creds),
		// The control plane is never behind the HTTP proxy that the program's environment names: that is the mesh.
		grpc.WithNoProxy(),
		grpc.WithDisableServiceConfig(),
		// A machine that vanishes says no goodbye, and the agent may have nothing to say for hours: without this it would
		// stay with a connection to nobody while its registration runs out elsewhere.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 20 * time.Second, Timeout: silence}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
	)
}

func (t Target) credentials(certificate func() (*tls.Certificate, error)) (credentials.TransportCredentials, error) {
	if t.Plaintext {
		if !loopback(t.Address) {
			return nil, fmt.Errorf("control plane %s: plaintext is for loopback addresses only, use the TLS port", t.Address)
		}
		return insecure.NewCredentials(), nil
	}
	if _, err := os.ReadFile(t.RootFile); err != nil {
		return nil, fmt.Errorf("root certificate of the control plane: %w", err)
	}
	return credentials.NewTLS(ca.ClientTLS(ca.TLSOptions{
		Certificate: certificate,
		ServerName:  t.ServerName,
		Bundle: func() []byte {
			// An unreadable file is an empty bundle, which verifies nothing and says so.
			pem, _ := os.ReadFile(t.RootFile)
			return pem
		},
	})), nil
}

func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && ip.IsLoopback())
}
