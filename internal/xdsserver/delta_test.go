package xdsserver

import (
	"context"
	"errors"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/pkg/xds"
)

// start connects a proxy that has everything of a small mesh.
func start(t *testing.T, resources ...*xds.Resource) (*mesh, *Server, *deltaClient) {
	t.Helper()
	m, s, address := serve(t, Options{}, resources...)
	c := newDeltaClient(t, address)
	c.ask(xds.ClusterType)
	c.expect("CDS a b")
	c.ask(xds.EndpointType, "b", "a")
	c.expect("EDS a b")
	c.ask(xds.ListenerType)
	c.expect("LDS l")
	c.ask(xds.RouteType, "80")
	c.expect("RDS 80")
	synced(t, s)
	return m, s, c
}

func synced(t testing.TB, s *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.WaitSynced(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestFirstConfigurationAndUpdates(t *testing.T) {
	m, _, c := start(t, cluster("a", 1), cluster("b", 1), endpoints("a", 1), endpoints("b", 1), listener("l", "1"), route("80", "a"))
	// Endpoints alone.
	m.set(cluster("a", 1), cluster("b", 1), endpoints("a", 1, 2), endpoints("b", 1), listener("l", "1"), route("80", "a"))
	c.expect("EDS a")
	// A changed cluster brings its unchanged endpoints.
	m.set(cluster("a", 1), cluster("b", 2), endpoints("a", 1, 2), endpoints("b", 1), listener("l", "1"), route("80", "a"))
	c.expect("CDS b", "EDS b")
	c.quiet()
	// Nothing changed: nothing is sent.
	m.set(cluster("a", 1), cluster("b", 2), endpoints("a", 1, 2), endpoints("b", 1), listener("l", "1"), route("80", "a"))
	c.quiet()
}

func TestOrder(t *testing.T) {
	m, s, c := start(t, cluster("a", 1), cluster("b", 1), endpoints("a", 1), endpoints("b", 1), listener("l", "1"), route("80", "a"))
	m.set(cluster("b", 1), cluster("c", 1), endpoints("b", 1), endpoints("c", 1), listener("l", "2"), route("80", "c"))
	c.want("CDS c")
	c.want("EDS c") // before it is asked for
	c.ask(xds.EndpointType, "c")
	c.ack(xds.EndpointType)
	c.quiet() // c is not warm yet: no route to it, and its endpoints are not sent twice
	c.ack(xds.ClusterType)
	c.want("LDS l")
	c.want("RDS 80")
	c.ack(xds.ListenerType)
	c.quiet()
	c.ack(xds.RouteType)
	c.want("CDS -a")
	c.want("EDS -a")
	c.ack(xds.ClusterType)
	c.ack(xds.EndpointType)
	synced(t, s)
}

func TestRemovedClusterStaysWhileRoutesAreRefused(t *testing.T) {
	m, s, c := start(t, cluster("a", 1), cluster("b", 1), endpoints("a", 1), endpoints("b", 1), listener("l", "1"), route("80", "a"))
	m.set(cluster("b", 1), endpoints("b", 1), listener("l", "1"), route("80", "nowhere"))
	c.want("RDS 80")
	c.nack(xds.RouteType, "no such cluster")
	c.quiet()
	if got := typeStatus(t, s, xds.RouteType); got.State != Rejected || len(got.Rejections) != 1 || got.Rejections[0].From[0].Name != "80" {
		t.Fatalf("got %+v", got)
	}
	m.set(cluster("b", 1), endpoints("b", 1), listener("l", "1"), route("80", "b"))
	c.expect("RDS 80", "CDS -a", "EDS -a")
	synced(t, s)
}

func TestNamesThatDoNotExist(t *testing.T) {
	m, _, c := start(t, cluster("a", 1), cluster("b", 1), endpoints("a", 1), endpoints("b", 1), listener("l", "1"), route("80", "a"))
	c.ask(xds.RouteType, "81", "82")
	c.expect("RDS -81 -82")
	m.set(cluster("a", 1), cluster("b", 1), endpoints("a", 1), endpoints("b", 1), listener("l", "1"), route("80", "a"), route("82", "a"), route("83", "a"))
	c.expect("RDS 82")
	c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: xds.RouteType, ResourceNamesUnsubscribe: []string{"82"}})
	c.quiet()
	m.set(cluster("a", 1), cluster("b", 1), endpoints("a", 1), endpoints("b", 1), listener("l", "1"), route("80", "b"), route("82", "b"), route("83", "a"))
	c.expect("RDS 80")
	c.ask(xds.RouteType, "82")
	c.expect("RDS 82")
	c.ask("type.googleapis.com/envoy.service.runtime.v3.Runtime", "layer")
	c.want("type.googleapis.com/envoy.service.runtime.v3.Runtime -layer")
	c.ask("type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig")
	c.want("ECDS")
}

