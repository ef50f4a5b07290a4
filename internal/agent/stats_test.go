package agent_test

import (
	"strings"
	"testing"

	"github.com/envoyproxy/go-control-plane/pkg/cache/types"

	"github.com/meshctl/meshctl/internal/agent"
	"github.com/meshctl/meshctl/internal/agent/agenttest"
	"github.com/meshctl/meshctl/internal/agent/bootstrap"
	"github.com/meshctl/meshctl/internal/envoytest"
)

// Parts of Envoy's statistic names become the labels that Istio's dashboards use; what is not asked for is not there.
func TestStatisticLabels(t *testing.T) {
	r := start(t, func(o *agent.Options) {
		o.DrainDuration = -1
		o.Stats = bootstrap.Stats{Matcher: bootstrap.Matcher{Prefixes: []string{"cluster.outbound", "http.inbound"}}}
	})
	names := []string{"outbound|9080|v1|reviews.default.svc.cluster.local", "outbound|443||www.example.com", "outbound|443||*.wildcard.org", "outbound|80||a.internal.http2.example.com"}
	clusters := []types.Resource{agenttest.Cluster("program", 1)}
	for _, name := range names {
		clusters = append(clusters, agenttest.Cluster(name, 1))
	}
	port := r.now().Bindings["inbound|9080"]
	r.plane.Set(t, "labels", []types.Resource{agenttest.HTTPListener("inbound", port, names[0], true)}, clusters)
	client := r.client()
	envoytest.Eventually(t, "a request to the new cluster", func() error {
		_, _ = r.get(client) // answered with 503: nobody listens
		page, err := envoytest.Get(r.now().StatusAddress, "/stats/prometheus")
		if err != nil {
			return err
		}
		return missing(string(page),
			`envoy_cluster_upstream_cx_total{cluster_name="`+names[0]+`"} `,
			`envoy_cluster_upstream_cx_total{cluster_name="`+names[1]+`"} 0`,
			`envoy_cluster_membership_healthy{cluster_name="`+names[2]+`"} 1`,
			`envoy_cluster_circuit_breakers_default_cx_open{cluster_name="`+names[1]+`"} 0`,
			`envoy_cluster_upstream_rq{response_code="503",cluster_name="`+names[0]+`"} `,
			`envoy_cluster_upstream_rq{response_code_class="5xx",cluster_name="`+names[0]+`"} `,
			`envoy_http_downstream_rq_total{http_conn_manager_prefix="inbound"} `,
			`envoy_cluster_http1_dropped_headers_with_underscores{cluster_name="`+names[0]+`"} 0`,
			`envoy_cluster_lb_healthy_panic{cluster_name="`+names[3]+`"} 0`,
			`envoy_cluster_default_total_match_count{cluster_name="`+names[0]+`"} `,
			`envoy_listener_downstream_cx_active{listener_address="127.0.0.1_`,
		)
	})
	page, err := envoytest.Get(r.now().StatusAddress, "/stats/prometheus")
	if err != nil || strings.Contains(string(page), `cluster_name="program"`) {
		t.Errorf("statistics that nobody asked for (%v)", err)
	}
}

type missingError []string

func (e missingError) Error() string { return "missing: " + strings.Join(e, ", ") }

func missing(page string, want ...string) error {
	var out missingError
	for _, line := range want {
		if !strings.Contains(page, line) {
			out = append(out, line)
		}
	}
	if len(out) > 0 {
		return out
	}
	return nil
}
