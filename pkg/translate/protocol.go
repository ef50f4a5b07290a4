package translate

import (
	"strings"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// speaksHTTP reports whether requests of the protocol are routed as HTTP. Ports whose protocol is to be detected are: what turns out not
// to be HTTP does not get that far.
func speaksHTTP(p mesh.Protocol) bool {
	switch p {
	case mesh.HTTP, mesh.HTTP2, mesh.GRPC, mesh.GRPCWeb, mesh.Auto:
		return true
	}
	return false
}

// opaqueTLS reports whether the protocol is TLS that passes through and is routed by SNI.
func opaqueTLS(p mesh.Protocol) bool { return p == mesh.HTTPS || p == mesh.TLS }

func wildcard(host string) bool { return strings.HasPrefix(host, "*") }

// validPort reports whether a number is one of a TCP port.
func validPort(n uint32) bool { return n > 0 && n <= 65535 }
