package gateways_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

// secure is a gateway whose servers, all on one port, differ in their tls settings.
type secure struct {
	*meshtest.Mesh
	gateway *meshtest.Workload
	ca      *authority // of servers and clients
	good    pair       // a client's
}

// servers are HTTPS servers of port 8443, one for each host "NAME.example.com", by their tls settings.
func servers(tls map[string]string) string {
	var b strings.Builder
	b.WriteString("{selector: {istio: ingressgateway}, servers: [")
	for name, settings := range tls {
		fmt.Fprintf(&b, "{port: {number: 8443, name: %s, protocol: HTTPS}, hosts: [%s.example.com], tls: %s},\n", name, name, settings)
	}
	return document("Gateway", "default", "edge", b.String()+"]}") +
		document("VirtualService", "default", "edge", `{hosts: ["*"], gateways: [edge], http: [{route: [{destination: {host: web, port: {number: 80}}}]}]}`)
}

// try sends a request to NAME.example.com, as a client with certificates or none; tune changes the handshake.
func (s *secure) try(name string, certificate *pair, tune ...func(*tls.Config)) (meshtest.Answer, error) {
	config := &tls.Config{RootCAs: s.ca.pool(), ServerName: name + ".example.com"}
	if certificate != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certificate.tls, nil }
	}
	for _, f := range tune {
		f(config)
	}
	client := s.gateway.ClientOf(&http.Transport{
		TLSClientConfig: config, DisableKeepAlives: true, DialContext: s.gateway.DialTo(fmt.Sprintf("127.0.0.1:%d", s.gateway.Port("gateway|8443"))),
	})
	return meshtest.Try(client, meshtest.Request{URL: "https://" + name + ".example.com/x"})
}

// admits wants an answer; refuses wants none.
func (s *secure) admits(name string, certificate *pair, tune ...func(*tls.Config)) meshtest.Answer {
	s.T().Helper()
	var a meshtest.Answer
	envoytest.Eventually(s.T(), name, func() (err error) {
		if a, err = s.try(name, certificate, tune...); err == nil && (a.Status != 200 || a.Echo.Program != "web-v1") {
			err = fmt.Errorf("%d %s", a.Status, a.Body)
		}
		return err
	})
	return a
}

func (s *secure) refuses(name string, certificate *pair, tune ...func(*tls.Config)) {
	s.T().Helper()
	if a, err := s.try(name, certificate, tune...); err == nil {
		s.T().Errorf("%s answers %d %s", name, a.Status, a.Body)
	}
}

func TestServerTLS(t *testing.T) {
	m := meshtest.New(t, map[string]string{"web.yaml": webService})
	start(m, "v1")
	s := &secure{Mesh: m, gateway: m.Start(meshtest.Gateway("ingress")), ca: newAuthority(t)}
	s.good = s.ca.issue("client.example.com")
	s.certificates()
	s.clients()
	s.files()
	s.parameters()
	s.mistakes()
}

func (s *secure) certificates() {
	ecdsa, rsa, stapled := s.ca.issue("pair.example.com"), s.ca.issueRSA("pair.example.com"), s.ca.issue("stapled.example.com")
	data := stapled.data()
	data["tls.ocsp-staple"] = s.ca.staple(stapled)
	yaml := servers(map[string]string{
		"simple": "{mode: SIMPLE, credentialName: 'kubernetes://simple'}", "pair": "{mode: SIMPLE, credentialNames: [rsa, ecdsa], maxProtocolVersion: TLSV1_2}", "stapled": "{mode: SIMPLE, credentialName: stapled}",
		"half": "{mode: SIMPLE, credentialNames: [nowhere, half]}", "none": "{mode: SIMPLE, credentialName: nowhere}",
	}) + secret("simple", s.ca.issue("simple.example.com").data()) + secret("rsa", rsa.data()) + secret("ecdsa", ecdsa.data()) +
		secret("stapled", data) + secret("half", s.ca.issue("half.example.com").data())
	s.Case("certificates", yaml, func(t *testing.T) {
		if a := s.admits("simple", nil); a.Echo.Host != "simple.example.com" || a.Echo.Header.Get("X-Forwarded-Proto") != "https" {
			t.Errorf("%s", a.Body)
		}
		s.admits("half", nil)
		s.refuses("none", nil)
		told(t, s.Mesh, `no Secret "nowhere"`)
		// With TLS 1.3 at hand, Envoy goes by the signatures that a client knows, and Go's knows all.
		for _, suite := range []struct {
			id   uint16
			want pair
		}{{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, rsa}, {tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, ecdsa}} {
			var got *x509.Certificate
			s.admits("pair", nil, func(c *tls.Config) {
				c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{suite.id}
				c.VerifyConnection = func(state tls.ConnectionState) error { got = state.PeerCertificates[0]; return nil }
			})
			if !got.Equal(suite.want.leaf) {
				t.Errorf("%s: certificate with a %v key", tls.CipherSuiteName(suite.id), got.PublicKeyAlgorithm)
			}
		}
		var response []byte
		s.admits("stapled", nil, func(c *tls.Config) {
			c.VerifyConnection = func(state tls.ConnectionState) error { response = state.OCSPResponse; return nil }
		})
		if string(response) != string(data["tls.ocsp-staple"]) {
			t.Errorf("OCSP response of %d bytes", len(response))
		}
	})
}

