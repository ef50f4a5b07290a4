package translate

import (
	"slices"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	tcpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
)

const headlessYAML = `
apiVersion: v1
kind: Service
metadata: {name: a, namespace: default}
spec: {clusterIP: None, selector: {app: db}, ports: [{name: tcp, port: 9000}, {name: http, port: 9001}, {name: odd, port: 9002}]}
---
apiVersion: v1
kind: Service
metadata: {name: b, namespace: default}
spec: {clusterIP: None, selector: {db: b}, ports: [{name: tcp, port: 9000}]}
---
apiVersion: v1
kind: Service
metadata: {name: none, namespace: default}
spec: {clusterIP: None, selector: {app: none}, ports: [{name: tcp, port: 9003}]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: one, namespace: default}
spec: {address: 10.5.0.1, labels: {app: db, db: b}, serviceAccount: db}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: two, namespace: default}
spec: {address: 10.5.0.2, labels: {db: b}, serviceAccount: db}
`

// TestHeadlessServicesAreKnownByTheirAddresses: connections to other addresses on their ports are none of theirs, and an address of two
// services belongs to the first (Istio, "Understanding Traffic Routing").
func TestHeadlessServicesAreKnownByTheirAddresses(t *testing.T) {
	r := resourcesFor(build(t, headlessYAML), redirected())
	l := r.listener(t, "0.0.0.0_9000")
	var got []string
	for _, c := range l.FilterChains {
		for _, p := range c.GetFilterChainMatch().GetPrefixRanges() {
			got = append(got, p.AddressPrefix+" "+clusterOf(t, c))
		}
	}
	want := []string{"10.5.0.1 outbound|9000||a.default.svc.cluster.local", "10.5.0.2 outbound|9000||b.default.svc.cluster.local"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if name := clusterOf(t, l.DefaultFilterChain); name != PassthroughCluster {
		t.Errorf("other addresses lead to %q", name)
	}
	if l := r.listener(t, "10.5.0.1_9002"); clusterOf(t, l.DefaultFilterChain) != "outbound|9002||a.default.svc.cluster.local" {
		t.Errorf("a port whose protocol is detected: %v", l)
	}
	if kind := r.cluster(t, "outbound|9000||a.default.svc.cluster.local").GetType(); kind != clusterv3.Cluster_ORIGINAL_DST {
		t.Errorf("connections of a service that also has HTTP: %v", kind)
	}
	if slices.ContainsFunc(r.listeners, func(l *listenerv3.Listener) bool { return strings.HasSuffix(l.Name, "_9003") }) {
		t.Error("a service without endpoints takes a port")
	}
}

// clusterOf returns where the TCP proxy of a chain leads.
func clusterOf(t *testing.T, c *listenerv3.FilterChain) string {
	t.Helper()
	for _, f := range c.GetFilters() {
		if f.Name == tcpProxyFilter {
			m := &tcpproxyv3.TcpProxy{}
			if err := f.GetTypedConfig().UnmarshalTo(m); err != nil {
				t.Fatal(err)
			}
			return m.GetCluster()
		}
	}
	return ""
}
