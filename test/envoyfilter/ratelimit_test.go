package envoyfilter_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"

	ratelimitv3 "github.com/envoyproxy/go-control-plane/envoy/service/ratelimit/v3"
	"google.golang.org/grpc"

	"github.com/meshctl/meshctl/internal/meshtest"
)

// limiter is a rate limit service: of each descriptor whose first value is in limits, it lets that many requests pass.
type limiter struct {
	ratelimitv3.UnimplementedRateLimitServiceServer
	mu     sync.Mutex
	limits map[string]int
	domain string
}

func (l *limiter) ShouldRateLimit(_ context.Context, r *ratelimitv3.RateLimitRequest) (*ratelimitv3.RateLimitResponse, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.domain = r.GetDomain()
	out := &ratelimitv3.RateLimitResponse{OverallCode: ratelimitv3.RateLimitResponse_OK}
	for _, d := range r.GetDescriptors() {
		s := &ratelimitv3.RateLimitResponse_DescriptorStatus{Code: ratelimitv3.RateLimitResponse_OK}
		key := d.GetEntries()[0].GetKey() + "=" + d.GetEntries()[0].GetValue()
		if left, limited := l.limits[key]; limited {
			if left == 0 {
				s.Code, out.OverallCode = ratelimitv3.RateLimitResponse_OVER_LIMIT, ratelimitv3.RateLimitResponse_OVER_LIMIT
			} else {
				l.limits[key]--
			}
		}
		out.Statuses = append(out.Statuses, s)
	}
	return out, nil
}

// limit begins to count again.
func (l *limiter) limit(limits map[string]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limits = limits
}

// startLimiter serves on all addresses of this machine and returns its port.
func startLimiter(t *testing.T) (*limiter, int) {
	t.Helper()
	listener, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	l, server := &limiter{}, grpc.NewServer()
	ratelimitv3.RegisterRateLimitServiceServer(server, l)
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		server.Stop()
		running.Wait()
	})
	return l, listener.Addr().(*net.TCPAddr).Port
}

// probe answers requests with the header x-probe itself, before anything counts them: connections that go on under the configuration
// before say so.
func probe(context, answer string) string {
	return at("HTTP_FILTER", "context: "+context+", listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager}}}", "INSERT_FIRST",
		`{name: probe, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua, default_source_code: {inline_string: `+
			`"function envoy_on_request(h)\n if h:headers():get('x-probe') then h:respond({[':status'] = '200'}, '`+answer+`') end\nend"}}}`)
}

// probed waits until requests meet the configuration with that probe.
func probed(m *meshtest.Traffic, answer string) {
	m.Expect("client", "http://server/", 200, answer, "x-probe=yes")
}

// passes counts how many of n requests are answered with 200; the others must get 429.
func passes(t *testing.T, m *meshtest.Traffic, url string, n int, headers ...string) int {
	t.Helper()
	passed := 0
	for range n {
		switch a := m.Get("client", url, headers...); a.Status {
		case 200:
			passed++
		case 429:
		default:
			t.Fatalf("%s: %d %s", url, a.Status, a.Body)
		}
	}
	return passed
}

func bucket(tokens int) string {
	return fmt.Sprintf(`token_bucket: {max_tokens: %d, tokens_per_fill: %d, fill_interval: 3600s}, filter_enabled: {runtime_key: enabled, default_value: {numerator: 100, denominator: HUNDRED}}, `+
		`filter_enforced: {runtime_key: enforced, default_value: {numerator: 100, denominator: HUNDRED}}, response_headers_to_add: [{append_action: OVERWRITE_IF_EXISTS_OR_ADD, header: {key: x-local-rate-limit, value: "true"}}]`, tokens, tokens)
}

