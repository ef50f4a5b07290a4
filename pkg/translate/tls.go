package translate

import (
	"net/netip"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	rawv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/raw_buffer/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// Names of the secrets that the agent serves: the workload's certificate and the mesh's roots. Files are asked of the agent
// as well, so that a missing file delays one cluster instead of making Envoy refuse it.
const (
	WorkloadSecret = "default"
	RootSecret     = "ROOTCA"
	fileRoot       = "file-root:"
	fileCert       = "file-cert:"
	systemRoots    = "system"
	// revocations separates a file of authorities from that of the certificates they revoked.
	revocations = "~"

	// CredentialPrefix precedes the name of a Kubernetes Secret in the name of a gateway's secret.
	CredentialPrefix = "kubernetes://"
	// CASuffix marks the certificate authority of a credential, in the same or in a separate Secret.
	CASuffix = "-cacert"

	tlsSocket = "envoy.transport_sockets.tls"
	rawSocket = "envoy.transport_sockets.raw_buffer"

	fileTimeout       = 2 * time.Second
	credentialTimeout = 5 * time.Second
)

// agentSecret is a secret of the workload, from the agent next to the proxy. Nothing works without it.
func agentSecret(name string) *tlsv3.SdsSecretConfig {
	return &tlsv3.SdsSecretConfig{Name: name, SdsConfig: patient(agentSource())}
}

// fileSecret is what the agent reads from files. One that is not there must not keep the proxy from starting.
func fileSecret(name string) *tlsv3.SdsSecretConfig {
	return &tlsv3.SdsSecretConfig{Name: name, SdsConfig: hasty(agentSource(), fileTimeout)}
}

func agentSource() *corev3.ConfigSource {
	return &corev3.ConfigSource{
		ConfigSourceSpecifier: &corev3.ConfigSource_ApiConfigSource{ApiConfigSource: &corev3.ApiConfigSource{
			ApiType: corev3.ApiConfigSource_GRPC, TransportApiVersion: corev3.ApiVersion_V3, SetNodeOnFirstMessageOnly: true,
			GrpcServices: []*corev3.GrpcService{{TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{
				EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: SDSCluster},
			}}},
		}},
		ResourceApiVersion: corev3.ApiVersion_V3,
	}
}

// credential is a secret that the control plane serves on the configuration stream, for gateways. One that does not come must
// not hold up the other servers of its port.
func credential(name string) *tlsv3.SdsSecretConfig {
	return &tlsv3.SdsSecretConfig{Name: CredentialPrefix + name, SdsConfig: hasty(adsSource(), credentialTimeout)}
}

// verified combines a secret that holds the authorities with the names that a peer may have; no names means any.
func verified(roots *tlsv3.SdsSecretConfig, names []*tlsv3.SubjectAltNameMatcher) *tlsv3.CommonTlsContext_CombinedValidationContext {
	return &tlsv3.CommonTlsContext_CombinedValidationContext{
		CombinedValidationContext: &tlsv3.CommonTlsContext_CombinedCertificateValidationContext{
			DefaultValidationContext:         &tlsv3.CertificateValidationContext{MatchTypedSubjectAltNames: names},
			ValidationContextSdsSecretConfig: roots,
		},
	}
}

// exactNames matches subject alternative names literally, each under the type that its spelling shows.
func exactNames(names []string) []*tlsv3.SubjectAltNameMatcher {
	var out []*tlsv3.SubjectAltNameMatcher
	for _, n := range names {
		kind := tlsv3.SubjectAltNameMatcher_DNS
		if strings.Contains(n, "://") {
			kind = tlsv3.SubjectAltNameMatcher_URI
		} else if _, err := netip.ParseAddr(n); err == nil {
			kind = tlsv3.SubjectAltNameMatcher_IP_ADDRESS
		}
		if n != "" {
			out = append(out, &tlsv3.SubjectAltNameMatcher{SanType: kind, Matcher: exactly(n)})
		}
	}
	return out
}

func exactly(s string) *matcherv3.StringMatcher {
	return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: s}}
}

func startingWith(s string) *matcherv3.StringMatcher {
	return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: s}}
}

func clientSocket(c *tlsv3.UpstreamTlsContext) *corev3.TransportSocket {
	return &corev3.TransportSocket{Name: tlsSocket, ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: pack(c)}}
}

func serverSocket(c *tlsv3.DownstreamTlsContext) *corev3.TransportSocket {
	return &corev3.TransportSocket{Name: tlsSocket, ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: pack(c)}}
}

func plainSocket() *corev3.TransportSocket {
	return &corev3.TransportSocket{Name: rawSocket, ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: pack(&rawv3.RawBuffer{})}}
}
