package destinations_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

const upstream = "cluster.outbound|80||server.default.svc.cluster.local."

func TestConnectionPool(t *testing.T) {
	s := newSuite(t)
	pool := func(settings string) string { return "{connectionPool: {" + settings + "}}" }
	s.with("http2MaxRequests", pool("http: {http2MaxRequests: 1}"), s.overflows(http.StatusServiceUnavailable))
	const one = "{connectionPool: {tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1}}, loadBalancer: {consistentHash: {useSourceIp: true}}}" // at one server
	s.with("maxConnections", one, s.overflows(http.StatusServiceUnavailable))
	s.counts("maxRequestsPerConnection", "http: {maxRequestsPerConnection: 1}", "upstream_cx_max_requests")
	s.counts("idleTimeout of HTTP", "http: {idleTimeout: 50ms}", "upstream_cx_idle_timeout")
	s.counts("maxConnectionDuration of HTTP", "tcp: {maxConnectionDuration: 50ms}", "upstream_cx_max_duration_reached")
	s.counts("h2UpgradePolicy", "http: {h2UpgradePolicy: UPGRADE}", "upstream_cx_http2_total")
	s.counts("DO_NOT_UPGRADE", "http: {h2UpgradePolicy: DO_NOT_UPGRADE}", "upstream_cx_http1_total")
	s.counts("useClientProtocol", "http: {useClientProtocol: true, h2UpgradePolicy: UPGRADE}", "upstream_cx_http1_total")
	s.with("maxConcurrentStreams", pool("http: {h2UpgradePolicy: UPGRADE, maxConcurrentStreams: 1}"), s.oneStream)
	s.with("http2KeepAlive", pool("http: {h2UpgradePolicy: UPGRADE, http2KeepAlive: {interval: 1s, timeout: 1s}}"), s.accepted("connectionKeepalive"))
	const ofPort = "{portLevelSettings: [{port: {number: 80}, loadBalancer: {simple: RANDOM}, connectionPool: {http: {http2MaxRequests: 7}}, " + detection + "}]}"
	s.with("of a port", ofPort, func(t *testing.T) {
		s.only(t, []string{"a"}) // the nearest, since failures are detected
		if got := string(s.client.Admin("/clusters")); !strings.Contains(got, "outbound|80||server.default.svc.cluster.local::default_priority::max_requests::7\n") ||
			strings.Contains(got, "outbound|81||server.default.svc.cluster.local::default_priority::max_requests::7\n") {
			t.Error("the limit holds for another port")
		}
	})
	s.with("tcpKeepalive", pool("tcp: {tcpKeepalive: {probes: 3, time: 60s, interval: 10s}}"), s.accepted("tcpKeepalive"))
	s.with("idleTimeout of TCP", pool("tcp: {idleTimeout: 100ms}"), func(t *testing.T) { s.ends(t, 7000, false) })
	s.with("maxConnectionDuration of TCP", pool("tcp: {maxConnectionDuration: 100ms}"), func(t *testing.T) { s.ends(t, 7000, true) })
	s.with("maxRetries", "{connectionPool: {http: {maxRetries: 17}}}", s.shows("/clusters", "outbound|80||server.default.svc.cluster.local::default_priority::max_retries::17\n"))
	s.with("retryBudget", "{retryBudget: {percent: 10, minRetryConcurrency: 1, budgetInterval: 1s}}", s.accepted("retryBudget"))
	s.with("connectTimeout", "{connectionPool: {tcp: {connectTimeout: 1500ms}}}", s.shows("/config_dump?resource=dynamic_active_clusters", `"connect_timeout": "1.500s"`))
}

// shows wants the servers to answer and a text, which no default gives, on a page of Envoy's admin interface.
func (s *suite) shows(page, text string) func(t *testing.T) {
	return func(t *testing.T) {
		s.only(t, []string{"a", "b", "c"})
		if !strings.Contains(string(s.client.Admin(page)), text) {
			t.Errorf("%s does not say %q", page, text)
		}
	}
}

// counts wants requests to move a counter of the cluster.
func (s *suite) counts(name, settings, stat string) {
	s.with(name, "{connectionPool: {"+settings+"}}", func(t *testing.T) {
		before := s.client.Stat(upstream + stat)
		envoytest.Eventually(t, stat, func() error {
			if got := s.who(t, 4); onlyNames(got, []string{"a", "b", "c"}) != nil && len(got) > 3 {
				return fmt.Errorf("%v", got)
			}
			if s.client.Stat(upstream+stat) <= before {
				return fmt.Errorf("it stays at %d", before)
			}
			return nil
		})
	})
}

// overflows wants requests beyond a limit to be refused at once.
func (s *suite) overflows(status int) func(t *testing.T) {
	return func(t *testing.T) {
		client := s.client.Client()
		envoytest.Eventually(t, "a request to be refused", func() error { // what is held may be of the cluster before
			defer hold(t, client, 4)()
			impatient := *client // some wait where others are refused
			impatient.Timeout = 300 * time.Millisecond
			for range 20 {
				a, err := meshtest.Try(&impatient, meshtest.Request{URL: "http://server/", Headers: []string{"x-envoy-max-retries=0"}})
				if err == nil && a.Status == status && a.Header.Get("x-envoy-overloaded") == "true" {
					return nil
				}
			}
			return errors.New("none is")
		})
	}
}

// hold keeps n requests to the server open until the result is called.
func hold(t *testing.T, client *http.Client, n int) (release func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var held sync.WaitGroup
	for range n {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://server/slow", nil)
		check(t, err)
		req.Header.Set("x-envoy-max-retries", "0")
		held.Go(func() {
			for ctx.Err() == nil { // one that is refused does not hold anything
				if resp, err := client.Do(req); err == nil {
					resp.Body.Close()
				}
			}
		})
	}
	return func() { cancel(); held.Wait() }
}

// oneStream wants two requests at a time to take two connections.
func (s *suite) oneStream(t *testing.T) {
	client := s.client.Client()
	before := s.client.Stat(upstream + "upstream_cx_total")
	var running sync.WaitGroup
	for range 6 {
		running.Go(func() { meshtest.Get(t, client, "http://server/", "x-answer-after=200ms") })
	}
	running.Wait()
	if n := s.client.Stat(upstream+"upstream_cx_total") - before; n < 4 {
		t.Errorf("six requests at a time took %d connections", n)
	}
}

// ends wants a connection to end by itself, whatever it sends.
func (s *suite) ends(t *testing.T, port int, busy bool) {
	envoytest.Eventually(t, "the connection to end", func() error {
		conn := meshtest.Connect(t, s.client.Local("server.default.svc.cluster.local", port))
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(3 * time.Second))
		began := time.Now()
		for {
			if busy {
				if _, err := conn.Write([]byte("x")); err != nil {
					return nil
				}
			}
			_, err := conn.Read(make([]byte, 64))
			var late net.Error
			switch {
			case errors.As(err, &late) && late.Timeout(), busy && time.Since(began) > 3*time.Second:
				return errors.New("it goes on")
			case errors.Is(err, io.EOF), err != nil:
				return nil
			}
		}
	})
}
