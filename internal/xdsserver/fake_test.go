package xdsserver

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/xds"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// mesh is a control plane with one view for everybody.
type mesh struct {
	mu       sync.Mutex
	view     *xds.View
	sessions map[*session]bool
	refuse   func(*corev3.Node, *ca.Identity) error
}

type session struct {
	mesh    *mesh
	changed chan struct{}
}

func (m *mesh) Connect(_ context.Context, node *corev3.Node, peer *ca.Identity) (Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refuse != nil {
		if err := m.refuse(node, peer); err != nil {
			return nil, err
		}
	}
	s := &session{mesh: m, changed: make(chan struct{}, 1)}
	m.sessions[s] = true
	return s, nil
}

func (m *mesh) set(resources ...*xds.Resource) {
	m.mu.Lock()
	defer m.mu.Unlock()
	tables := map[string]*xds.Table{}
	for _, url := range xds.Types {
		var list []*xds.Resource
		for _, r := range resources {
			if r.Any.GetTypeUrl() == url {
				list = append(list, r)
			}
		}
		before := m.view.Table(url)
		if list == nil || before != nil && slices.Equal(slices.Collect(before.All()), slices.Collect(xds.NewTable(list...).All())) {
			tables[url] = before
			if list == nil {
				tables[url] = nil
			}
			continue
		}
		tables[url] = xds.NewTable(list...)
	}
	m.view = xds.NewView(tables)
	for s := range m.sessions {
		select {
		case s.changed <- struct{}{}:
		default:
		}
	}
}

func (m *mesh) connected() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.sessions)
}

func (s *session) View() *xds.View {
	s.mesh.mu.Lock()
	defer s.mesh.mu.Unlock()
	return s.mesh.view
}

func (s *session) Changed() <-chan struct{} { return s.changed }

func (s *session) Disconnect() {
	s.mesh.mu.Lock()
	defer s.mesh.mu.Unlock()
	delete(s.mesh.sessions, s)
}

// serve starts a server with plaintext gRPC on loopback.
func serve(t testing.TB, options Options, resources ...*xds.Resource) (*mesh, *Server, string) {
	t.Helper()
	m := &mesh{sessions: map[*session]bool{}}
	m.set(resources...)
	options.Views = m
	s := New(options)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(ServerOptions()...)
	s.Register(g)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = g.Serve(listener)
	}()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Errorf("streams did not end: %v", err)
		}
		g.Stop()
		<-done
		if n := m.connected(); n != 0 {
			t.Errorf("%d sessions were not disconnected", n)
		}
	})
	return m, s, listener.Addr().String()
}

func dial(t testing.TB, address string) discoveryv3.AggregatedDiscoveryServiceClient {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(1<<30)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return discoveryv3.NewAggregatedDiscoveryServiceClient(conn)
}

func resource(name string, message proto.Message) *xds.Resource {
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
	if err != nil {
		panic(err)
	}
	content := &anypb.Any{TypeUrl: "type.googleapis.com/" + string(message.ProtoReflect().Descriptor().FullName()), Value: value}
	return xds.NewResource(name, content, config.Key{Kind: config.Kind{Name: "VirtualService"}, Namespace: "default", Name: name})
}

// cluster is a cluster of type EDS; timeout makes versions differ.
func cluster(name string, timeout int) *xds.Resource {
	return resource(name, &clusterv3.Cluster{
		Name: name, ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS},
		EdsClusterConfig: &clusterv3.Cluster_EdsClusterConfig{EdsConfig: ads()},
		ConnectTimeout:   durationpb.New(time.Duration(timeout) * time.Second),
	})
}

func ads() *corev3.ConfigSource {
	return &corev3.ConfigSource{
		ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}}, ResourceApiVersion: corev3.ApiVersion_V3,
	}
}

func endpoints(name string, ports ...uint32) *xds.Resource {
	locality := &endpointv3.LocalityLbEndpoints{}
	for _, port := range ports {
		locality.LbEndpoints = append(locality.LbEndpoints, &endpointv3.LbEndpoint{
			HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: address(port)}},
		})
	}
	return resource(name, &endpointv3.ClusterLoadAssignment{ClusterName: name, Endpoints: []*endpointv3.LocalityLbEndpoints{locality}})
}

func address(port uint32) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: "127.0.0.1", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port},
	}}}
}

// listener is good enough for clients that do not look inside.
func listener(name string, prefix string) *xds.Resource {
	return resource(name, &listenerv3.Listener{Name: name, StatPrefix: prefix})
}

func route(name, target string) *xds.Resource {
	return resource(name, &routev3.RouteConfiguration{Name: name, VirtualHosts: []*routev3.VirtualHost{{
		Name: "all", Domains: []string{"*"}, Routes: []*routev3.Route{{
			Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
			Action: &routev3.Route_Route{Route: &routev3.RouteAction{
				ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: target},
			}},
		}},
	}}})
}

func extension(name string, percent uint32) *xds.Resource {
	config, err := anypb.New(&typev3.FractionalPercent{Numerator: percent})
	if err != nil {
		panic(err)
	}
	return resource(name, &corev3.TypedExtensionConfig{Name: name, TypedConfig: config})
}
