package telemetry_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

const measured = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {clusterIP: 10.96.0.1, selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}, {name: tcp, port: 7000}, {name: grpc, port: 9000}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: default}
spec:
  hosts: [web]
  http:
  - match: [{uri: {prefix: /broken}}]
    fault: {abort: {percentage: {value: 100}, httpStatus: 418}}
    route: [{destination: {host: web}}]
  - route: [{destination: {host: web}}]
`

// series looks for one whose line has all parts.
func series(w *meshtest.Workload, parts ...string) error {
	var seen []string
	for line := range strings.Lines(w.Metrics()) {
		missing := false
		for _, part := range parts {
			missing = missing || !strings.Contains(line, part)
		}
		if !missing {
			return nil
		}
		if strings.HasPrefix(line, "istio_requests") || strings.HasPrefix(line, "istio_tcp") {
			seen = append(seen, line)
		}
	}
	return fmt.Errorf("no series with %q among\n%s", parts, strings.Join(seen, ""))
}

// counted waits for a series: Envoy gives histograms out every few seconds.
func counted(t *testing.T, w *meshtest.Workload, parts ...string) {
	t.Helper()
	envoytest.Eventually(t, "a series", func() error { return series(w, parts...) })
}

// client and server are what either side says of requests and connections from the one to the other.
var (
	between = []string{
		`source_workload="client"`, `source_app="client"`, `source_principal="spiffe://cluster.local/ns/default/sa/client"`, `destination_workload="web"`,
		`destination_app="web"`, `destination_version="v3"`, `destination_canonical_revision="v3"`, `destination_service_name="web"`,
		`destination_service="web.default.svc.cluster.local"`, `destination_principal="spiffe://cluster.local/ns/default/sa/web"`,
	}
	bySource      = `reporter="source"`
	byDestination = `reporter="destination"`
	mutual        = `connection_security_policy="mutual_tls"`
)

func with(parts []string, more ...string) []string {
	return append(append([]string{}, parts...), more...)
}

// TestStandardMetrics: without any configuration both sides count requests and connections and name each other.
func TestStandardMetrics(t *testing.T) {
	members := []meshtest.Member{{Options: meshtest.Sidecar("client")}, {Options: meshtest.Sidecar("web", "app=web", "version=v3"), Serves: true}}
	meshtest.BothModes(t, map[string]string{"services.yaml": measured}, members, func(t *testing.T, m *meshtest.Traffic) {
		client, web := m.Member("client"), m.Member("web")
		for range 3 {
			if a := m.Get("client", "http://web/", "x-meshctl-peer=liar;liar;liar;v9;liar"); a.Status != 200 || a.Echo.Header.Get("x-meshctl-peer") != "" {
				t.Errorf("%d, the program saw %v", a.Status, a.Echo.Header)
			}
		}
		m.Expect("client", "http://web/broken", 418, "")
		ok := with(between, `response_code="200"`, `request_protocol="http"`)
		counted(t, client, with(ok, "istio_requests_total{", bySource, "} 3")...)
		counted(t, web, with(ok, "istio_requests_total{", byDestination, mutual, "} 3")...)
		counted(t, client, "istio_requests_total{", `response_code="418"`, `response_flags="FI"`, `destination_service_name="web"`, `destination_workload="unknown"`)
		for _, name := range []string{"istio_request_duration_milliseconds_count{", "istio_request_bytes_sum{", "istio_response_bytes_bucket{"} {
			counted(t, client, with(ok, name, bySource)...)
			counted(t, web, with(ok, name, byDestination, mutual)...)
		}
		if strings.Contains(web.Metrics(), "liar") {
			t.Error("the server believed what the client's program said")
		}

		conn, err := m.Dial("client", "web", 7000)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := meshtest.Greeting(conn); err != nil {
			t.Fatal(err)
		}
		connections := func(w *meshtest.Workload, name string, parts ...string) {
			t.Helper()
			counted(t, w, append(parts, "istio_tcp_connections_"+name+"_total{", `request_protocol="tcp"`, "} 1")...)
		}
		connections(client, "opened", with(between, bySource)...)
		if err := series(client, "istio_tcp_connections_closed_total{"); err == nil {
			t.Error("the connection that is open counts as closed")
		}
		conn.Close()
		connections(client, "closed", with(between, bySource)...)
		for _, name := range []string{"opened", "closed"} {
			connections(web, name, byDestination, mutual, `destination_workload="web"`, `source_workload="unknown"`, between[2])
		}
		counted(t, client, with(between, "istio_tcp_received_bytes_total{", bySource)...)
		counted(t, web, "istio_tcp_sent_bytes_total{", byDestination)
	})
}

// TestMetricsOfStrangers: who is not in the mesh is not believed, and not told who calls.
func TestMetricsOfStrangers(t *testing.T) {
	outside := meshtest.StartProgram(t, "outside")
	m := meshtest.New(t, map[string]string{"web.yaml": measured, "outside.yaml": collector("outside", "http", int(outside.Ports()[meshtest.HTTPPort])), "gateway.yaml": `