func (s *secure) clients() {
	server := func(name string) map[string][]byte { return s.ca.issue(name + ".example.com").data() }
	own := server("own")
	own["ca.crt"] = s.ca.root()
	revoked, other := s.ca.issue("revoked.example.com"), newAuthority(s.T())
	foreign := other.issue("client.example.com")
	yaml := servers(map[string]string{
		"own": "{mode: MUTUAL, credentialName: own}", "apart": "{mode: MUTUAL, credentialName: apart}", "optional": "{mode: OPTIONAL_MUTUAL, credentialName: own}",
		"map": "{mode: MUTUAL, credentialName: own, caCertCredentialName: 'configmap://istio-system/authorities'}", "named": "{mode: MUTUAL, credentialNames: [own], caCertCredentialName: apart-cacert}",
		"names":  "{mode: MUTUAL, credentialName: own, subjectAltNames: [somebody.example.com]}",
		"hash":   fmt.Sprintf("{mode: MUTUAL, credentialName: own, verifyCertificateHash: [%s]}", s.good.hash()),
		"spki":   fmt.Sprintf("{mode: MUTUAL, credentialName: own, verifyCertificateSpki: ['%s', broken]}", s.good.spki()),
		"broken": "{mode: MUTUAL, credentialName: own, verifyCertificateSpki: [broken]}", "lax": "{mode: MUTUAL, credentialName: own, insecureSkipVerify: true}",
	}) + secret("own", own) + secret("apart", server("apart")) + secret("apart-cacert", map[string][]byte{"cacert": s.ca.root(), "crl": s.ca.revoke(revoked)}) +
		"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: authorities, namespace: istio-system}\ndata:\n  ca.crt: |\n    " + strings.ReplaceAll(string(other.root()), "\n", "\n    ") + "\n"
	anyName := func(c *tls.Config) { c.InsecureSkipVerify = true }
	s.Case("clients", yaml, func(t *testing.T) {
		if a := s.admits("own", &s.good); !strings.Contains(a.Echo.Header.Get("X-Forwarded-Client-Cert"), "sa/ingress") {
			t.Errorf("%s", a.Body)
		}
		s.refuses("own", nil)
		s.refuses("own", &foreign)
		s.admits("own", &revoked)
		s.admits("apart", &s.good)
		s.refuses("apart", &revoked)
		s.admits("optional", nil, anyName)
		s.admits("optional", &s.good, anyName)
		s.refuses("optional", &foreign, anyName)
		s.admits("map", &foreign, anyName)
		s.refuses("map", &s.good, anyName)
		s.admits("named", &s.good, anyName)
		s.refuses("named", &revoked, anyName)
		s.refuses("names", &s.good, anyName)
		somebody := s.ca.issue("somebody.example.com")
		s.admits("names", &somebody, anyName)
		s.admits("hash", &s.good, anyName)
		s.refuses("hash", &somebody, anyName)
		s.admits("spki", &s.good, anyName)
		s.refuses("spki", &somebody, anyName)
		s.refuses("broken", &s.good, anyName)
		told(t, s.Mesh, `"broken" is not the base64 of a SHA-256 hash`)
		s.admits("lax", &foreign, anyName)
		s.refuses("lax", nil, anyName)
	})
}

func (s *secure) files() {
	one, rsa, ecdsa, revoked := s.ca.issue("one.example.com"), s.ca.issueRSA("two.example.com"), s.ca.issue("two.example.com"), s.ca.issue("revoked.example.com")
	roots, list := file(s.T(), "ca.pem", s.ca.root()), file(s.T(), "crl.pem", s.ca.revoke(revoked))
	files := func(p pair) string {
		return fmt.Sprintf("serverCertificate: %s, privateKey: %s", file(s.T(), "cert.pem", p.cert), file(s.T(), "key.pem", p.key))
	}
	yaml := servers(map[string]string{
		"one": fmt.Sprintf("{mode: MUTUAL, %s, caCertificates: %s, caCrl: %s}", files(one), roots, list),
		"two": fmt.Sprintf("{mode: MUTUAL, tlsCertificates: [{%s}, {%s, caCertificates: %s}], maxProtocolVersion: TLSV1_2}", files(rsa), files(ecdsa), roots),
	})
	s.Case("files", yaml, func(t *testing.T) {
		s.admits("one", &s.good)
		s.refuses("one", &revoked)
		s.refuses("one", nil)
		s.admits("two", &s.good, func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
		})
		s.admits("two", &s.good, func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
		})
		s.refuses("two", nil)
	})
}

