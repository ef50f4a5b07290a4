package gateways_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/meshtest"
)

// origin is a server outside the mesh. It answers "ORIGIN NAME PATH", the host asked for, the server name and the client's certificate.
type origin struct {
	listener net.Listener
	port     uint32
}

// startOrigin serves HTTPS as the certificate's name; clients must have a certificate of an authority where one is given.
func startOrigin(t *testing.T, certificate pair, clients *authority) *origin {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	return serveOrigin(t, l, certificate, clients)
}

func serveOrigin(t *testing.T, l net.Listener, certificate pair, clients *authority) *origin {
	config := &tls.Config{Certificates: []tls.Certificate{certificate.tls}}
	if clients != nil {
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		config.ClientCAs.AddCert(clients.cert)
	}
	name := certificate.leaf.DNSNames[0]
	server := &http.Server{TLSConfig: config, ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client := ""
		if len(r.TLS.PeerCertificates) > 0 {
			client = r.TLS.PeerCertificates[0].DNSNames[0]
		}
		fmt.Fprintf(w, "origin %s %s host=%s sni=%s client=%s via=%s", name, r.URL.Path, r.Host, r.TLS.ServerName, client, r.Header.Get("X-Via"))
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.ServeTLS(l, "", "") }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return &origin{listener: l, port: meshtest.ListenPort(l)}
}
