package translate

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	adminv3 "github.com/envoyproxy/go-control-plane/envoy/admin/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	secretservicev3 "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	serverv3 "github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// control serves translated resources to live Envoys over delta ADS, and the agents' secrets.
type control struct {
	address string
	cache   cachev3.SnapshotCache
	ca      *authority

	mu       sync.Mutex
	version  int
	rejected []string
	nodes    map[int64]string
}

func startControl(t *testing.T) *control {
	t.Helper()
	c := &control{cache: cachev3.NewSnapshotCache(true, cachev3.IDHash{}, nil), ca: newAuthority(t), nodes: map[int64]string{}}
	ctx, cancel := context.WithCancel(context.Background())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.address = l.Addr().String()
	s := grpc.NewServer()
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(s, serverv3.NewServer(ctx, c.cache, serverv3.CallbackFuncs{
		StreamDeltaRequestFunc: func(_ int64, r *discoveryv3.DeltaDiscoveryRequest) error {
			if r.ErrorDetail != nil {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.rejected = append(c.rejected, r.TypeUrl+": "+r.ErrorDetail.Message)
			}
			return nil
		},
	}))
	secretservicev3.RegisterSecretDiscoveryServiceServer(s, &agentSecrets{ca: c.ca, done: ctx.Done()})
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { cancel(); s.Stop(); <-done })
	return c
}