func (s *secure) parameters() {
	any := s.ca.issue("any.example.com").data()
	yaml := servers(map[string]string{
		"any": "{mode: SIMPLE, credentialName: any}", "new": "{mode: SIMPLE, credentialName: any, minProtocolVersion: TLSV1_3}",
		"old":   "{mode: SIMPLE, credentialName: any, maxProtocolVersion: TLSV1_2, cipherSuites: [ECDHE-ECDSA-AES256-GCM-SHA384, DES-CBC3-SHA, NO-SUCH-SUITE]}",
		"older": "{mode: SIMPLE, credentialName: any, minProtocolVersion: TLSV1_1, cipherSuites: [ECDHE-ECDSA-AES128-SHA]}",
		"wrong": "{mode: SIMPLE, credentialName: any, maxProtocolVersion: TLSV1_1}",
	}) + secret("any", any)
	limit := func(low, high uint16, suites ...uint16) func(*tls.Config) {
		return func(c *tls.Config) {
			c.MinVersion, c.MaxVersion, c.CipherSuites, c.InsecureSkipVerify = low, high, suites, true
		}
	}
	s.Case("parameters", yaml, func(t *testing.T) {
		s.admits("any", nil, limit(tls.VersionTLS12, tls.VersionTLS12))
		s.refuses("any", nil, limit(tls.VersionTLS11, tls.VersionTLS11))
		s.admits("new", nil, limit(0, 0))
		s.refuses("new", nil, limit(tls.VersionTLS12, tls.VersionTLS12))
		s.admits("old", nil, limit(0, 0, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384))
		s.refuses("old", nil, limit(0, tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256))
		s.refuses("old", nil, limit(tls.VersionTLS13, 0))
		s.admits("older", nil, limit(tls.VersionTLS11, tls.VersionTLS11, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA))
		s.admits("wrong", nil, limit(0, 0))
		told(t, s.Mesh, `"NO-SUCH-SUITE" is not a suite that Envoy has`)
		told(t, s.Mesh, "is below the lowest version, TLSV1_2")
	})
}

// mistakes leave a server out, or have no effect, and never harm the others.
func (s *secure) mistakes() {
	good, small := s.ca.issue("good.example.com"), s.ca.issue("small.example.com")
	bare := s.ca.issue("bare.example.com").data()
	list := s.ca.issue("list.example.com").data()
	list["ca.crt"], list["ca.crl"] = s.ca.root(), []byte("no list")
	staple := small.data()
	staple["tls.ocsp-staple"] = s.ca.staple(good)
	yaml := servers(map[string]string{
		"good": "{mode: SIMPLE, credentialName: good, subjectAltNames: [x], httpsRedirect: true}", "bare": "{mode: MUTUAL, credentialName: bare}",
		"list": "{mode: MUTUAL, credentialName: list}", "staple": "{mode: SIMPLE, credentialName: staple}", "mixed": "{mode: SIMPLE, credentialName: good, credentialNames: [good]}",
		"many": "{mode: SIMPLE, credentialNames: [good, staple, bare]}", "file": "{mode: SIMPLE, serverCertificate: /no/cert.pem, privateKey: /no/key.pem}", "empty": "{mode: SIMPLE}",
		"clients": "{mode: MUTUAL, serverCertificate: /no/cert.pem, privateKey: /no/key.pem}", "mesh": "{mode: ISTIO_MUTUAL, credentialName: good}",
	}) + document("Gateway", "default", "other", `{selector: {istio: ingressgateway}, servers: [
		{port: {number: 8443, name: again, protocol: HTTPS}, hosts: [good.example.com], tls: {mode: SIMPLE, credentialName: good}},
		{port: {number: 8444, name: plain, protocol: HTTP}, hosts: ["*"], tls: {mode: SIMPLE, credentialName: good}},
		{port: {number: 8445, name: odd, protocol: SPDY}, hosts: ["*"]}, {port: {number: 8446, name: bare, protocol: TLS}, hosts: ["*"]}]}`) +
		secret("good", good.data()) + secret("bare", bare) + secret("list", list) + secret("staple", staple)
	s.Case("mistakes", yaml, func(t *testing.T) {
		s.admits("good", nil)
		s.admits("staple", nil, func(c *tls.Config) { c.ServerName, c.InsecureSkipVerify = "staple.example.com", true })
		for _, name := range []string{"bare", "list", "mixed", "file", "empty", "clients"} {
			s.refuses(name, &s.good)
		}
		for _, message := range []string{
			"has an effect with mode MUTUAL and OPTIONAL_MUTUAL only", "has an effect with plaintext HTTP only", `there are none in "bare-cacert"`,
			"the certificate revocation list is not valid PEM", "is not one for the certificate", "certificates are named in several ways", "at most 2 certificates",
			"a server that terminates TLS needs a certificate", "mutual TLS needs the authorities of client certificates; the server is left out",
			"mode ISTIO_MUTUAL uses the workload's own certificates", `"good.example.com" is already served on port 8443`, "speaks plaintext and cannot have tls settings",
			`"SPDY" is not a protocol that a gateway serves`, "a server of protocol TLS needs tls settings",
		} {
			told(t, s.Mesh, message)
		}
	})
}
