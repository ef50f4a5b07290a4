package metrics

import (
	"bytes"
	"strings"
	"testing"
)

// Two ports of a service are one series; what Envoy names briefly has Istio's names afterwards.
func TestStandardMetrics(t *testing.T) {
	const in = `# TYPE envoy_istio_requests_total counter
envoy_istio_requests_total{mesh="client outbound|80||web.shop.svc.cluster.local spiffe://td/ns/shop/sa/web - 200 - web-v1;shop;web;v1;Kubernetes",mesh_removed="source_app,source_version"} 2
envoy_istio_requests_total{mesh="client outbound|81||web.shop.svc.cluster.local spiffe://td/ns/shop/sa/web - 200 - web-v1;shop;web;v1;Kubernetes",mesh_removed="source_app,source_version"} 3
envoy_istio_requests_total{mesh="server inbound|8080|| spiffe://td/ns/a/sa/b - 200 0 forged; \" 200 200"} 1
envoy_istio_requests_total{mesh="nonsense"} 7
`
	var out bytes.Buffer
	w := &rewriter{out: &out, described: map[string]bool{}, self: Peer{"me", "default", "me", "v2", "Kubernetes", "spiffe://td/ns/default/sa/me"}}
	if err := w.copy(strings.NewReader(in)); err != nil {
		t.Fatal(err)
	}
	const want = `# TYPE istio_requests_total counter
istio_requests_total{reporter="source",source_workload="me",source_workload_namespace="default",source_cluster="Kubernetes",source_canonical_service="me",source_canonical_revision="v2",source_principal="spiffe://td/ns/default/sa/me",destination_workload="web-v1",destination_workload_namespace="shop",destination_app="web",destination_version="v1",destination_cluster="Kubernetes",destination_canonical_service="web",destination_canonical_revision="v1",destination_principal="spiffe://td/ns/shop/sa/web",destination_service="web.shop.svc.cluster.local",destination_service_name="web",destination_service_namespace="shop",request_protocol="http",response_flags="-",response_code="200",grpc_response_status="",connection_security_policy="unknown"} 5
`
	lines := strings.SplitAfter(out.String(), "\n")
	if got := strings.Join(lines[:2], ""); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, part := range []string{
		`reporter="destination"`, `source_workload="unknown"`, `destination_workload="me"`, `destination_service="me.default.svc.cluster.local"`,
		`connection_security_policy="mutual_tls"`, `request_protocol="grpc"`,
	} {
		if !strings.Contains(lines[2], part) {
			t.Errorf("%s lacks %s", lines[2], part)
		}
	}
}
