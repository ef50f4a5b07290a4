package authzequal_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/pkg/authz"
)

// patience is how long an answer may take.
const patience = 5 * time.Second

// authority signs certificates of any trust domain.
type authority struct {
	t       *testing.T
	key     *ecdsa.PrivateKey
	cert    *x509.Certificate
	root    []byte
	clients map[string]tls.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	check(t, err)
	cert, err := x509.ParseCertificate(der)
	check(t, err)
	a := &authority{t: t, key: key, cert: cert, root: block("CERTIFICATE", der), clients: map[string]tls.Certificate{}}
	for _, id := range identities {
		pair, err := tls.X509KeyPair(a.issue(id))
		check(t, err)
		a.clients[id] = pair
	}
	return a
}

// issue returns a certificate and its key in PEM for a SPIFFE id.
func (a *authority) issue(id string) (chain, key []byte) {
	a.t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(a.t, err)
	u, err := url.Parse(id)
	check(a.t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), URIs: []*url.URL{u},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &k.PublicKey, a.key)
	check(a.t, err)
	encoded, err := x509.MarshalECPrivateKey(k)
	check(a.t, err)
	return block("CERTIFICATE", der), block("EC PRIVATE KEY", encoded)
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// answer is what the proxy did: status 0 is a connection that was closed without an answer.
type answer struct {
	allowed bool
	status  int
	body    string
}

func (a answer) String() string {
	return fmt.Sprintf("allowed=%v status=%d %q", a.allowed, a.status, a.body)
}

// ask sends a request to a listener as the evaluator is told that it is, with a header that no policy asks for.
func (a *authority) ask(address string, r authz.Request, header string) answer {
	conn, err := a.dial(address, r)
	if err != nil {
		return answer{body: err.Error()}
	}
	defer conn.Close()
	if r.HTTP == nil {
		_, err = io.WriteString(conn, "\x00\x01\r\n\r\n")
	} else {
		_, err = io.WriteString(conn, wire(r.HTTP, header))
	}
	if err != nil {
		return answer{body: err.Error()}
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return answer{body: err.Error()}
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return answer{allowed: resp.StatusCode == http.StatusOK && string(body) == greeting, status: resp.StatusCode, body: string(body)}
}

func (a *authority) dial(address string, r authz.Request) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: r.Source.AsSlice()}, Timeout: envoytest.Timeout}
	conn, err := d.Dial("tcp4", address)
	if err != nil {
		a.t.Error(err) // nobody may refuse that
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintf(conn, "PROXY TCP4 %s %s 40000 %d\r\n", r.Remote, r.Destination, r.Port); err != nil || r.Peer == "" {
		return conn, err
	}
	return tls.Client(conn, &tls.Config{
		InsecureSkipVerify: true, ServerName: r.SNI, NextProtos: []string{"istio"}, Certificates: []tls.Certificate{a.clients[r.Peer]},
		ClientSessionCache: nil, MinVersion: tls.VersionTLS12,
	}), nil
}

// wire writes a request as it is, without what Go would correct.
func wire(h *authz.HTTP, header string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n", h.Method, h.Path, h.Host, header)
	for _, h := range h.Headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h.Name, h.Value)
	}
	b.WriteString("\r\n")
	return b.String()
}