// set makes the resources the wanted state of a proxy. Ports that only root or one process may have are left to the kernel.
func (c *control) set(t *testing.T, id string, r *resources) {
	t.Helper()
	for _, l := range r.listeners {
		if l.Name == VirtualOutbound || l.Name == VirtualInbound {
			l.Address = socketAddress(loopback, 0)
		}
	}
	c.mu.Lock()
	c.version++
	v := strconv.Itoa(c.version)
	c.rejected = nil
	for _, a := range r.endpoints { // a changed cluster waits for its endpoints: they must be sent again
		a.Policy = &endpointv3.ClusterLoadAssignment_Policy{OverprovisioningFactor: wrapperspb.UInt32(uint32(140 + c.version))}
	}
	c.mu.Unlock()
	s, err := cachev3.NewSnapshot(v, map[resourcev3.Type][]types.Resource{
		resourcev3.ClusterType: generic(r.clusters), resourcev3.EndpointType: generic(r.endpoints), resourcev3.ListenerType: generic(r.listeners),
		resourcev3.RouteType: generic(r.routes), resourcev3.SecretType: generic(r.secrets),
	})
	if err == nil {
		err = c.cache.SetSnapshot(context.Background(), id, s)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func generic[T types.Resource](list []T) []types.Resource {
	out := make([]types.Resource, len(list))
	for i, r := range list {
		out[i] = r
	}
	return out
}

func (c *control) nacks() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rejected
}

// running is a live Envoy with the resources that it should run.
type running struct {
	*envoytest.Envoy
	id      string
	control *control
}

// envoy starts an Envoy for a proxy and waits until it runs its resources.
func (c *control) envoy(t *testing.T, p mesh.Proxy, r *resources) *running {
	t.Helper()
	c.ca.identify(p.ID, "spiffe://cluster.local/ns/"+p.Namespace+"/sa/"+p.ServiceAccount)
	c.set(t, p.ID, r)
	e := &running{Envoy: envoytest.Start(t, c.bootstrap(p.ID)), id: p.ID, control: c}
	e.settle(t, r)
	return e
}

// settle waits until Envoy runs exactly the resources; a rejection fails the test with Envoy's words.
func (e *running) settle(t *testing.T, r *resources) {
	t.Helper()
	envoytest.Eventually(t, "envoy to run what was translated", func() error {
		if n := e.control.nacks(); len(n) > 0 {
			t.Fatalf("envoy rejects: %s", strings.Join(n, "\n"))
		}
		return e.runs(t, r)
	})
}

// runs compares Envoy's dump with the resources.
func (e *running) runs(t *testing.T, r *resources) error {
	dump := &adminv3.ConfigDump{}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(e.ConfigDump(t), dump); err != nil {
		return err
	}
	got := map[string]*anypb.Any{}
	for _, part := range dump.Configs {
		m, err := part.UnmarshalNew()
		if err != nil {
			return err
		}
		switch m := m.(type) {
		case *adminv3.ClustersConfigDump:
			for _, c := range m.DynamicWarmingClusters {
				return fmt.Errorf("a cluster is still warming: %.200v", c.Cluster)
			}
			for _, c := range m.DynamicActiveClusters {
				got[anyName(c.Cluster)] = c.Cluster
			}
		case *adminv3.ListenersConfigDump:
			for _, l := range m.DynamicListeners {
				if l.DrainingState != nil && l.ActiveState == nil && l.WarmingState == nil && l.ErrorState == nil {
					continue // one of the case before
				}
				if l.WarmingState != nil || l.ErrorState != nil || l.ActiveState == nil {
					return fmt.Errorf("listener %s is not active: %v", l.Name, l.ErrorState)
				}
				got[anyName(l.ActiveState.Listener)] = l.ActiveState.Listener
			}
		case *adminv3.RoutesConfigDump:
			for _, rc := range m.DynamicRouteConfigs {
				got[anyName(rc.RouteConfig)] = rc.RouteConfig
			}
		}
	}
	var missing error
	r.each(func(m proto.Message) {
		want := pack(m)
		if strings.HasSuffix(want.TypeUrl, "ClusterLoadAssignment") || strings.HasSuffix(want.TypeUrl, "Secret") {
			return
		}
		if rc, ok := m.(*routev3.RouteConfiguration); ok && !r.refersTo(rc.Name) {
			return // no listener of this proxy needs it
		}
		if have := got[anyName(want)]; have == nil {
			missing = fmt.Errorf("envoy has no %s", anyName(want))
		} else if inner, err := have.UnmarshalNew(); err != nil || !proto.Equal(inner, m) {
			missing = fmt.Errorf("envoy runs another %s", anyName(want))
		}
	})
	return missing
}

// refersTo reports whether a listener takes the route.
func (r *resources) refersTo(route string) bool {
	rds, _ := proto.Marshal(&hcmv3.Rds{RouteConfigName: route})
	for _, l := range r.listeners {
		if encoded, _ := proto.Marshal(l); bytes.Contains(encoded, rds) {
			return true
		}
	}
	return false
}

func anyName(a *anypb.Any) string {
	m, err := a.UnmarshalNew()
	if err != nil {
		return ""
	}
	if n, ok := m.(interface{ GetName() string }); ok {
		return a.TypeUrl + " " + n.GetName()
	}
	return a.TypeUrl
}

func (c *control) bootstrap(id string) []byte {
	host, port, _ := net.SplitHostPort(c.address)
	cluster := func(name string) string {
		return fmt.Sprintf(`{"name":%q,"type":"STATIC","connect_timeout":"5s","typed_extension_protocol_options":{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions":{
"@type":"type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions","explicit_http_config":{"http2_protocol_options":{}}}},
"load_assignment":{"cluster_name":%q,"endpoints":[{"lb_endpoints":[{"endpoint":{"address":{"socket_address":{"address":%q,"port_value":%s}}}}]}]}}`, name, name, host, port)
	}
	return []byte(fmt.Sprintf(`{"node":{"id":%q,"cluster":"test"},
"admin":{"address":{"socket_address":{"address":"127.0.0.1","port_value":0}}},
"dynamic_resources":{"ads_config":{"api_type":"DELTA_GRPC","transport_api_version":"V3","set_node_on_first_message_only":true,"grpc_services":[{"envoy_grpc":{"cluster_name":"xds-grpc"}}]},
"cds_config":{"ads":{},"resource_api_version":"V3"},"lds_config":{"ads":{},"resource_api_version":"V3"}},
"static_resources":{"clusters":[%s,%s]}}`, id, cluster("xds-grpc"), cluster(SDSCluster)))
}

// agentSecrets serves what an agent serves: the workload's certificate and the roots, at once and never again.
type agentSecrets struct {
	secretservicev3.UnimplementedSecretDiscoveryServiceServer
	ca   *authority
	done <-chan struct{}
}

func (a *agentSecrets) StreamSecrets(stream secretservicev3.SecretDiscoveryService_StreamSecretsServer) error {
	id := ""
	for {
		r, err := stream.Recv()
		if err != nil {
			return err
		}
		if r.Node.GetId() != "" {
			id = r.Node.Id
		}
		if r.ResponseNonce != "" {
			continue
		}
		out := &discoveryv3.DiscoveryResponse{TypeUrl: r.TypeUrl, VersionInfo: "1", Nonce: "1"}
		for _, name := range r.ResourceNames {
			if s := a.ca.secret(id, name); s != nil {
				out.Resources = append(out.Resources, pack(s))
			}
		}
		if len(out.Resources) == 0 {
			<-a.done // a file that is not there: no answer
			return nil
		}
		if err := stream.Send(out); err != nil {
			return err
		}
	}
}

// authority signs SPIFFE certificates.
type authority struct {
	t    testing.TB
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	root []byte

	mu    sync.Mutex
	certs map[string][2][]byte // by node id
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test root"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := x509.ParseCertificate(der)
	return &authority{t: t, key: key, cert: cert, root: pemOf("CERTIFICATE", der), certs: map[string][2][]byte{}}
}

// issue returns a certificate and its key in PEM for a SPIFFE id or a DNS name.
func (a *authority) issue(name string) (cert, key []byte) {
	a.t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	if u, err := url.Parse(name); err == nil && u.Scheme != "" {
		template.URIs = []*url.URL{u}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &k.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	encoded, _ := x509.MarshalECPrivateKey(k)
	return pemOf("CERTIFICATE", der), pemOf("EC PRIVATE KEY", encoded)
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func (a *authority) identify(node, spiffe string) {
	cert, key := a.issue(spiffe)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.certs[node] = [2][]byte{cert, key}
}

func (a *authority) secret(node, name string) *tlsv3.Secret {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch name {
	case RootSecret:
		return &tlsv3.Secret{Name: name, Type: &tlsv3.Secret_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{TrustedCa: inline(a.root)}}}
	case WorkloadSecret:
		pair := a.certs[node]
		return &tlsv3.Secret{Name: name, Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{
			CertificateChain: inline(pair[0]), PrivateKey: inline(pair[1]),
		}}}
	}
	return nil
}

// free reserves local ports for the listeners of a proxy.
func free(t testing.TB) func(mesh.Listen) uint32 {
	return func(mesh.Listen) uint32 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return uint32(l.Addr().(*net.TCPAddr).Port)
	}
}
