package xdsserver

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/pkg/xds"
)

// With room for a byte, responses go one by one, and all go.
func TestManyProxiesWithinTheBudget(t *testing.T) {
	resources := []*xds.Resource{}
	for i := range 50 {
		resources = append(resources, cluster(fmt.Sprint("c", i), i))
	}
	_, s, address := serve(t, Options{BytesInFlight: 1}, resources...)
	var clients sync.WaitGroup
	for range 20 {
		c := newDeltaClient(t, address)
		clients.Go(func() {
			c.ask(xds.ClusterType)
			if r := <-c.responses; len(r.GetResources()) != 50 {
				t.Errorf("got %d resources", len(r.GetResources()))
			} else {
				c.last[xds.ClusterType] = r
				c.ack(xds.ClusterType)
			}
		})
	}
	clients.Wait()
	synced(t, s)
	if !s.budget.TryAcquire(1) {
		t.Error("the budget was not given back")
	}
}

// A proxy that reads nothing holds up its own stream only.
func TestStuckProxy(t *testing.T) {
	big := cluster(strings.Repeat("long", 1<<20), 1)
	m, s, address := serve(t, Options{}, big)
	stuck, err := dial(t, address).DeltaAggregatedResources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stuck.Send(&discoveryv3.DeltaDiscoveryRequest{Node: &corev3.Node{Id: "stuck"}, TypeUrl: xds.ClusterType}); err != nil {
		t.Fatal(err)
	}
	c := newDeltaClient(t, address)
	c.ask(xds.ClusterType)
	for i := range 20 {
		c.next()
		c.ack(xds.ClusterType)
		m.set(big, cluster("c", i+2))
	}
	for _, p := range s.Status() {
		if p.Node == "stuck" && p.Types[0].State != Stale {
			t.Errorf("got %+v", p)
		}
	}
}

func TestIdentityOfThePeer(t *testing.T) {
	uri := &url.URL{Scheme: "spiffe", Host: "cluster.local", Path: "/ns/shop/sa/web"}
	certificate, pool := selfSigned(t, uri)
	m := &mesh{sessions: map[*session]bool{}}
	seen := make(chan *ca.Identity, 1)
	m.set(resource("cert", &tlsv3.Secret{Name: "cert"}))
	m.refuse = func(_ *corev3.Node, peer *ca.Identity) error {
		seen <- peer
		return nil
	}
	s := New(Options{Views: m})
	server := grpc.NewServer(append(ServerOptions(), grpc.Creds(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, MinVersion: tls.VersionTLS13,
	})))...)
	s.Register(server)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{certificate}, RootCAs: pool, ServerName: "localhost", MinVersion: tls.VersionTLS13,
	})))
	if err != nil {
		t.Fatal(err)
	}
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&discoveryv3.DeltaDiscoveryRequest{Node: &corev3.Node{Id: nodeID}, TypeUrl: xds.SecretType, ResourceNamesSubscribe: []string{"cert"}}); err != nil {
		t.Fatal(err)
	}
	if r, err := stream.Recv(); err != nil || len(r.GetResources()) != 1 {
		t.Fatalf("a proxy with a certificate got %v, %v instead of its secret", r, err)
	}
	if got := <-seen; got == nil || got.String() != uri.String() {
		t.Errorf("got %v", got)
	}
	if got := s.Status()[0].Identity; got == nil || got.ServiceAccount != "web" {
		t.Errorf("got %v", got)
	}
	_ = conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Error(err)
	}
	server.Stop()
	<-done
}

func selfSigned(t *testing.T, uri *url.URL) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), URIs: []*url.URL{uri}, DNSNames: []string{"localhost"},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}
