package destinations_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/meshtest"
)

// authority signs certificates for the tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	next int64
	pem  []byte
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{next: 100}
	a.key = newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the tests' authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, SubjectKeyId: []byte{1, 2, 3},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	check(t, err)
	a.cert, err = x509.ParseCertificate(der)
	check(t, err)
	a.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	return key
}

// sign returns a certificate for a name, its key and its serial number.
func (a *authority) sign(t *testing.T, name string) (cert, key []byte, serial *big.Int) {
	t.Helper()
	a.next++
	k, serial := newKey(t), big.NewInt(a.next)
	template := &x509.Certificate{SerialNumber: serial, DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &k.PublicKey, a.key)
	check(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(k)
	check(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), serial
}

// revoke lists certificates that hold no more.
func (a *authority) revoke(t *testing.T, serials ...*big.Int) []byte {
	t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour)}
	for _, n := range serials {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: n, RevocationTime: time.Now()})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.cert, a.key)
	check(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// secureServer says under which name it was asked, and who asked.
func secureServer(t *testing.T, a *authority, cert, key []byte) uint32 {
	t.Helper()
	pair, err := tls.X509KeyPair(cert, key)
	check(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			client := "nobody"
			if len(r.TLS.PeerCertificates) > 0 {
				client = r.TLS.PeerCertificates[0].DNSNames[0]
			}
			_, _ = fmt.Fprintf(w, "%s for %s", r.TLS.ServerName, client)
		}),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool, MinVersion: tls.VersionTLS12},
	}
	server.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are the point
	var running sync.WaitGroup
	running.Go(func() { _ = server.ServeTLS(l, "", "") })
	t.Cleanup(func() { _ = server.Close(); running.Wait() })
	return meshtest.ListenPort(l)
}

func TestClientTLS(t *testing.T) {
	s := newSuite(t)
	a, dir := newAuthority(t), t.TempDir()
	serverCert, serverKey, serial := a.sign(t, "secure.example.com")
	clientCert, clientKey, _ := a.sign(t, "the-client")
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		check(t, os.WriteFile(path, data, 0o600))
		return path
	}
	ca, cert, key := file("ca.pem", a.pem), file("cert.pem", clientCert), file("key.pem", clientKey)
	clean, revoked := file("clean.crl", a.revoke(t)), file("revoked.crl", a.revoke(t, serial))
	entry := strings.Replace(external("secure.example.com", "HTTP", secureServer(t, a, serverCert, serverKey)), "number: 443", "number: 80", 1)
	try := func(name, settings, answer string) {
		s.Case(name, entry+rule("secure.example.com", "{tls: {"+settings+"}}"), func(t *testing.T) { s.secure(t, answer) })
	}
	try("SIMPLE", "mode: SIMPLE, caCertificates: "+ca, "secure.example.com for nobody")
	try("of another authority", "mode: SIMPLE, caCertificates: "+file("other.pem", newAuthority(t).pem), "")
	try("insecureSkipVerify", "mode: SIMPLE, insecureSkipVerify: true", "secure.example.com for nobody")
	try("sni", "mode: SIMPLE, sni: other.example.com, caCertificates: "+ca, "other.example.com for nobody")
	try("subjectAltNames", "mode: SIMPLE, subjectAltNames: [secure.example.com], caCertificates: "+ca, "for nobody")
	try("other subjectAltNames", "mode: SIMPLE, subjectAltNames: [other.example.com], caCertificates: "+ca, "")
	try("MUTUAL", "mode: MUTUAL, caCertificates: "+ca+", clientCertificate: "+cert+", privateKey: "+key, "for the-client")
	try("caCrl", "mode: SIMPLE, caCertificates: "+ca+", caCrl: "+clean, "for nobody")
	try("caCrl that names the server", "mode: SIMPLE, caCertificates: "+ca+", caCrl: "+revoked, "")
	s.Case("DISABLE", entry+rule("secure.example.com", "{tls: {mode: DISABLE}}"), func(t *testing.T) {
		meshtest.Expect(t, s.client.Client(), "http://secure.example.com/", http.StatusBadRequest, "sent an HTTP request")
	})
	secret := "\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: client-credential, namespace: default}\ndata: {" +
		"tls.crt: " + encoded(clientCert) + ", tls.key: " + encoded(clientKey) + ", ca.crt: " + encoded(a.pem) + "}\n"
	selected := strings.Replace(rule("secure.example.com", "{tls: {mode: MUTUAL, credentialName: client-credential}}"), "spec: {", "spec: {workloadSelector: {matchLabels: {app: client}}, ", 1)
	s.Case("credentialName", entry+secret+selected, func(t *testing.T) { s.secure(t, "for the-client") })
	s.Case("ISTIO_MUTUAL", rule("server", "{tls: {mode: ISTIO_MUTUAL}}"), func(t *testing.T) {
		meshtest.Expect(t, s.client.Client(), "http://server/", http.StatusOK, "URI=spiffe://cluster.local/ns/default/sa/client")
	})
	s.Case("portLevelSettings", rule("server", "{tls: {mode: SIMPLE}, portLevelSettings: [{port: {number: 80}, tls: {mode: ISTIO_MUTUAL}}]}"), func(t *testing.T) {
		meshtest.Expect(t, s.client.Client(), "http://server/", http.StatusOK, "")
		meshtest.Expect(t, s.client.Client(), "http://server:81/", http.StatusServiceUnavailable, "")
	})
}

// secure wants a part of the answer of the TLS server; none means that there is no connection.
func (s *suite) secure(t *testing.T, answer string) {
	t.Helper()
	if answer == "" {
		meshtest.Expect(t, s.client.Client(), "http://secure.example.com/", http.StatusServiceUnavailable, "")
		return
	}
	meshtest.Expect(t, s.client.Client(), "http://secure.example.com/", http.StatusOK, answer)
}

func encoded(data []byte) string { return base64.StdEncoding.EncodeToString(data) }
