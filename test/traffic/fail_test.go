package traffic_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/meshtest"
)

// failing tries timeouts, retries and faults.
func (m *routed) failing() {
	m.Case("timeout", rules(`  - {timeout: 200ms, route: [{destination: {host: server}}]}`), func(t *testing.T) {
		begin := time.Now()
		meshtest.Expect(t, m.client.Client(), "http://server/slow", 504, "upstream request timeout")
		if took := time.Since(begin); took < 150*time.Millisecond {
			t.Errorf("the timeout came after %v", took)
		}
		meshtest.Expect(t, m.client.Client(), "http://server/", 200, "")
	})
	m.attempts()
	m.hosts()
	m.faults()
}

// attempts counts how often a program was asked: Envoy tells it.
func (m *routed) attempts() {
	rule := func(retries string) string {
		return rules(`  - {retries: {` + retries + `}, route: [{destination: {host: server, subset: v1}}]}`)
	}
	for _, c := range []struct {
		name, retries, answer string
		attempts              string
	}{
		{"retries of 5xx", `attempts: 3, retryOn: 5xx`, "503", "4"},
		{"retries of a status", `attempts: 2, retryOn: "418,reset"`, "418", "3"},
		{"retries of another status", `attempts: 2, retryOn: "418,reset"`, "503", "1"},
		{"no attempts", `attempts: 0`, "503", "1"},
		{"retries by default", `attempts: 2`, "503", "1"}, // connect-failure,refused-stream,unavailable,cancelled
	} {
		m.Case(c.name, rule(c.retries), func(t *testing.T) {
			meshtest.Expect(t, m.client.Client(), "http://server/", atoi(c.answer), "x-envoy-attempt-count: "+c.attempts+"\n", "x-answer="+c.answer)
		})
	}
	m.Case("perTryTimeout", rule(`attempts: 2, perTryTimeout: 100ms, retryOn: reset`), func(t *testing.T) {
		const timeouts = "cluster.outbound|80|v1|server.default.svc.cluster.local.upstream_rq_per_try_timeout"
		client := m.client.Client()
		meshtest.Expect(t, client, "http://server/", 200, "")
		before := m.client.Stat(timeouts)
		if a := meshtest.Get(t, client, "http://server/slow"); a.Status != 504 {
			t.Errorf("answer %+v", a)
		}
		if n := m.client.Stat(timeouts) - before; n != 3 {
			t.Errorf("%d attempts timed out, want 3", n)
		}
	})
	// The pause is a random share of the base interval: one of a thousand seconds is longer than the timeout but once in a thousand times.
	m.Case("backoff", rules(`  - {timeout: 300ms, retries: {attempts: 1, retryOn: 5xx, backoff: 1000s}, route: [{destination: {host: server, subset: v1}}]}`), func(t *testing.T) {
		meshtest.Expect(t, m.client.Client(), "http://server/", 504, "upstream request timeout", "x-answer=503")
	})
}

func atoi(s string) int {
	n := 0
	_, _ = fmt.Sscan(s, &n)
	return n
}

