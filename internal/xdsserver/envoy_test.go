package xdsserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/pkg/xds"
)

func bootstrap(t testing.TB, address, apiType string) []byte {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(fmt.Sprintf(`
node: {id: %q, cluster: web}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
dynamic_resources:
  ads_config:
    api_type: %s
    transport_api_version: V3
    set_node_on_first_message_only: true
    grpc_services: [{envoy_grpc: {cluster_name: xds, retry_policy: {retry_back_off: {base_interval: 0.05s, max_interval: 0.2s}}}}]
  cds_config: {ads: {}, resource_api_version: V3}
  lds_config: {ads: {}, resource_api_version: V3}
static_resources:
  clusters:
  - name: xds
    type: STATIC
    connect_timeout: 1s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
    load_assignment:
      cluster_name: xds
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: %s}}}}]}]
`, nodeID, apiType, port))
}

// web is a listener on a port of Envoy's choice whose routes come by RDS.
func web(prefix string) *xds.Resource {
	return webOn(prefix, 0)
}

func webOn(prefix string, port uint32) *xds.Resource {
	manager := &hcmv3.HttpConnectionManager{
		StatPrefix: prefix,
		RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{
			RouteConfigName: "80", ConfigSource: ads(),
		}},
		HttpFilters: []*hcmv3.HttpFilter{{Name: "envoy.filters.http.router", ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: anyOf(&routerv3.Router{})}}},
	}
	return resource("web", &listenerv3.Listener{
		Name: "web", Address: address(port),
		FilterChains: []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{{
			Name: "http", ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: anyOf(manager)},
		}}}},
	})
}

func anyOf(m proto.Message) *anypb.Any {
	out, err := anypb.New(m)
	if err != nil {
		panic(err)
	}
	return out
}

// checked is a cluster that is warm only after Envoy has tried its endpoints.
func checked(name string) *xds.Resource {
	return resource(name, &clusterv3.Cluster{
		Name: name, ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS},
		EdsClusterConfig: &clusterv3.Cluster_EdsClusterConfig{EdsConfig: ads()},
		HealthChecks: []*corev3.HealthCheck{{
			Timeout: durationpb.New(time.Second), Interval: durationpb.New(time.Minute),
			UnhealthyThreshold: wrapperspb.UInt32(1), HealthyThreshold: wrapperspb.UInt32(1),
			HealthChecker: &corev3.HealthCheck_TcpHealthCheck_{TcpHealthCheck: &corev3.HealthCheck_TcpHealthCheck{}},
		}},
	})
}

// backend answers with its name.
func backend(t testing.TB, name string) uint32 {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) }))
	t.Cleanup(s.Close)
	return uint32(s.Listener.Addr().(*net.TCPAddr).Port)
}

// listenerOf returns the address of the listener "web".
func listenerOf(t testing.TB, e *envoytest.Envoy) string {
	t.Helper()
	body, err := envoytest.Get(e.Admin, "/listeners?format=json")
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Statuses []struct {
			Name    string `json:"name"`
			Address struct {
				Socket struct {
					Port int `json:"port_value"`
				} `json:"socket_address"`
			} `json:"local_address"`
		} `json:"listener_statuses"`
	}
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatal(err)
	}
	for _, l := range out.Statuses {
		if l.Name == "web" {
			return fmt.Sprintf("127.0.0.1:%d", l.Address.Socket.Port)
		}
	}
	t.Fatalf("no listener web in %s", body)
	return ""
}

func get(address string) (string, error) {
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get("http://" + address + "/")
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", r.Status, body)
	}
	return string(body), err
}

// traffic sends requests all the time until stop is called, which returns how many there were and those that failed.
func traffic(address string) (stop func() (int64, []error)) {
	var sent atomic.Int64
	var failures []error
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-quit:
				return
			default:
			}
			if _, err := get(address); err != nil {
				failures = append(failures, err)
			}
			sent.Add(1)
		}
	}()
	return func() (int64, []error) {
		close(quit)
		<-done
		return sent.Load(), failures
	}
}

func TestEnvoyStartsAtOnce(t *testing.T) {
	for _, api := range []string{"DELTA_GRPC", "GRPC"} {
		t.Run(api, func(t *testing.T) {
			envoytest.Binary(t)
			port := backend(t, "a")
			_, s, address := serve(t, Options{}, cluster("a", 1), endpoints("a", port), web("1"), route("80", "a"))
			begin := time.Now()
			e := envoytest.Start(t, bootstrap(t, address, api))
			e.WaitReady(t)
			synced(t, s)
			if body, err := get(listenerOf(t, e)); body != "a" {
				t.Fatalf("got %q, %v", body, err)
			}
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("Envoy was ready after %s: it waited for something", took)
			}
			if p := s.Status()[0]; p.UserAgent != "envoy/1.40.0" || p.Node != nodeID {
				t.Errorf("got %+v", p)
			}
		})
	}
}

