package translate

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/mesh/credentials"
)

// maxCertificates is how many a server may have: one for each kind of key, as the API reference says.
const maxCertificates = 2

// termination says with which certificates a server ends TLS, and who may have signed those of clients. ok is false when it cannot:
// then it must not be served at all, least of all with fewer checks than it asks for.
func termination(s *mesh.GatewayServer, notes *problems) (chain SecureChain, ok bool) {
	tls := s.Server.GetTls()
	chain = SecureChain{TLS: tls}
	if tls.GetMode() == networking.ServerTLSSettings_ISTIO_MUTUAL {
		return chain, true
	}
	path := field("spec.servers", s.Index) + ".tls"
	if certificateSources(tls) > 1 {
		notes.fail(path, "certificates are named in several ways; the server is left out", "use one of credentialName, credentialNames, serverCertificate with privateKey, tlsCertificates")
		return chain, false
	}
	if len(s.Credentials) > 0 {
		chain.Certificates, ok = usable(s, path, notes)
	} else {
		ok = len(certificateFiles(tls)) > 0
		if !ok {
			notes.fail(path, "a server that terminates TLS needs a certificate", "set credentialName to the name of a Secret")
		}
	}
	if !ok || !mutual(tls) {
		return chain, ok
	}
	if !pinnable(tls, path, notes) {
		return chain, false
	}
	chain.CA, ok = clientAuthorities(s, path, notes)
	return chain, ok
}

// certificateSources counts the ways in which settings name certificates.
func certificateSources(tls *networking.ServerTLSSettings) int {
	n := 0
	for _, set := range []bool{
		tls.GetCredentialName() != "", len(tls.GetCredentialNames()) > 0, len(tls.GetTlsCertificates()) > 0,
		tls.GetServerCertificate() != "" && tls.GetPrivateKey() != "",
	} {
		if set {
			n++
		}
	}
	return n
}

// usable are the credentials that hold a certificate; with one of two missing, the other is served.
func usable(s *mesh.GatewayServer, path string, notes *problems) (names []string, ok bool) {
	for i, c := range s.Credentials {
		at := path + ".credentialName"
		if s.Server.GetTls().GetCredentialName() == "" {
			at = field(path+".credentialNames", i)
		}
		if i >= maxCertificates {
			notes.fail(at, "a server has at most "+strconv.Itoa(maxCertificates)+" certificates; this one is left out", "name one with an RSA key and one with an ECDSA key")
			continue
		}
		if slices.Contains(names, c.Name) {
			continue
		}
		if c.Object == nil {
			notes.fail(at, "there is no Secret "+strconv.Quote(c.Name)+" with a certificate in the gateway's namespace; connections to this server are refused",
				"create it: kubectl create secret tls, or a file of kind Secret")
			continue
		}
		if reason := credentials.PairProblem(c.Object); reason != "" {
			notes.fail(at, "the Secret "+strconv.Quote(c.Name)+" cannot be used: "+reason, "put a matching certificate and key into it")
			continue
		}
		names = append(names, c.Name)
	}
	return names, len(names) > 0
}

// clientAuthorities names the credential with the authorities of client certificates, "" where they are in files.
func clientAuthorities(s *mesh.GatewayServer, path string, notes *problems) (name string, ok bool) {
	tls := s.Server.GetTls()
	if NeedsAuthorities(s.Server) {
		at, named := path+".credentialName", s.Authorities.Name
		if tls.GetCaCertCredentialName() != "" {
			at, named = path+".caCertCredentialName", tls.GetCaCertCredentialName()
		}
		if s.Authorities.Object == nil || !credentials.HasAuthorities(s.Authorities.Object) {
			notes.fail(at, "mutual TLS needs the authorities of client certificates, and there are none in "+strconv.Quote(named),
				"add ca.crt or cacert to the Secret, or create the Secret NAME"+CASuffix)
			return "", false
		}
		return s.Authorities.Name, true
	}
	if authorityFile(tls) == "" {
		notes.fail(path+".caCertificates", "mutual TLS needs the authorities of client certificates; the server is left out", "name a file with them, or a Secret with caCertCredentialName")
		return "", false
	}
	return "", true
}

// certificateFiles are the pairs "CERTIFICATE~KEY" of files.
func certificateFiles(tls *networking.ServerTLSSettings) []string {
	if tls.GetServerCertificate() != "" && tls.GetPrivateKey() != "" {
		return []string{tls.GetServerCertificate() + "~" + tls.GetPrivateKey()}
	}
	var out []string
	for _, c := range tls.GetTlsCertificates() {
		pair := c.GetServerCertificate() + "~" + c.GetPrivateKey()
		if c.GetServerCertificate() != "" && c.GetPrivateKey() != "" && !slices.Contains(out, pair) && len(out) < maxCertificates {
			out = append(out, pair)
		}
	}
	return out
}

