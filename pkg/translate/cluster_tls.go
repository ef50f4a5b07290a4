package translate

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/types/known/structpb"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// upstreamTLS applies trafficPolicy.tls. Without it, mutual TLS is automatic: used with the endpoints that are marked for it.
func upstreamTLS(c *clusterv3.Cluster, in ClusterInput, policy trafficPolicy, http2 bool, notes *problems) {
	tls := policy.tls
	switch {
	case tls == nil:
		switch {
		case !automatic(c, in):
		case c.GetType() == clusterv3.Cluster_ORIGINAL_DST: // its endpoints have no metadata
			c.TransportSocket = clientSocket(meshTLS(in, nil, http2))
		default:
			c.TransportSocketMatches = automaticMTLS(meshTLS(in, nil, http2))
		}
	case tls.GetMode() == networking.ClientTLSSettings_DISABLE:
	case tls.GetMode() == networking.ClientTLSSettings_ISTIO_MUTUAL:
		c.TransportSocket = clientSocket(meshTLS(in, tls, http2))
	default:
		if socket := originateTLS(c, in, policy, http2, notes); socket != nil {
			c.TransportSocket = clientSocket(socket)
		}
	}
}

// automatic reports whether mutual TLS is a matter of what the endpoints take. Where connections keep their destination, which
// endpoint that is nobody knows: all of them must take it.
func automatic(c *clusterv3.Cluster, in ClusterInput) bool {
	if enabled := in.Config.Mesh.GetEnableAutoMtls(); enabled != nil && !enabled.GetValue() {
		return false
	}
	if in.Service.External {
		return false
	}
	switch c.GetType() {
	case clusterv3.Cluster_ORIGINAL_DST:
		return in.MutualTLS
	case clusterv3.Cluster_EDS:
		return true
	}
	return in.Service.Resolution != mesh.Passthrough
}

// automaticMTLS chooses between mutual TLS and plaintext by the endpoint's metadata.
func automaticMTLS(tls *tlsv3.UpstreamTlsContext) []*clusterv3.Cluster_TransportSocketMatch {
	return []*clusterv3.Cluster_TransportSocketMatch{
		{
			Name:            "tlsMode-istio",
			Match:           &structpb.Struct{Fields: map[string]*structpb.Value{"tlsMode": structpb.NewStringValue("istio")}},
			TransportSocket: clientSocket(tls),
		},
		{Name: "tlsMode-disabled", Match: &structpb.Struct{}, TransportSocket: plainSocket()},
	}
}

// meshTLS is mutual TLS with the workload's own certificate. The server must present one of the identities of the endpoints, or of
// the names that the rule gives instead.
func meshTLS(in ClusterInput, tls *networking.ClientTLSSettings, http2 bool) *tlsv3.UpstreamTlsContext {
	names := in.Identities
	if len(in.Service.SubjectAltNames) > 0 {
		names = append(append([]string(nil), in.Service.SubjectAltNames...), names...)
	}
	if len(tls.GetSubjectAltNames()) > 0 {
		names = tls.GetSubjectAltNames()
	}
	sni := ServerName(in.Service.Host, in.Port.Number, in.Subset)
	if tls.GetSni() != "" {
		sni = tls.GetSni()
	}
	return &tlsv3.UpstreamTlsContext{
		Sni: clipSNI(sni),
		CommonTlsContext: &tlsv3.CommonTlsContext{
			TlsParams:                      meshParameters(in.Config),
			AlpnProtocols:                  announcement(in.Port.Protocol, http2),
			TlsCertificateSdsSecretConfigs: []*tlsv3.SdsSecretConfig{agentSecret(WorkloadSecret)},
			ValidationContextType:          verified(agentSecret(RootSecret), exactNames(names)),
		},
	}
}

