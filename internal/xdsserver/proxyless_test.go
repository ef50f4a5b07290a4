package xdsserver

import (
	"context"
	"fmt"
	"net"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	grpcxds "google.golang.org/grpc/xds"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/pkg/xds"
)

// service is a gRPC server that knows one service by name.
func service(t *testing.T, name string) uint32 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := health.NewServer()
	h.SetServingStatus(name, healthpb.HealthCheckResponse_SERVING)
	g := grpc.NewServer()
	healthpb.RegisterHealthServer(g, h)
	done := make(chan struct{})
	go func() { defer close(done); _ = g.Serve(l) }()
	t.Cleanup(func() { g.Stop(); <-done })
	return uint32(l.Addr().(*net.TCPAddr).Port)
}

// forGRPC is what gRPC's client needs to reach a cluster under the name "echo:80".
func forGRPC(target string, port uint32) []*xds.Resource {
	manager := &hcmv3.HttpConnectionManager{
		RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{RouteConfigName: "echo", ConfigSource: ads()}},
		HttpFilters:    []*hcmv3.HttpFilter{{Name: "router", ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: anyOf(&routerv3.Router{})}}},
	}
	return []*xds.Resource{
		resource("echo:80", &listenerv3.Listener{Name: "echo:80", ApiListener: &listenerv3.ApiListener{ApiListener: anyOf(manager)}}),
		resource("echo", &routev3.RouteConfiguration{Name: "echo", VirtualHosts: []*routev3.VirtualHost{{
			Name: "echo", Domains: []string{"echo:80"}, Routes: []*routev3.Route{{
				Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
				Action: &routev3.Route_Route{Route: &routev3.RouteAction{
					ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: target},
				}},
			}},
		}}}),
		resource(target, &clusterv3.Cluster{
			Name: target, ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS},
			EdsClusterConfig: &clusterv3.Cluster_EdsClusterConfig{EdsConfig: ads()},
		}),
		resource(target, &endpointv3.ClusterLoadAssignment{ClusterName: target, Endpoints: []*endpointv3.LocalityLbEndpoints{{
			Locality: &corev3.Locality{Region: "here"}, LoadBalancingWeight: wrapperspb.UInt32(1),
			LbEndpoints: []*endpointv3.LbEndpoint{{
				HealthStatus:   corev3.HealthStatus_HEALTHY,
				HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: address(port)}},
			}},
		}}}),
	}
}

func TestRealGRPCClient(t *testing.T) {
	a, b := service(t, "a"), service(t, "b")
	m, s, address := serve(t, Options{}, forGRPC("a", a)...)
	builder, err := grpcxds.NewXDSResolverWithConfigForTesting([]byte(fmt.Sprintf(
		`{"xds_servers": [{"server_uri": %q, "channel_creds": [{"type": "insecure"}], "server_features": ["xds_v3"]}], "node": {"id": "sidecar~10.0.0.1~web-1.shop~shop.svc.cluster.local", "metadata": {"GENERATOR": "grpc"}}}`, address)))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient("xds:///echo:80", grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithResolvers(builder))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	check := func(name string) error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{Service: name}, grpc.WaitForReady(true))
		return err
	}
	if err := check("a"); err != nil {
		t.Fatal(err)
	}
	synced(t, s)
	m.set(forGRPC("b", b)...)
	envoytest.Eventually(t, "the other cluster", func() error { return check("b") })
	synced(t, s)
	if p := s.Status()[0]; p.Protocol != sotwProtocol || len(p.Types) != 4 {
		t.Errorf("got %+v", p)
	}
}
