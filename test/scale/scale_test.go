package main

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/internal/xdsserver"
	"github.com/meshctl/meshctl/pkg/xds"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// still is a control plane with one view, replaced by set.
type still struct {
	mu       sync.Mutex
	view     *xds.View
	sessions []*session
}

type session struct {
	*still
	changed chan struct{}
}

func (s *still) Connect(context.Context, *corev3.Node, *ca.Identity) (xdsserver.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &session{s, make(chan struct{}, 1)}
	s.sessions = append(s.sessions, out)
	return out, nil
}

func (s *session) View() *xds.View {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view
}
func (s *session) Changed() <-chan struct{} { return s.changed }
func (s *session) Disconnect()              {}

func (s *still) set(weight uint32) {
	byURL := map[string]*xds.Table{}
	for url, message := range map[string]proto.Message{
		clusterURL:  &clusterv3.Cluster{Name: "c", ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS}},
		endpointURL: &endpointv3.ClusterLoadAssignment{ClusterName: "c"},
		listenerURL: listenerWith("r"),
		routeURL: &routev3.RouteConfiguration{Name: "r", VirtualHosts: []*routev3.VirtualHost{{Name: "h", Domains: []string{"*"}, Routes: []*routev3.Route{{
			Action: &routev3.Route_Route{Route: &routev3.RouteAction{ClusterSpecifier: &routev3.RouteAction_WeightedClusters{
				WeightedClusters: &routev3.WeightedCluster{Clusters: []*routev3.WeightedCluster_ClusterWeight{{Name: "outbound|80|v1|host", Weight: wrapperspb.UInt32(weight)}}},
			}}},
		}}}}},
	} {
		content := anyOf(message)
		name := map[string]string{clusterURL: "c", endpointURL: "c", listenerURL: "l", routeURL: "r"}[url]
		byURL[url] = xds.NewTable(xds.NewResource(name, content))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.view = xds.NewView(byURL)
	for _, session := range s.sessions {
		select {
		case session.changed <- struct{}{}:
		default:
		}
	}
}

func anyOf(m proto.Message) *anypb.Any {
	out, err := anypb.New(m)
	if err != nil {
		panic(err)
	}
	return out
}

func listenerWith(routes string) *listenerv3.Listener {
	manager := anyOf(&hcmv3.HttpConnectionManager{RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{RouteConfigName: routes}}})
	return &listenerv3.Listener{Name: "l", FilterChains: []*listenerv3.FilterChain{{
		Filters: []*listenerv3.Filter{{Name: "http", ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: manager}}},
	}}}
}

func TestFleet(t *testing.T) {
	control := &still{}
	control.set(50)
	server := xdsserver.New(xdsserver.Options{Views: control})
	g := grpc.NewServer(xdsserver.ServerOptions()...)
	server.Register(g)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = g.Serve(l) })
	defer serving.Wait()
	defer g.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()

	const proxies = 20
	f := newFleet(layout{Services: 3, Endpoints: 2, Namespaces: 2, Ports: 1}, l.Addr().String(), proxies)
	defer f.disconnect()
	if err := f.connect(ctx, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if got := f.resources.Load(); got != 4*proxies {
		t.Errorf("got %d resources, want %d", got, 4*proxies)
	}
	if got := len(f.known.resources); got != 4 {
		t.Errorf("decoded %d resources, want each of 4 once", got)
	}
	e := newExperiment(routeURL, proxies, splits("host", 20))
	f.known.watch(e)
	control.set(20)
	if err := e.wait(ctx, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	f.disconnect()
	before := f.resources.Load()
	if err := f.connect(ctx, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if got := f.resources.Load() - before; got != 0 {
		t.Errorf("%d resources were sent again", got)
	}
}

func TestLayout(t *testing.T) {
	dir := t.TempDir()
	l := layout{Services: 12, Endpoints: 10, Namespaces: 2, Ports: 3}
	if err := l.write(dir); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(files) != 3*l.Services+1 {
		t.Errorf("%d files, %v", len(files), err)
	}
	seen := map[string]bool{}
	ports := map[int]bool{}
	for s := range l.Services {
		ports[l.port(s)] = true
		for e := range l.Endpoints {
			seen[l.ip(s, e)] = true
		}
	}
	if len(seen) != l.Services*l.Endpoints || len(ports) != l.Ports {
		t.Errorf("%d addresses, %d ports", len(seen), len(ports))
	}
	file := l.file(dir, "route", 3)
	if err := replace(file, l.route(3, 7)); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(data), "weight: 7}") {
		t.Errorf("%s, %v", data, err)
	}
}

func TestWrongOptions(t *testing.T) {
	if err := run(t.Context(), options{}, io.Discard, io.Discard); err == nil {
		t.Error("no error")
	}
}
