package controlplane_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"

	"github.com/meshctl/meshctl/internal/controlplane/controlplanetest"
	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/pkg/xds"
)

// marker is a service that every proxy of the shop sees: once a proxy has it, it has all that was changed before.
func marker(n int) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: marker-%d, namespace: istio-system}
spec: {clusterIP: 10.8.0.%[1]d, ports: [{name: tcp, port: 9999}]}
`, n)
}

func awaitMarker(p *controlplanetest.Proxy, n int) {
	p.Await(xds.EndpointType, fmt.Sprintf("outbound|9999||marker-%d.istio-system.svc.cluster.local", n), nil)
	p.Await(xds.ListenerType, fmt.Sprintf("10.8.0.%d_9999", n), nil)
}

// seen is what arrived and is not the marker.
func seen(p *controlplanetest.Proxy) []string {
	return slices.DeleteFunc(p.Seen(), func(s string) bool { return strings.Contains(s, "9999") })
}

func route(timeout string) string {
	return fmt.Sprintf(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: a}
spec: {hosts: [web], http: [{timeout: %s, route: [{destination: {host: web}}]}]}
`, timeout)
}

func hasTimeout(seconds int64) func(*discoveryv3.Resource) error {
	return func(r *discoveryv3.Resource) error {
		var rc routev3.RouteConfiguration
		if err := r.GetResource().UnmarshalTo(&rc); err != nil {
			return err
		}
		for _, host := range rc.GetVirtualHosts() {
			for _, route := range host.GetRoutes() {
				if route.GetRoute().GetTimeout().GetSeconds() == seconds {
					return nil
				}
			}
		}
		return fmt.Errorf("no route with a timeout of %d s", seconds)
	}
}

// TestPushes counts what proxies receive: a change goes to those that it concerns, as the one resource that differs.
func TestPushes(t *testing.T) {
	p := controlplanetest.Start(t, map[string]string{"shop.yaml": shop, "marker.yaml": marker(1)})
	conn := p.DialPlaintext(t)
	a := controlplanetest.Connect(t, conn, controlplanetest.Node(t, webA, nil), nil)
	b := controlplanetest.Connect(t, conn, controlplanetest.Node(t, webB, nil), nil)
	for _, proxy := range []*controlplanetest.Proxy{a, b} {
		proxy.Await(xds.RouteType, "80", nil)
		awaitMarker(proxy, 1)
		proxy.Barrier()
		proxy.Seen()
	}
	for n, step := range []struct {
		what string
		file string
		text string
		want []string // at a; b never hears of it
	}{
		{"a route", "route.yaml", route("7s"), []string{"RDS 80"}},
		{"the same written otherwise", "route.yaml", "# a comment\n" + route("7000ms"), nil},
		{"an endpoint", "endpoint.yaml", strings.NewReplacer("web-0", "web-1", "10.0.0.1", "10.0.0.3").Replace(workload), []string{"EDS " + clusterA}},
		{"a policy for a host nobody sees", "rule.yaml", strings.ReplaceAll(rule, "HOST", "elsewhere.example.com"), nil},
		// Istio limits connections at the server, too, and webA is one.
		{"a policy", "rule.yaml", strings.ReplaceAll(rule, "HOST", "web.a.svc.cluster.local"), []string{"CDS " + clusterA, "CDS inbound|8080||", "EDS " + clusterA}},
	} {
		t.Run(step.what, func(t *testing.T) {
			p.Write(step.file, step.text)
			p.Write("marker.yaml", marker(n+2)) // is read with the file before it, or after
			for _, proxy := range []*controlplanetest.Proxy{a, b} {
				awaitMarker(proxy, n+2)
				proxy.Barrier()
			}
			if got := seen(a); !slices.Equal(got, step.want) {
				t.Errorf("the proxy concerned received %q, want %q", got, step.want)
			}
			if got := seen(b); len(got) > 0 {
				t.Errorf("a proxy that is not concerned received %q", got)
			}
		})
	}
	if err := a.Check(xds.EndpointType, clusterA, hasEndpoints(2)); err != nil {
		t.Error(err)
	}
}

const workload = `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: web-0, namespace: a}
spec: {address: 10.0.0.1, labels: {app: web, version: v1}, serviceAccount: web}
`

const rule = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: a}
spec: {host: HOST, trafficPolicy: {connectionPool: {tcp: {maxConnections: 7}}}}
`

func hasEndpoints(n int) func(*discoveryv3.Resource) error {
	return func(r *discoveryv3.Resource) error {
		var a endpointv3.ClusterLoadAssignment
		if err := r.GetResource().UnmarshalTo(&a); err != nil {
			return err
		}
		found := 0
		for _, l := range a.GetEndpoints() {
			found += len(l.GetLbEndpoints())
		}
		if found != n {
			return fmt.Errorf("%d endpoints, want %d", found, n)
		}
		return nil
	}
}

// TestRestart: a proxy that comes back after a restart of the control plane is sent nothing that it has.
func TestRestart(t *testing.T) {
	p := controlplanetest.Start(t, map[string]string{"shop.yaml": shop, "route.yaml": route("7s"), "marker.yaml": marker(1)})
	node := controlplanetest.Node(t, webA, nil)
	before := controlplanetest.Connect(t, p.DialPlaintext(t), node, nil)
	before.Await(xds.RouteType, "80", hasTimeout(7))
	awaitMarker(before, 1)
	before.Barrier()
	held := before.Held()
	p.Restart()
	if err := before.Err(); err == nil {
		t.Error("the stream of the control plane before did not end")
	}
	after := controlplanetest.Connect(t, p.DialPlaintext(t), node, held)
	p.Write("marker.yaml", marker(2))
	awaitMarker(after, 2)
	if got := seen(after); len(got) > 0 {
		t.Errorf("after the restart the proxy was sent again: %q", got)
	}
	// The first marker's cluster goes last, when its listener is acknowledged as gone.
	envoytest.Eventually(t, "as many clusters as before", func() error {
		if n := len(after.Held()[xds.ClusterType]); n != len(held[xds.ClusterType]) {
			return fmt.Errorf("%d before, %d after", len(held[xds.ClusterType]), n)
		}
		return nil
	})
}
