package redirected_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/meshtest"
)

const named = `
apiVersion: v1
kind: Service
metadata: {name: server, namespace: default}
spec: {clusterIP: 10.99.0.1, selector: {app: server}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: server, namespace: other}
spec: {clusterIP: 10.99.0.9, selector: {app: server}, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: database, namespace: default}
spec:
  hosts: [one.db.example, two.db.example]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{number: 7000, name: tcp, protocol: TCP}]
  endpoints: [{address: 10.77.0.11}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: fixed, namespace: default}
spec:
  hosts: ["*.fixed.example"]
  addresses: [10.99.3.3]
  resolution: STATIC
  ports: [{number: 7000, name: tcp, protocol: TCP}]
  endpoints: [{address: 10.77.0.11}]
`

const captureDNS = `proxyMetadata: {ISTIO_META_DNS_CAPTURE: "true", ISTIO_META_DNS_AUTO_ALLOCATE: "true"}`

// TestDNS has programs ask a name server that does not exist: their proxies answer for what the mesh knows.
func TestDNS(t *testing.T) {
	meshtest.InPods(t, map[string]string{"services.yaml": named}, func(m *meshtest.Pods) {
		outside := m.Stranger("outside") // 10.77.0.11
		outside.Serve().ServeTCP(m.T(), outside.Listen(7100))
		o := meshtest.Sidecar("client")
		o.Annotations = map[string]string{"proxy.istio.io/config": captureDNS}
		client := m.Pod(o)
		m.Settle()
		resolver := client.Resolver("10.99.9.9:53")
		lookup := func(t *testing.T, name string) ([]string, error) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			return resolver.LookupHost(ctx, name)
		}
		for name, want := range map[string]string{
			"server.default.svc.cluster.local.": "10.99.0.1", "server.": "10.99.0.1", "server.default.": "10.99.0.1", "server.other.svc.": "10.99.0.9",
			"a.fixed.example.": "10.99.3.3",
		} {
			m.Subtest(name, func(t *testing.T) {
				if got, err := lookup(t, name); err != nil || !slices.Equal(got, []string{want}) {
					t.Errorf("%s is at %v (%v), want %s", name, got, err, want)
				}
			})
		}
		m.Subtest("an address of its own for each host that has none", func(t *testing.T) {
			one, err := lookup(t, "one.db.example.")
			two, err2 := lookup(t, "two.db.example.")
			if err := errors.Join(err, err2); err != nil || len(one) != 2 || slices.Equal(one, two) {
				t.Fatalf("%v and %v (%v), want two different pairs of addresses", one, two, err)
			}
			for _, a := range one {
				if net.ParseIP(a).To4() != nil {
					says(t, client, net.JoinHostPort(a, "7000"), "outside")
				}
			}
		})
		m.Subtest("other names go to the machine's servers", func(t *testing.T) {
			_, err := lookup(t, "unknown.example.")
			var failed *net.DNSError
			if !errors.As(err, &failed) || failed.IsTimeout {
				t.Errorf("%v, want an answer that there is none", err)
			}
			if !strings.Contains(string(client.Admin("/stats?filter=dns_filter.dns")), "external_a_record_queries: ") {
				t.Error("the proxy passed nothing on")
			}
		})
	})
}
