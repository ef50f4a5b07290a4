package mesh

import (
	"strconv"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
)

// speaks reports whether a server's protocol and TLS settings go together. The rules are those of Istio's API reference on Server and
// ServerTLSSettings.
func (c *gatewayCheck) speaks(path string, s *networking.Server) bool {
	if s.GetPort().GetName() == "" {
		c.refused(path+".port", "the port has no name; Istio refuses the object", "set port.name")
	}
	tls := s.GetTls()
	protocol := strings.ToUpper(s.GetPort().GetProtocol())
	switch protocol {
	case "HTTP", "HTTP2", "GRPC", "GRPC-WEB":
		if tls != nil && (tls.Mode != networking.ServerTLSSettings_PASSTHROUGH || ownFiles(tls)) {
			c.fail(path+".tls", "a server of protocol "+protocol+" speaks plaintext and cannot have tls settings other than httpsRedirect; it is left out", "use protocol HTTPS")
			return false
		}
		return true
	case "HTTPS", "TLS":
		if tls == nil {
			c.fail(path+".port.protocol", "a server of protocol "+protocol+" needs tls settings; it is left out", "add tls with a mode, and credentialName with the name of a Secret")
			return false
		}
	case "TCP", "MONGO", "MYSQL", "REDIS":
		if tls != nil {
			c.refused(path+".tls", "a server of protocol "+protocol+" cannot have tls settings; Istio refuses the object", "use protocol TLS")
		}
	case "":
		c.refused(path+".port", "the port has no protocol, and is taken for HTTP; Istio refuses the object", "set port.protocol")
		return true
	default:
		c.fail(path+".port.protocol", strconv.Quote(s.GetPort().GetProtocol())+" is not a protocol that a gateway serves; the server is left out", "use HTTP, HTTPS, GRPC, HTTP2, TLS or TCP")
		return false
	}
	if tls == nil {
		return true
	}
	if tls.HttpsRedirect {
		c.warn(path+".tls.httpsRedirect", "has an effect with plaintext HTTP only", "set it at the server of protocol HTTP")
	}
	return c.certified(path+".tls", tls)
}

// certified reports whether the settings say where certificates and authorities come from, and in one way only.
func (c *gatewayCheck) certified(path string, tls *networking.ServerTLSSettings) bool {
	terminates := false
	switch tls.Mode {
	case networking.ServerTLSSettings_ISTIO_MUTUAL:
		if len(certificateWays(tls)) > 0 || ownFiles(tls) {
			c.refused(path, "mode ISTIO_MUTUAL uses the workload's own certificates, and cannot have others; Istio refuses the object", "remove them, or use mode SIMPLE or MUTUAL")
		}
	case networking.ServerTLSSettings_PASSTHROUGH, networking.ServerTLSSettings_AUTO_PASSTHROUGH:
		if len(certificateWays(tls)) > 0 || ownFiles(tls) || tls.CaCrl != "" {
			c.warn(path, "mode "+tls.Mode.String()+" uses no certificates of its own; those named here are ignored", "remove them, or use mode SIMPLE")
		}
	case networking.ServerTLSSettings_SIMPLE, networking.ServerTLSSettings_MUTUAL, networking.ServerTLSSettings_OPTIONAL_MUTUAL:
		terminates = true
	}
	if !terminates {
		return true
	}
	ways := certificateWays(tls)
	mutual := tls.Mode != networking.ServerTLSSettings_SIMPLE
	switch {
	case len(ways) > 1:
		c.fail(path, "certificates are named in several ways ("+strings.Join(ways, ", ")+"); the server is left out", "use one of them")
	case len(ways) == 0:
		c.fail(path, "a server that terminates TLS needs a certificate with its key; it is left out", "set credentialName to the name of a Secret")
	case mutual && tls.CaCertificates == "" && !strings.HasPrefix(ways[0], "credentialName"):
		if tls.CaCertCredentialName != "" || authorityFiles(tls) {
			return true
		}
		c.fail(path, "mutual TLS needs the authorities of client certificates; the server is left out", "name a file with them in caCertificates, or a Secret in caCertCredentialName")
	default:
		if tls.CaCrl != "" && (!mutual || tls.CredentialName != "") {
			c.refused(path+".caCrl", "a revocation list is for mutual TLS with certificates from files; Istio refuses the object", "remove it, or put it into the Secret under ca.crl")
		}
		return true
	}
	return false
}

// certificateWays lists the fields by which settings name certificates.
func certificateWays(tls *networking.ServerTLSSettings) []string {
	var out []string
	if tls.GetCredentialName() != "" {
		out = append(out, "credentialName")
	}
	if len(tls.GetCredentialNames()) > 0 {
		out = append(out, "credentialNames")
	}
	if tls.GetServerCertificate() != "" && tls.GetPrivateKey() != "" {
		out = append(out, "serverCertificate")
	}
	if len(tls.GetTlsCertificates()) > 0 {
		out = append(out, "tlsCertificates")
	}
	return out
}

// ownFiles reports whether settings name files.
func ownFiles(tls *networking.ServerTLSSettings) bool {
	return tls.GetServerCertificate()+tls.GetPrivateKey()+tls.GetCaCertificates() != ""
}

func authorityFiles(tls *networking.ServerTLSSettings) bool {
	for _, c := range tls.GetTlsCertificates() {
		if c.GetCaCertificates() != "" {
			return true
		}
	}
	return false
}