// originateTLS is TLS (SIMPLE) or mutual TLS with the user's own certificates (MUTUAL) to a server that is none of the mesh's.
func originateTLS(c *clusterv3.Cluster, in ClusterInput, policy trafficPolicy, http2 bool, notes *problems) *tlsv3.UpstreamTlsContext {
	tls := policy.tls
	common := &tlsv3.CommonTlsContext{TlsParams: otherParameters(in.Config, &tlsv3.TlsParameters{}, true)}
	if http2 {
		common.AlpnProtocols = []string{"h2"}
	} else if in.Port.Protocol == mesh.HTTP && !clientsChoice(in.Port.Protocol, policy) {
		common.AlpnProtocols = []string{"http/1.1"}
	}
	named := CredentialName(tls.GetCredentialName())
	if _, public := AuthoritiesKey(named); named != "" && !public && in.Proxy != mesh.Router && !policy.selected {
		notes.warn(policy.tlsField+".credentialName", "sidecars read a credential only for a rule with a workloadSelector", "use caCertificates, or select the workloads")
		named = ""
	}
	if tls.GetMode() == networking.ClientTLSSettings_MUTUAL {
		switch {
		case named != "":
			common.TlsCertificateSdsSecretConfigs = []*tlsv3.SdsSecretConfig{credential(named)}
		case tls.GetClientCertificate() != "" && tls.GetPrivateKey() != "":
			common.TlsCertificateSdsSecretConfigs = []*tlsv3.SdsSecretConfig{fileSecret(fileCert + tls.GetClientCertificate() + "~" + tls.GetPrivateKey())}
		}
	}
	names := tls.GetSubjectAltNames()
	if len(names) == 0 {
		names = in.Service.SubjectAltNames
	}
	auto := automaticNames(c, in, tls, names)
	if !tls.GetInsecureSkipVerify().GetValue() {
		common.ValidationContextType = verified(authorities(tls, named), exactNames(names))
	}
	out := &tlsv3.UpstreamTlsContext{CommonTlsContext: common, Sni: clipSNI(tls.GetSni())}
	if out.Sni == "" && !auto && !wildcard(in.Service.Host) {
		out.Sni = clipSNI(in.Service.Host)
	}
	return out
}

// authorities is who may have signed the server's certificate: the rule's, or else those that the machine trusts.
func authorities(tls *networking.ClientTLSSettings, named string) *tlsv3.SdsSecretConfig {
	switch {
	case named != "":
		return credential(named + CASuffix)
	case tls.GetCaCertificates() != "":
		return fileSecret(fileRoot + withRevocations(tls.GetCaCertificates(), tls.GetCaCrl()))
	default:
		return fileSecret(fileRoot + withRevocations(systemRoots, tls.GetCaCrl()))
	}
}

// withRevocations names authorities together with the file of the certificates that they revoked, if there is one.
func withRevocations(authorities, crl string) string {
	if crl == "" {
		return authorities
	}
	return authorities + revocations + crl
}

// automaticNames makes Envoy take the SNI, and the name that the certificate must have, from the request's host where the
// rule says neither. It reports whether the SNI is taken from there.
func automaticNames(c *clusterv3.Cluster, in ClusterInput, tls *networking.ClientTLSSettings, names []string) bool {
	if !speaksHTTP(in.Port.Protocol) || tls.GetSni() != "" {
		return false
	}
	options := &httpv3.HttpProtocolOptions{}
	if current := c.TypedExtensionProtocolOptions[httpProtocolOptions]; current != nil {
		_ = current.UnmarshalTo(options)
	}
	options.UpstreamHttpProtocolOptions = &corev3.UpstreamHttpProtocolOptions{
		AutoSni: true, AutoSanValidation: len(names) == 0 && !tls.GetInsecureSkipVerify().GetValue(),
	}
	if options.UpstreamProtocolOptions == nil {
		options.UpstreamProtocolOptions = explicitHTTP1(http1Options(in.Config))
	}
	setProtocolOptions(c, options)
	return true
}

// clipSNI keeps to Envoy's limit of 255 bytes.
func clipSNI(s string) string {
	if len(s) > 255 {
		return s[:255]
	}
	return s
}
