package translate

import (
	"slices"

	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	meshconfig "istio.io/api/mesh/v1alpha1"

	"github.com/meshctl/meshctl/pkg/mesh"
)

var leastVersions = map[meshconfig.MeshConfig_TLSConfig_TLSProtocol]tlsv3.TlsParameters_TlsProtocol{
	meshconfig.MeshConfig_TLSConfig_TLSV1_2: tlsv3.TlsParameters_TLSv1_2,
	meshconfig.MeshConfig_TLSConfig_TLSV1_3: tlsv3.TlsParameters_TLSv1_3,
}

// meshParameters are MeshConfig's meshMTLS: versions and suites of the mesh's own mutual TLS. It knows no curves.
func meshParameters(c *mesh.Config) *tlsv3.TlsParameters {
	wanted := c.Mesh.GetMeshMTLS()
	out := &tlsv3.TlsParameters{
		TlsMinimumProtocolVersion: tlsv3.TlsParameters_TLSv1_2, TlsMaximumProtocolVersion: tlsv3.TlsParameters_TLSv1_3,
		CipherSuites: knownCiphers(wanted.GetCipherSuites()),
	}
	if least, found := leastVersions[wanted.GetMinProtocolVersion()]; found {
		out.TlsMinimumProtocolVersion = least
	}
	return out
}

// otherParameters fills in MeshConfig's tlsDefaults, for all other TLS, where nothing more particular is said. It returns nil for
// parameters that say nothing.
func otherParameters(c *mesh.Config, p *tlsv3.TlsParameters, version bool) *tlsv3.TlsParameters {
	wanted := c.Mesh.GetTlsDefaults()
	if least, found := leastVersions[wanted.GetMinProtocolVersion()]; found && version {
		p.TlsMinimumProtocolVersion = least
		if p.TlsMaximumProtocolVersion != tlsv3.TlsParameters_TLS_AUTO && p.TlsMaximumProtocolVersion < least {
			p.TlsMaximumProtocolVersion = tlsv3.TlsParameters_TLS_AUTO
		}
	}
	if len(p.CipherSuites) == 0 {
		p.CipherSuites = knownCiphers(wanted.GetCipherSuites())
	}
	for _, curve := range wanted.GetEcdhCurves() {
		if slices.Contains(curves, curve) && !slices.Contains(p.EcdhCurves, curve) {
			p.EcdhCurves = append(p.EcdhCurves, curve)
		}
	}
	if p.TlsMinimumProtocolVersion == 0 && p.TlsMaximumProtocolVersion == 0 && len(p.CipherSuites)+len(p.EcdhCurves) == 0 {
		return nil
	}
	return p
}

// curves are those that Envoy's TLS library has.
var curves = []string{"X25519", "P-256", "P-384", "P-521", "X25519MLKEM768"}