func TestWildcardAndNames(t *testing.T) {
	_, _, address := serve(t, Options{}, cluster("a", 1), cluster("b", 1))
	c := newDeltaClient(t, address)
	c.ask(xds.ClusterType, "*", "on-demand")
	c.expect("CDS a b -on-demand")
	c.ask(xds.ClusterType, "b")
	c.expect("CDS b") // asked for explicitly
	c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: xds.ClusterType, ResourceNamesUnsubscribe: []string{"b", "on-demand"}})
	c.expect("CDS b -on-demand") // still there by the wildcard
	c.ask(xds.ListenerType)
	c.expect("LDS") // nothing, but said so
	c.quiet()
}

func TestReconnect(t *testing.T) {
	a, b, old := cluster("a", 1), cluster("b", 1), cluster("old", 1)
	r := route("80", "a")
	m, s, address := serve(t, Options{}, a, b, endpoints("a", 1), endpoints("b", 1), listener("l", "1"), r)
	_ = m
	c := newDeltaClient(t, address)
	has := func(url string, names []string, resources ...*xds.Resource) {
		initial := map[string]string{}
		for _, r := range resources {
			initial[r.Name] = r.Version
		}
		c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: url, ResourceNamesSubscribe: names, InitialResourceVersions: initial})
	}
	has(xds.ClusterType, nil, a, cluster("b", 7), old)
	c.expect("CDS b")
	has(xds.EndpointType, []string{"a", "b", "old"}, endpoints("a", 1), endpoints("b", 1), endpoints("old", 1))
	c.expect("EDS")
	has(xds.ListenerType, nil, listener("l", "1"))
	has(xds.RouteType, []string{"80", "81"}, r)
	c.expect("LDS", "RDS -81")
	c.expect("CDS -old", "EDS -old")
	c.quiet()
	for _, typ := range s.Status()[0].Types {
		if want := map[string]int{xds.ClusterType: 1}[typ.URL]; typ.Resources != want {
			t.Errorf("%s: %d resources were sent, want %d", typ.URL, typ.Resources, want)
		}
	}
}

// TestExtensions: a filter's configuration goes out when it is asked for, and when it changes; it goes away after the listeners
// that may refer to it.
func TestExtensions(t *testing.T) {
	m, _, c := start(t, cluster("a", 1), cluster("b", 1), endpoints("a", 1), endpoints("b", 1), listener("l", "1"), route("80", "a"), extension("lua", 1))
	rest := []*xds.Resource{cluster("a", 1), cluster("b", 1), endpoints("a", 1), endpoints("b", 1), route("80", "a")}
	c.ask(xds.ExtensionType, "lua", "missing")
	c.expect("ECDS lua -missing")
	m.set(append(rest, listener("l", "1"), extension("lua", 2))...)
	c.expect("ECDS lua")
	m.set(append(rest, listener("l", "2"))...)
	c.want("LDS l")
	c.quiet()
	c.ack(xds.ListenerType)
	c.expect("ECDS -lua")
}

func TestNoSecretsWithoutCertificate(t *testing.T) {
	_, _, address := serve(t, Options{}, resource("cert", &tlsv3.Secret{Name: "cert"}))
	c := newDeltaClient(t, address)
	c.ask(xds.SecretType, "cert")
	c.expect("SDS -cert")
}

func TestRefusedProxy(t *testing.T) {
	m, _, address := serve(t, Options{}, cluster("a", 1))
	m.refuse = func(node *corev3.Node, peer *ca.Identity) error {
		return errors.New("node " + node.GetId() + " may not be in namespace shop")
	}
	c := newDeltaClient(t, address)
	c.ask(xds.ClusterType)
	for range c.responses {
		t.Error("a refused proxy was served")
	}
	if status.Code(c.err) != codes.PermissionDenied || !strings.Contains(c.err.Error(), "may not be in namespace shop") {
		t.Errorf("got %v", c.err)
	}
	c = newDeltaClient(t, address)
	c.node = nil
	c.ask(xds.ClusterType)
	for range c.responses {
	}
	if status.Code(c.err) != codes.InvalidArgument {
		t.Errorf("got %v", c.err)
	}
}

func typeStatus(t testing.TB, s *Server, url string) TypeStatus {
	t.Helper()
	for _, p := range s.Status() {
		for _, typ := range p.Types {
			if typ.URL == url {
				return typ
			}
		}
	}
	t.Fatalf("no status of %s", url)
	return TypeStatus{}
}