// hosts: which of the endpoints a retry goes to.
func (m *routed) hosts() {
	failures := func(t *testing.T, n int) (failed int) {
		t.Helper()
		client := m.client.Client()
		for range n {
			if a := meshtest.Get(t, client, "http://server/", "x-answer=v1=503"); a.Status != 200 {
				failed++
			}
		}
		return failed
	}
	warm := func(t *testing.T) { meshtest.Expect(t, m.client.Client(), "http://server/warm", 200, "x-warm: yes") }
	const mark = `headers: {request: {set: {x-warm: "yes"}}}, `
	m.Case("retries elsewhere", rules(`  - {`+mark+`retries: {attempts: 1, retryOn: 5xx}, route: [{destination: {host: server}}]}`), func(t *testing.T) {
		warm(t)
		if n := failures(t, 200); n > 20 { // Envoy looks five times for another endpoint: of two, in vain now and then
			t.Errorf("%d of 200 retries went to where the first attempt had failed", n)
		}
	})
	m.Case("retryIgnorePreviousHosts off", rules(`  - {`+mark+`retries: {attempts: 1, retryOn: 5xx, retryIgnorePreviousHosts: false}, route: [{destination: {host: server}}]}`), func(t *testing.T) {
		warm(t)
		if n := failures(t, 200); n < 25 {
			t.Errorf("%d of 200 retries went to where the first attempt had failed, want about 50", n)
		}
	})
	const failover = `
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: failover, namespace: default}
spec: {host: server, trafficPolicy: {loadBalancer: {localityLbSetting: {enabled: true}}, outlierDetection: {consecutive5xxErrors: 1000}}}
`
	for _, c := range []struct {
		name, on string
		want     int
	}{{"retryRemoteLocalities on", "true", 0}, {"retryRemoteLocalities off", "false", 20}} {
		m.Case(c.name, rules(`  - {`+mark+`retries: {attempts: 4, retryOn: 5xx, retryRemoteLocalities: `+c.on+`}, route: [{destination: {host: server}}]}`)+failover, func(t *testing.T) {
			warm(t)
			meshtest.Await(t, m.client.Client(), meshtest.Request{URL: "http://server/"}, func(a meshtest.Answer) error {
				if a.Echo.Program != "v1" {
					return fmt.Errorf("want the answer of the own region")
				}
				return nil
			})
			if n := failures(t, 20); n != c.want {
				t.Errorf("%d of 20 requests failed, want %d", n, c.want)
			}
		})
	}
}

func (m *routed) faults() {
	rule := func(fault string) string {
		return rules(`  - {fault: {` + fault + `}, route: [{destination: {host: server}}]}`)
	}
	m.Case("fault abort", rule(`abort: {httpStatus: 418, percentage: {value: 30}}`), func(t *testing.T) {
		client := m.client.Client()
		meshtest.Expect(t, client, "http://server/", 418, "fault filter abort")
		meshtest.Share(t, 400, 0.3, func() bool { return meshtest.Get(t, client, "http://server/").Status == 418 })
	})
	m.Case("fault abort without a share", rule(`abort: {httpStatus: 418}, delay: {fixedDelay: 1ms, percentage: {value: 100}}`), func(t *testing.T) {
		client := m.client.Client()
		meshtest.Expect(t, client, "http://server/", 200, "")
		for range 20 {
			if a := meshtest.Get(t, client, "http://server/"); a.Status != 200 {
				t.Fatalf("answer %+v", a)
			}
		}
	})
	m.Case("fault abort grpcStatus", rule(`abort: {grpcStatus: UNAVAILABLE, percentage: {value: 100}}`), func(t *testing.T) {
		meshtest.Await(t, m.client.Client(), meshtest.Request{URL: "http://server/", Headers: []string{"content-type=application/grpc"}}, func(a meshtest.Answer) error {
			if got := a.Header.Get("Grpc-Status"); got != "14" {
				return fmt.Errorf("status %q, want 14", got)
			}
			return nil
		})
		_, err := meshtest.CallGRPC(t, m.client.Local("server.default.svc.cluster.local", 9000))
		if err == nil || !strings.Contains(err.Error(), "Unavailable") {
			t.Errorf("gRPC: %v", err)
		}
	})
	for name, share := range map[string]string{"fault delay": `percentage: {value: 100}`, "fault delay percent": `percent: 100`} {
		m.Case(name, rule(`delay: {fixedDelay: 150ms, `+share+`}`), func(t *testing.T) {
			meshtest.Await(t, m.client.Client(), meshtest.Request{URL: "http://server/"}, slowly(150*time.Millisecond))
		})
	}
}

// slowly wants answers to take at least so long.
func slowly(least time.Duration) func(meshtest.Answer) error {
	begin := time.Now()
	return func(a meshtest.Answer) error {
		took := time.Since(begin)
		begin = time.Now()
		if took < least || a.Status != 200 {
			return fmt.Errorf("answered after %v", took)
		}
		return nil
	}
}