// authorityFile is the file with the authorities of client certificates.
func authorityFile(tls *networking.ServerTLSSettings) string {
	if tls.GetCaCertificates() != "" {
		return tls.GetCaCertificates()
	}
	for _, c := range tls.GetTlsCertificates() {
		if c.GetCaCertificates() != "" {
			return c.GetCaCertificates()
		}
	}
	return ""
}

// pinnable reports whether the hashes that clients' certificates must have can be checked; a list of which nothing is left would admit
// everybody.
func pinnable(tls *networking.ServerTLSSettings, path string, notes *problems) bool {
	check := func(name string, list []string, valid func([]string) []string, want string) {
		for i, h := range list {
			if len(valid([]string{h})) == 0 {
				notes.fail(field(path+"."+name, i), strconv.Quote(h)+" is not "+want+"; no certificate matches it", "for example from openssl dgst -sha256")
			}
		}
	}
	spki, hashes := tls.GetVerifyCertificateSpki(), tls.GetVerifyCertificateHash()
	check("verifyCertificateSpki", spki, keyHashes, "the base64 of a SHA-256 hash")
	check("verifyCertificateHash", hashes, certificateHashes, "the SHA-256 hash of a certificate in hexadecimal digits")
	return len(spki)+len(hashes) == 0 || len(keyHashes(spki))+len(certificateHashes(hashes)) > 0
}

// keyHashes keeps what is base64 of a SHA-256 hash.
func keyHashes(list []string) []string {
	var out []string
	for _, h := range list {
		if raw, err := base64.StdEncoding.DecodeString(h); err == nil && len(raw) == 32 {
			out = append(out, h)
		}
	}
	return out
}

// certificateHashes keeps what is a SHA-256 hash in hexadecimal digits, with or without colons.
func certificateHashes(list []string) []string {
	var out []string
	for _, h := range list {
		plain := strings.ReplaceAll(h, ":", "")
		if raw, err := hex.DecodeString(plain); err == nil && len(raw) == 32 && (plain == h || len(h) == 95) {
			out = append(out, plain)
		}
	}
	return out
}

// ignored reports settings that have no effect with the server's mode, and those that Envoy would not know.
func ignored(s *mesh.GatewayServer, notes *problems) {
	tls := s.Server.GetTls()
	path := field("spec.servers", s.Index) + ".tls"
	checks := []struct {
		field string
		set   bool
	}{
		{"subjectAltNames", len(tls.GetSubjectAltNames()) > 0}, {"verifyCertificateSpki", len(tls.GetVerifyCertificateSpki()) > 0},
		{"verifyCertificateHash", len(tls.GetVerifyCertificateHash()) > 0}, {"caCrl", tls.GetCaCrl() != ""},
		{"insecureSkipVerify", tls.GetInsecureSkipVerify().GetValue()}, {"caCertCredentialName", tls.GetCaCertCredentialName() != ""},
	}
	for _, c := range checks {
		if c.set && !mutual(tls) {
			notes.warn(path+"."+c.field, "has an effect with mode MUTUAL and OPTIONAL_MUTUAL only", "use one of them, or remove it")
		}
	}
	if mutual(tls) && tls.GetCaCrl() != "" && NeedsAuthorities(s.Server) {
		notes.warn(path+".caCrl", "has no effect beside a credential", "put the list into the Secret, under ca.crl or crl")
	}
	parameters(tls, path, notes)
}

// parameters reports versions and suites that do not work together or that Envoy does not know.
func parameters(tls *networking.ServerTLSSettings, path string, notes *problems) {
	for i, c := range tls.GetCipherSuites() {
		if !slices.Contains(ciphers, c) {
			notes.fail(field(path+".cipherSuites", i), strconv.Quote(c)+" is not a suite that Envoy has; it is left out", "use one of "+strings.Join(ciphers[:4], ", "))
		}
	}
	if len(tls.GetCipherSuites()) > 0 && len(knownCiphers(tls.GetCipherSuites())) == 0 {
		notes.warn(path+".cipherSuites", "nothing is left of the list; Envoy's default suites are used", "name suites that the API reference lists")
	}
	low, high := tls.GetMinProtocolVersion(), tls.GetMaxProtocolVersion()
	lowest := cmp.Or(low, networking.ServerTLSSettings_TLSV1_2)
	if high != networking.ServerTLSSettings_TLS_AUTO && high < lowest {
		notes.warn(path+".maxProtocolVersion", "is below the lowest version, "+lowest.String()+"; it is ignored", "set minProtocolVersion to a lower one as well")
	}
	if (low == networking.ServerTLSSettings_TLSV1_0 || low == networking.ServerTLSSettings_TLSV1_1) && len(tls.GetCipherSuites()) == 0 {
		notes.warn(path+".minProtocolVersion", "Envoy's default suites do not work with versions below TLSV1_2", "name cipherSuites too, for example ECDHE-RSA-AES128-SHA")
	}
}

func mutual(tls *networking.ServerTLSSettings) bool {
	m := tls.GetMode()
	return m == networking.ServerTLSSettings_MUTUAL || m == networking.ServerTLSSettings_OPTIONAL_MUTUAL
}
