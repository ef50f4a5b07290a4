package probe_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/meshctl/meshctl/internal/agent/probe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func check(t *testing.T, config string, target probe.Target) error {
	t.Helper()
	p, err := probe.Parse([]byte(config), target)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	return p.Check(ctx)
}

func TestHTTP(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" || r.Host != "example.test" || r.Header.Get("X-Probe") != "1" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer s.Close()
	target := probe.Target{Ports: map[uint32]uint32{8080: uint32(s.Listener.Addr().(*net.TCPAddr).Port)}}
	config := `{"httpGet":{"path":"%s","port":8080,"httpHeaders":[{"name":"host","value":"example.test"},{"name":"X-Probe","value":"1"}]}}`
	if err := check(t, fmt.Sprintf(config, "healthz"), target); err != nil {
		t.Error(err)
	}
	if err := check(t, fmt.Sprintf(config, "/other"), target); err == nil {
		t.Error("status 503 passed")
	}
}

func TestTCPAndGRPC(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, state := grpc.NewServer(), health.NewServer()
	grpc_health_v1.RegisterHealthServer(server, state)
	go func() { _ = server.Serve(l) }()
	port := l.Addr().(*net.TCPAddr).Port
	if err := check(t, fmt.Sprintf(`{"tcpSocket":{"port":%d}}`, port), probe.Target{}); err != nil {
		t.Error(err)
	}
	if err := check(t, fmt.Sprintf(`{"grpc":{"port":%d}}`, port), probe.Target{}); err != nil {
		t.Error(err)
	}
	state.SetServingStatus("", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	if err := check(t, fmt.Sprintf(`{"grpc":{"port":%d}}`, port), probe.Target{}); err == nil {
		t.Error("NOT_SERVING passed")
	}
	server.Stop()
	if err := check(t, fmt.Sprintf(`{"tcpSocket":{"port":%d}}`, port), probe.Target{}); err == nil {
		t.Error("a closed port passed")
	}
}

func TestExec(t *testing.T) {
	if err := check(t, `{"exec":{"command":["true"]}}`, probe.Target{}); err != nil {
		t.Error(err)
	}
	if err := check(t, `{"exec":{"command":["sh","-c","echo broken; exit 3"]}}`, probe.Target{}); err == nil {
		t.Error("exit status 3 passed")
	}
}

func TestParseErrors(t *testing.T) {
	for _, config := range []string{``, `{`, `{}`, `{"exec":{}}`, `{"httpGet":{"scheme":"ftp","port":1}}`, `{"periodSeconds":"x"}`} {
		if _, err := probe.Parse([]byte(config), probe.Target{}); err == nil {
			t.Errorf("Parse(%q) = nil error", config)
		}
	}
}

func TestThresholds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		results := []bool{false, false, true, true, false, true, false, false, false, true}
		began, next := time.Now(), 0
		ctx, cancel := context.WithCancel(t.Context())
		p := &probe.Probe{Period: 10 * time.Second, Timeout: time.Second, Successes: 2, Failures: 3, Delay: 5 * time.Second,
			Check: func(context.Context) error {
				if next == len(results) {
					cancel()
					return nil
				}
				if next++; results[next-1] {
					return nil
				}
				return errors.New("down")
			}}
		var got []string
		p.Run(ctx, func(healthy bool, reason string) {
			got = append(got, fmt.Sprintf("%s %v %s", time.Since(began), healthy, reason))
		})
		if diff := cmp.Diff([]string{"5s false down", "8s true ", "58s false down"}, got); diff != "" {
			t.Error(diff)
		}
	})
}