// Every step replaces the cluster that the route leads to by a new one, which the proxy has not seen before, and changes
// the other: nothing may fail, and nothing may wait for Envoy's 15 s of warming.
func TestEnvoyLosesNoRequestWhileClustersAndRoutesSwap(t *testing.T) {
	for _, api := range []string{"DELTA_GRPC", "GRPC"} {
		t.Run(api, func(t *testing.T) {
			envoytest.Binary(t)
			const changes = 150
			port := backend(t, "a")
			step := func(i int) []*xds.Resource {
				name := fmt.Sprintf("a-%d", i)
				return []*xds.Resource{
					checked(name), endpoints(name, port), cluster("steady", 1+i%3), endpoints("steady", port), web(fmt.Sprint(i / 5)), route("80", name),
				}
			}
			m, s, address := serve(t, Options{}, step(0)...)
			e := envoytest.Start(t, bootstrap(t, address, api))
			e.WaitReady(t)
			synced(t, s)
			stop := traffic(listenerOf(t, e))
			begin := time.Now()
			for i := 1; i <= changes; i++ {
				m.set(step(i)...)
				if i%2 == 0 { // every other change comes on top of one that is still under way
					synced(t, s)
				}
			}
			took := time.Since(begin)
			sent, failures := stop()
			if len(failures) > 0 {
				t.Errorf("%d of %d requests failed, the first: %v", len(failures), sent, failures[0])
			}
			if took > patience {
				t.Errorf("%d changes took %s", changes, took)
			}
			if got := e.Stat(t, "cluster_manager.active_clusters"); got != 3 {
				t.Errorf("Envoy has %d clusters, want 3 (two and the control plane's)", got)
			}
			t.Logf("%d requests during %d changes in %s", sent, changes, took)
		})
	}
}

func TestEnvoyRejectsOneResource(t *testing.T) {
	envoytest.Binary(t)
	a, b := backend(t, "a"), backend(t, "b")
	bad := resource("bad", &listenerv3.Listener{Name: "bad"}) // no address
	m, s, address := serve(t, Options{}, cluster("a", 1), cluster("b", 1), endpoints("a", a), endpoints("b", b), web("1"), route("80", "a"))
	e := envoytest.Start(t, bootstrap(t, address, "DELTA_GRPC"))
	e.WaitReady(t)
	synced(t, s)
	m.set(cluster("a", 1), cluster("b", 1), endpoints("a", a), endpoints("b", b), web("2"), bad, route("80", "b"))
	envoytest.Eventually(t, "the rejection alone", func() error {
		r := typeStatus(t, s, xds.ListenerType).Rejections
		if len(r) != 1 || r[0].Resource != "bad" || r[0].From[0].Name != "bad" || !strings.Contains(r[0].Text, "address") {
			return fmt.Errorf("got %+v", r)
		}
		return nil
	})
	if body, err := get(listenerOf(t, e)); body != "b" {
		t.Errorf("the rest did not go on: %q, %v", body, err)
	}
	pushes := typeStatus(t, s, xds.ListenerType).Pushes
	m.set(cluster("a", 2), cluster("b", 1), endpoints("a", a), endpoints("b", b), web("2"), bad, route("80", "b"))
	e.WaitStat(t, "cluster_manager.cluster_modified", 1)
	if got := typeStatus(t, s, xds.ListenerType); got.Pushes != pushes || got.State != Rejected {
		t.Errorf("the rejected listener was sent again: %+v", got)
	}
	m.set(cluster("a", 2), cluster("b", 1), endpoints("a", a), endpoints("b", b), web("2"), route("80", "b"))
	synced(t, s)
}

func TestEnvoyReconnectsWithoutResources(t *testing.T) {
	envoytest.Binary(t)
	port := backend(t, "a")
	resources := []*xds.Resource{cluster("a", 1), cluster("b", 1), endpoints("a", port), endpoints("b", port), web("1"), route("80", "a")}
	_, first, address := serve(t, Options{}, resources...)
	relay := newRelay(t, address)
	e := envoytest.Start(t, bootstrap(t, relay.address(), "DELTA_GRPC"))
	e.WaitReady(t)
	synced(t, first)
	stop := traffic(listenerOf(t, e))
	_, second, address := serve(t, Options{}, resources...)
	relay.redirect(address)
	envoytest.Eventually(t, "the proxy to come back", func() error {
		if s := second.Status(); len(s) != 1 || len(s[0].Types) < 4 {
			return errors.New("not yet")
		}
		return nil
	})
	synced(t, second)
	for _, typ := range second.Status()[0].Types {
		if typ.Resources+typ.Removals > 0 {
			t.Errorf("%s: %d resources were sent again, %d removed", typ.URL, typ.Resources, typ.Removals)
		}
	}
	if sent, failures := stop(); len(failures) > 0 {
		t.Errorf("%d of %d requests failed, the first: %v", len(failures), sent, failures[0])
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := first.Stop(ctx); err != nil {
		t.Error(err)
	}
}