// TestLocalRateLimit follows Istio's task "Enabling Rate Limits using Envoy".
func TestLocalRateLimit(t *testing.T) {
	const typed = `"@type": type.googleapis.com/udpa.type.v1.TypedStruct, type_url: type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit`
	const inbound = "context: SIDECAR_INBOUND, listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager}}}"
	both(t, map[string]string{}, func(t *testing.T, m *meshtest.Traffic) {
		m.Case("of a workload", filter("server", at("HTTP_FILTER", inbound, "INSERT_BEFORE",
			`{name: envoy.filters.http.local_ratelimit, typed_config: {`+typed+`, value: {stat_prefix: http_local_rate_limiter, `+bucket(4)+`}}}`)+probe("SIDECAR_INBOUND", "workload")), func(t *testing.T) {
			probed(m, "workload")
			if n := passes(t, m, "http://server/", 6); n != 4 {
				t.Errorf("%d requests passed, want 4", n)
			}
			if a := m.Get("client", "http://server/"); a.Header.Get("x-local-rate-limit") != "true" {
				t.Errorf("%v", a.Header)
			}
		})
		m.Case("of a virtual host", filter("server", at("HTTP_FILTER", inbound, "INSERT_BEFORE",
			`{name: envoy.filters.http.local_ratelimit, typed_config: {`+typed+`, value: {stat_prefix: http_local_rate_limiter}}}`)+
			at("HTTP_ROUTE", `context: SIDECAR_INBOUND, routeConfiguration: {vhost: {name: "inbound|http|80", route: {action: ANY}}}`, "MERGE",
				`{typed_per_filter_config: {envoy.filters.http.local_ratelimit: {`+typed+`, value: {stat_prefix: http_local_rate_limiter, `+bucket(3)+`}}}}`)+probe("SIDECAR_INBOUND", "host")), func(t *testing.T) {
			probed(m, "host")
			if n := passes(t, m, "http://server/", 5); n != 3 {
				t.Errorf("%d requests passed, want 3", n)
			}
		})
		m.Case("none", filter("server", probe("SIDECAR_INBOUND", "none")), func(t *testing.T) { probed(m, "none") })
		m.Case("of a route, at the client", filter("client", probe("SIDECAR_OUTBOUND", "route")+at("HTTP_FILTER", "context: SIDECAR_OUTBOUND, listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager}}}", "INSERT_BEFORE",
			`{name: envoy.filters.http.local_ratelimit, typed_config: {`+typed+`, value: {stat_prefix: http_local_rate_limiter}}}`)+
			at("HTTP_ROUTE", `context: SIDECAR_OUTBOUND, routeConfiguration: {vhost: {name: "server.default.svc.cluster.local:80", route: {name: private}}}`, "MERGE",
				`{typed_per_filter_config: {envoy.filters.http.local_ratelimit: {`+typed+`, value: {stat_prefix: http_local_rate_limiter, `+bucket(2)+`}}}}`)), func(t *testing.T) {
			probed(m, "route")
			if n := passes(t, m, "http://server/private", 4); n != 2 {
				t.Errorf("%d requests passed, want 2", n)
			}
			if n := passes(t, m, "http://server/", 4); n != 4 {
				t.Errorf("%d requests of other routes passed, want 4", n)
			}
		})
	})
}

// TestGlobalRateLimit asks a rate limit service: a filter that names its cluster, actions on virtual hosts and routes.
func TestGlobalRateLimit(t *testing.T) {
	both(t, map[string]string{}, func(t *testing.T, m *meshtest.Traffic) {
		service, port := startLimiter(t)
		address := "127.0.0.1"
		if m.Redirected {
			address = "10.77.0.1"
		}
		setup := at("CLUSTER", "context: SIDECAR_INBOUND", "ADD", fmt.Sprintf(`{name: rate_limit_cluster, type: STRICT_DNS, connect_timeout: 10s, lb_policy: ROUND_ROBIN, http2_protocol_options: {}, `+
			`load_assignment: {cluster_name: rate_limit_cluster, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: %s, port_value: %d}}}}]}]}}`, address, port)) +
			at("HTTP_FILTER", "context: SIDECAR_INBOUND, listener: {"+router+"}", "INSERT_BEFORE", `{name: envoy.filters.http.ratelimit, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimit, `+
				`domain: shop, failure_mode_deny: true, timeout: 10s, rate_limit_service: {grpc_service: {envoy_grpc: {cluster_name: rate_limit_cluster, authority: ratelimit}}, transport_api_version: V3}}}`)
		const host = `context: SIDECAR_INBOUND, routeConfiguration: {vhost: {name: "inbound|http|80"`
		m.Case("actions of a virtual host", filter("server", setup+probe("SIDECAR_INBOUND", "host")+at("VIRTUAL_HOST", host+`, route: {action: ANY}}}`, "MERGE",
			`{rate_limits: [{actions: [{request_headers: {header_name: ":path", descriptor_key: PATH}}]}]}`)), func(t *testing.T) {
			probed(m, "host")
			service.limit(map[string]int{"PATH=/limited": 2})
			if n := passes(t, m, "http://server/limited", 5); n != 2 {
				t.Errorf("%d requests passed, want 2", n)
			}
			if n := passes(t, m, "http://server/free", 3); n != 3 {
				t.Errorf("%d requests of another path passed, want 3", n)
			}
			if service.domain != "shop" {
				t.Errorf("asked for the domain %q", service.domain)
			}
		})
		m.Case("actions of a route", filter("server", setup+probe("SIDECAR_INBOUND", "route")+at("HTTP_ROUTE", host+`}}`, "MERGE",
			`{route: {rate_limits: [{actions: [{request_headers: {header_name: x-user, descriptor_key: user}}]}]}}`)), func(t *testing.T) {
			probed(m, "route")
			service.limit(map[string]int{"user=ann": 1})
			if n := passes(t, m, "http://server/", 3, "x-user=ann"); n != 1 {
				t.Errorf("%d requests of ann passed, want 1", n)
			}
			if n := passes(t, m, "http://server/", 3, "x-user=bob"); n != 3 {
				t.Errorf("%d requests of bob passed, want 3", n)
			}
		})
	})
}
