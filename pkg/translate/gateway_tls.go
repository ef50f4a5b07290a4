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
	path := field("spec.servers", s.Index) + ".tls"
	names, any := serverNames(hostsOf(s))
	if len(names) == 0 && !any {
		notes.fail(field("spec.servers", s.Index)+".hosts", "no host that a TLS client could ask for", "")
		return nil
	}
	switch tls.GetMode() {
	case networking.ServerTLSSettings_PASSTHROUGH:
		return passThrough(s, in, notes)
	case networking.ServerTLSSettings_AUTO_PASSTHROUGH:
		notes.fail(path+".mode", "AUTO_PASSTHROUGH is not served yet", "use PASSTHROUGH with a VirtualService's tls routes")
		return nil
	}
	if !credentialReady(s, path, notes) {
		return nil
	}
	chain := SecureChain{ServerNames: names, TLS: tls, CA: authoritiesName(s)}
	if protocolOf(s) == "HTTPS" {
		chain.Route = httpsRoute(s, p.target)
		return []SecureChain{chain}
	}
	chains := gatewayTCP(s, p.target, in, notes)
	if len(chains) == 0 {
		return nil
	}
	chain.Chain = chains[len(chains)-1]
	return []SecureChain{chain}
}

func httpsRoute(s *mesh.GatewayServer, port uint32) string {
	return GatewayHTTPSRoute(port, s.Server.GetPort().GetName(), s.Gateway.Name, s.Gateway.Namespace)
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
		t := targets{known: Destinations([]*mesh.VirtualService{vs}, nil, in.Lookup), port: s.Server.GetPort().GetNumber(), lookup: in.Lookup}
		for _, c := range tlsChains(vs, t, notes) {
			if within(c.ServerNames, s.Hosts) {
				names := c.ServerNames
				c.ServerNames = nil
				out = append(out, SecureChain{ServerNames: names, Chain: c})
			}
		}
	}
	notes.object = s.Gateway
	return out
}

// within reports whether one of the names is among the server's hosts.
func within(names []string, hosts []mesh.GatewayHost) bool {
	return len(names) == 0 || slices.ContainsFunc(names, func(n string) bool {
		return slices.ContainsFunc(hosts, func(h mesh.GatewayHost) bool { _, ok := meet(n, h.Host); return ok })
	})
}

// credentialReady reports whether there is a certificate to serve with.
func credentialReady(s *mesh.GatewayServer, path string, notes *problems) bool {
	tls := s.Server.GetTls()
	name := tls.GetCredentialName()
	switch {
	case tls.GetMode() == networking.ServerTLSSettings_ISTIO_MUTUAL:
		return true
	case name == "" && tls.GetServerCertificate() != "" && tls.GetPrivateKey() != "":
		return true
	case name == "":
		notes.fail(path, "a server that terminates TLS needs a certificate", "set credentialName to the name of a Secret")
		return false
	case s.Credential == nil:
		notes.fail(path+".credentialName", "there is no Secret "+strconv.Quote(name)+" with a certificate in the gateway's namespace; connections to this server are refused",
			"create it: kubectl create secret tls, or a file of kind Secret")
		return false
	}
	if reason := pairProblem(s.Credential); reason != "" {
		notes.fail(path+".credentialName", "the Secret "+strconv.Quote(name)+" cannot be used: "+reason, "put a matching certificate and key into it")
		return false
	}
	if mutual(tls) && tls.GetCaCertificates() == "" && s.CA == nil && !hasAuthorities(s.Credential) {
		notes.fail(path+".credentialName", "mutual TLS needs the authorities of client certificates, and there are none in "+strconv.Quote(name),
			"add ca.crt or cacert to the Secret, or create the Secret "+name+CASuffix)
		return false
	}
	return true
}

func mutual(tls *networking.ServerTLSSettings) bool {
	m := tls.GetMode()
	return m == networking.ServerTLSSettings_MUTUAL || m == networking.ServerTLSSettings_OPTIONAL_MUTUAL
}

// authoritiesName is the credential with the authorities of client certificates: its own Secret, or the one of the certificate.
func authoritiesName(s *mesh.GatewayServer) string {
	if !NeedsAuthorities(s.Server) {
		return ""
	}
	return CredentialName(s.Server.GetTls().GetCredentialName()) + CASuffix
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
	params := &tlsv3.TlsParameters{
		TlsMinimumProtocolVersion: tlsVersions[c.TLS.GetMinProtocolVersion()], TlsMaximumProtocolVersion: tlsVersions[c.TLS.GetMaxProtocolVersion()],
		CipherSuites: knownCiphers(c.TLS.GetCipherSuites()),
	}
	if params.TlsMinimumProtocolVersion == tlsv3.TlsParameters_TLS_AUTO {
		params.TlsMinimumProtocolVersion = tlsv3.TlsParameters_TLSv1_2
	}
	if params.TlsMaximumProtocolVersion != tlsv3.TlsParameters_TLS_AUTO && params.TlsMaximumProtocolVersion < params.TlsMinimumProtocolVersion {
		params.TlsMaximumProtocolVersion = tlsv3.TlsParameters_TLS_AUTO
	}
	common := &tlsv3.CommonTlsContext{TlsParams: params, AlpnProtocols: protocols}
	out := &tlsv3.DownstreamTlsContext{
		CommonTlsContext: common, RequireClientCertificate: wrapperspb.Bool(c.TLS.GetMode() == networking.ServerTLSSettings_MUTUAL),
	}
	if name := c.TLS.GetCredentialName(); name != "" {
		common.TlsCertificateSdsSecretConfigs = []*tlsv3.SdsSecretConfig{credential(CredentialName(name))}
	} else {
		common.TlsCertificateSdsSecretConfigs = []*tlsv3.SdsSecretConfig{fileSecret(fileCert + c.TLS.GetServerCertificate() + "~" + c.TLS.GetPrivateKey())}
	}
	if mutual(c.TLS) {
		roots := fileSecret(fileRoot + c.TLS.GetCaCertificates())
		if c.CA != "" {
			roots = credential(c.CA)
		}
		common.ValidationContextType = verified(roots, exactNames(c.TLS.GetSubjectAltNames()))
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

// distinctSecure removes names that a chain before serves already.
func distinctSecure(chains []SecureChain) []SecureChain {
	seen := map[string]bool{}
	var out []SecureChain
	for _, c := range chains {
		names := c.ServerNames
		if len(names) == 0 {
			names = []string{""}
		}
		var kept []string
		for _, n := range names {
			key := n + " " + strings.Join(c.Chain.Subnets, ",")
			if !seen[key] {
				seen[key] = true
				kept = append(kept, n)
			}
		}
		if len(kept) == 0 {
			continue
		}
		if len(c.ServerNames) > 0 {
			c.ServerNames = kept
		}
		out = append(out, c)
	}
	return out
}