apiVersion: v1
kind: Service
metadata: {name: nobody, namespace: default}
spec: {selector: {app: nobody}, ports: [{name: tcp, port: 7000}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: default}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge, namespace: default}
spec: {hosts: ["*"], gateways: [edge], http: [{route: [{destination: {host: web}}]}]}
`})
	web := meshtest.Sidecar("web", "app=web", "version=v3")
	web.Ports = meshtest.StartProgram(t, "web").Ports()
	server, client, edge := m.Start(web), m.Start(meshtest.Sidecar("client")), m.Start(meshtest.Gateway("edge"))
	m.Settle()
	const lie = "x-meshctl-peer=liar;liar;liar;v9;liar"

	t.Run("a destination outside", func(t *testing.T) {
		for _, url := range []string{"http://outside.istio-system.svc.cluster.local:9999/", fmt.Sprintf("http://127.0.0.1:%d/", outside.Ports()[meshtest.HTTPPort])} {
			a := meshtest.Expect(t, client.Client(), url, 200, "outside GET /")
			if h := a.Echo.Header.Get("x-meshctl-peer"); h != "" {
				t.Errorf("%s was told %q", url, h)
			}
		}
		counted(t, client, "istio_requests_total{", bySource, `destination_service="outside.istio-system.svc.cluster.local"`, `destination_principal="unknown"`)
		counted(t, client, "istio_requests_total{", bySource, `destination_service_name="PassthroughCluster"`, `destination_workload="unknown"`)
	})
	t.Run("a connection to nobody", func(t *testing.T) {
		conn, err := net.Dial("tcp", client.Local("nobody.default.svc.cluster.local", 7000))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for _, name := range []string{"opened", "closed"} {
			counted(t, client, "istio_tcp_connections_"+name+"_total{", `destination_service_name="nobody"`, `response_flags="UH"`, "} 1")
		}
	})
	t.Run("a plaintext client", func(t *testing.T) {
		a := meshtest.Get(t, server.ClientAt("inbound|8080"), "http://web/", lie)
		if a.Status != 200 || a.Echo.Header.Get("x-meshctl-peer") != "" {
			t.Errorf("%d, the program saw %v", a.Status, a.Echo.Header)
		}
		counted(t, server, "istio_requests_total{", byDestination, `source_workload="unknown"`, `source_principal="unknown"`, `connection_security_policy="none"`)
	})
	t.Run("a client of a gateway", func(t *testing.T) {
		meshtest.Expect(t, edge.ClientAt("gateway|80"), "http://web/", 200, "web GET /", lie)
		counted(t, edge, "istio_requests_total{", bySource, `source_workload="edge"`, `destination_workload="web"`, `destination_service_name="web"`)
		counted(t, server, "istio_requests_total{", byDestination, `source_workload="edge"`, `source_workload_namespace="istio-system"`, mutual)
	})
	if strings.Contains(server.Metrics(), "liar") {
		t.Error("the server believed a stranger")
	}
}

// TestMetricOverrides: Telemetry changes tags, turns metrics off for one side, for a workload, and altogether.
func TestMetricOverrides(t *testing.T) {
	r := newRig(t, "")
	r.Case("tags", telemetry("default", "tags", `{metrics: [{overrides: [{match: {metric: REQUEST_COUNT, mode: CLIENT},
  tagOverrides: {request_host: {value: request.host}, response_code: {value: response.code / 100}, source_app: {operation: REMOVE}}}]}]}`), func(t *testing.T) {
		r.until(func() error {
			return series(r.client, "istio_requests_total{", `request_host="web`, `response_code="2"`, `destination_app="web"`)
		})
		if err := series(r.client, "istio_requests_total{", `request_host="web`, "source_app"); err == nil {
			t.Error("source_app is still there")
		}
		if err := series(r.server, "request_host="); err == nil {
			t.Error("the server has the client's tag")
		}
	})
	// What was counted stays until Envoy evicts it, so what matters is what is configured.
	counts := func(w *meshtest.Workload, metric string) bool {
		return strings.Contains(string(w.Admin("/config_dump")), `"name": "`+metric+`"`)
	}
	expect := func(t *testing.T, w *meshtest.Workload, metric string, want bool) {
		t.Helper()
		envoytest.Eventually(t, metric, func() error {
			if counts(w, metric) != want {
				return fmt.Errorf("%s counts %s: %t", w.Name, metric, !want)
			}
			return nil
		})
	}
	r.Case("one metric and one side", telemetry("default", "off", `{metrics: [{overrides: [{match: {metric: REQUEST_SIZE}, disabled: true},
  {match: {mode: SERVER, metric: TCP_OPENED_CONNECTIONS}, disabled: true}]}]}`), func(t *testing.T) {
		expect(t, r.server, "istio_request_bytes", false)
		expect(t, r.client, "istio_request_bytes", false)
		expect(t, r.client, "istio_response_bytes", true)
		expect(t, r.server, "istio_tcp_connections_closed_total", true)
	})
	r.Case("a workload", telemetry("default", "web", `{selector: {matchLabels: {app: web}}, metrics: [{overrides: [{disabled: true}]}]}`), func(t *testing.T) {
		expect(t, r.server, "istio_requests_total", false)
		expect(t, r.client, "istio_requests_total", true)
		if a := meshtest.Get(t, r.client.Client(), "http://web/"); a.Echo.Header.Get("x-meshctl-peer") != "" {
			t.Error("the program was told who calls")
		}
	})
	r.Write("mesh.yaml", meshConfig("    defaultProviders: {}\n"))
	r.Case("no provider", "", func(t *testing.T) {
		expect(t, r.server, "istio_requests_total", false)
		expect(t, r.client, "istio_requests_total", false)
	})
	r.Case("a provider for a workload", telemetry("default", "on", `{selector: {matchLabels: {app: web}}, metrics: [{providers: [{name: prometheus}]}]}`), func(t *testing.T) {
		expect(t, r.server, "istio_requests_total", true)
		expect(t, r.client, "istio_requests_total", false)
	})
}

// TestMetricsOfGRPC: the status of a call is a tag.
func TestMetricsOfGRPC(t *testing.T) {
	members := []meshtest.Member{{Options: meshtest.Sidecar("client")}, {Options: meshtest.Sidecar("web", "app=web", "version=v3"), Serves: true}}
	m := meshtest.Explicit(t, map[string]string{"services.yaml": measured}, members)
	if _, err := meshtest.CallGRPC(t, m.Member("client").Local("web.default.svc.cluster.local", 9000)); err != nil {
		t.Fatal(err)
	}
	for _, w := range []string{"client", "web"} {
		counted(t, m.Member(w), "istio_requests_total{", `request_protocol="grpc"`, `grpc_response_status="0"`, `response_code="200"`)
	}
}
