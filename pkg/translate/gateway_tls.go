package translate

import (
	"slices"
	"strconv"
	"strings"

	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// secure returns the chains of one TLS server. A server whose credential is missing has none, so that the others on its port go on.
func (p *gatewayPort) secure(s *mesh.GatewayServer, in GatewayInput, notes *problems) []SecureChain {
	tls := s.Server.GetTls()
	names, any := serverNames(hostsOf(s))
	if len(names) == 0 && !any {
		notes.fail(field("spec.servers", s.Index)+".hosts", "no host that a TLS client could ask for", "write a name, or a wildcard such as *.example.com")
		return nil
	}
	ignored(s, notes)
	switch tls.GetMode() {
	case networking.ServerTLSSettings_PASSTHROUGH:
		return passThrough(s, in, notes)
	case networking.ServerTLSSettings_AUTO_PASSTHROUGH:
		return autoPassThrough(s, in)
	}
	chain, ok := termination(s, notes)
	if !ok {
		return nil
	}
	chain.ServerNames, chain.StatPrefix = names, s.Server.GetName()
	if protocolOf(s) == "HTTPS" {
		chain.Route = httpsRoute(s, p)
		return []SecureChain{chain}
	}
	var out []SecureChain
	for _, c := range gatewayTCP(s, in, notes) {
		chain.Chain = c
		out = append(out, chain)
	}
	return out
}

func httpsRoute(s *mesh.GatewayServer, p *gatewayPort) string {
	return GatewayHTTPSRoute(p.target, s.Server.GetPort().GetName(), s.Gateway.Name, s.Gateway.Namespace)
}

func hostsOf(s *mesh.GatewayServer) []string {
	out := make([]string, 0, len(s.Hosts))
	for _, h := range s.Hosts {
		out = append(out, h.Host)
	}
	return out
}

// passThrough routes TLS by SNI without looking into it.
func passThrough(s *mesh.GatewayServer, in GatewayInput, notes *problems) []SecureChain {
	var out []SecureChain
	for _, vs := range s.Virtual {
		t := targets{known: Destinations([]*mesh.VirtualService{vs}, nil, in.Lookup), port: s.Server.GetPort().GetNumber(), lookup: in.Lookup, lost: true}
		for _, c := range tlsChains(vs, t, notes) {
			if names, ok := within(c.ServerNames, s.Hosts); ok {
				c.ServerNames = nil
				out = append(out, SecureChain{ServerNames: names, Chain: c})
			}
		}
	}
	notes.object = s.Gateway
	return out
}

// within returns those of the names that the server serves: of a name and a host that meet, the narrower one. No names means all hosts.
func within(names []string, hosts []mesh.GatewayHost) (served []string, ok bool) {
	if len(names) == 0 {
		names = []string{"*"}
	}
	for _, n := range names {
		for _, h := range hosts {
			if m, ok := meet(n, h.Host); m == "*" && ok {
				return nil, true
			} else if ok && !slices.Contains(served, m) {
				served = append(served, m)
			}
		}
	}
	slices.Sort(served)
	return served, len(served) > 0
}

// served are the chains of a listener by the names that they take; "" is the rest of the names.
type served map[string][]SecureChain

// add returns a chain without the names that a chain before it takes: Envoy refuses two chains for the same connections.
func (d served) add(c SecureChain, s *mesh.GatewayServer, notes *problems) (SecureChain, bool) {
	names := c.ServerNames
	if len(names) == 0 {
		names = []string{""}
	}
	kept := make([]string, 0, len(names))
	for _, n := range names {
		if slices.ContainsFunc(d[n], func(o SecureChain) bool { return o.Mesh == c.Mesh && overlap(o.Chain.Subnets, c.Chain.Subnets) }) {
			notes.warn(field("spec.servers", s.Index)+".hosts", quotedName(n)+" is already served on port "+number(s.Server.GetPort().GetNumber())+" by an older server or route", "serve each name once")
			continue
		}
		d[n] = append(d[n], c)
		kept = append(kept, n)
	}
	if len(c.ServerNames) > 0 {
		c.ServerNames = kept
	}
	return c, len(kept) > 0
}

func quotedName(n string) string {
	if n == "" {
		return "every name"
	}
	return strconv.Quote(n)
}

// overlap reports whether two lists of ranges, of which an empty one is everything, have an entry in common.
func overlap(a, b []string) bool {
	return len(a) == 0 && len(b) == 0 || slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// CredentialName is a credentialName without the prefix that it may have.
func CredentialName(name string) string { return strings.TrimPrefix(name, CredentialPrefix) }

var tlsVersions = map[networking.ServerTLSSettings_TLSProtocol]tlsv3.TlsParameters_TlsProtocol{
	networking.ServerTLSSettings_TLSV1_0: tlsv3.TlsParameters_TLSv1_0,
	networking.ServerTLSSettings_TLSV1_1: tlsv3.TlsParameters_TLSv1_1,
	networking.ServerTLSSettings_TLSV1_2: tlsv3.TlsParameters_TLSv1_2,
	networking.ServerTLSSettings_TLSV1_3: tlsv3.TlsParameters_TLSv1_3,
}

// gatewayTLS terminates TLS as a server's settings say.
func gatewayTLS(c SecureChain, config *mesh.Config) *tlsv3.DownstreamTlsContext {
	protocols := []string(nil)
	if c.Route != "" {
		protocols = []string{"h2", "http/1.1"}
	}
	if c.TLS.GetMode() == networking.ServerTLSSettings_ISTIO_MUTUAL {
		return meshServerTLS(config, protocols)
	}
	common := &tlsv3.CommonTlsContext{TlsParams: otherParameters(config, tlsParameters(c.TLS), c.TLS.GetMinProtocolVersion() == networking.ServerTLSSettings_TLS_AUTO), AlpnProtocols: protocols}
	for _, name := range c.Certificates {
		common.TlsCertificateSdsSecretConfigs = append(common.TlsCertificateSdsSecretConfigs, credential(name))
	}
	for _, pair := range certificateFiles(c.TLS) {
		if len(c.Certificates) == 0 {
			common.TlsCertificateSdsSecretConfigs = append(common.TlsCertificateSdsSecretConfigs, fileSecret(fileCert+pair))
		}
	}
	if mutual(c.TLS) {
		common.ValidationContextType = clientValidation(c)
	}
	return &tlsv3.DownstreamTlsContext{
		CommonTlsContext: common, RequireClientCertificate: wrapperspb.Bool(c.TLS.GetMode() == networking.ServerTLSSettings_MUTUAL),
	}
}

// tlsParameters are the versions and suites of a server.
func tlsParameters(tls *networking.ServerTLSSettings) *tlsv3.TlsParameters {
	params := &tlsv3.TlsParameters{
		TlsMinimumProtocolVersion: tlsVersions[tls.GetMinProtocolVersion()], TlsMaximumProtocolVersion: tlsVersions[tls.GetMaxProtocolVersion()],
		CipherSuites: knownCiphers(tls.GetCipherSuites()),
	}
	if params.TlsMinimumProtocolVersion == tlsv3.TlsParameters_TLS_AUTO {
		params.TlsMinimumProtocolVersion = tlsv3.TlsParameters_TLSv1_2
	}
	if params.TlsMaximumProtocolVersion != tlsv3.TlsParameters_TLS_AUTO && params.TlsMaximumProtocolVersion < params.TlsMinimumProtocolVersion {
		params.TlsMaximumProtocolVersion = tlsv3.TlsParameters_TLS_AUTO
	}
	return params
}

// clientValidation is what a client's certificate is held to.
func clientValidation(c SecureChain) *tlsv3.CommonTlsContext_CombinedValidationContext {
	roots := fileSecret(fileRoot + withRevocations(authorityFile(c.TLS), c.TLS.GetCaCrl()))
	if c.CA != "" {
		roots = credential(c.CA)
	}
	out := verified(roots, exactNames(c.TLS.GetSubjectAltNames()))
	context := out.CombinedValidationContext.DefaultValidationContext
	context.VerifyCertificateSpki = keyHashes(c.TLS.GetVerifyCertificateSpki())
	context.VerifyCertificateHash = certificateHashes(c.TLS.GetVerifyCertificateHash())
	if c.TLS.GetInsecureSkipVerify().GetValue() {
		context.TrustChainVerification = tlsv3.CertificateValidationContext_ACCEPT_UNTRUSTED
	}
	return out
}

// ciphers are the suites that the API reference lists.
var ciphers = []string{
	"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384",
	"ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA",
	"ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES256-SHA", "AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA", "AES256-SHA",
}

// knownCiphers leaves out what would make Envoy refuse the listener.
func knownCiphers(list []string) []string {
	var out []string
	for _, c := range list {
		if slices.Contains(ciphers, c) && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}
