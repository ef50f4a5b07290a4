package admin_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/pkg/proxyconfig"
	"github.com/meshctl/meshctl/pkg/proxyconfig/admin"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

func TestLiveEnvoy(t *testing.T) {
	envoy := envoytest.Start(t, []byte(`{"admin":{"address":{"socket_address":{"address":"127.0.0.1","port_value":0}}},
		"static_resources":{"clusters":[{"name":"outbound|80||a","load_assignment":{"cluster_name":"outbound|80||a","endpoints":[{"lb_endpoints":[
		{"endpoint":{"address":{"socket_address":{"address":"127.0.0.1","port_value":1}}}}]}]}}]}}`))
	envoy.WaitReady(t)
	c := admin.New(envoy.Admin)
	dump, err := c.ConfigDump(t.Context())
	if err != nil || len(dump.Clusters) != 1 || len(dump.Endpoints) != 1 {
		t.Fatalf("%+v, %v", dump, err)
	}
	statuses, err := c.Statuses(t.Context())
	if err != nil || len(dump.EndpointRows(statuses, proxyconfig.Filter{})) != 1 {
		t.Errorf("%v, %v", statuses, err)
	}
	if rows, err := c.SetLogLevel(t.Context(), "http2", "debug"); err != nil || !hasLevel(rows, "http2", "debug") {
		t.Errorf("%v, %v", rows, err)
	}
	if rows, err := c.SetLogLevel(t.Context(), "", "error"); err != nil || !hasLevel(rows, "http2", "error") || !hasLevel(rows, "admin", "error") {
		t.Errorf("%v, %v", rows, err)
	}
	if _, err := c.SetLogLevel(t.Context(), "http2", "loud"); err == nil {
		t.Error("level loud was accepted")
	}
	if _, err := c.SetLogLevel(t.Context(), "nosuch", "info"); err == nil {
		t.Error("logger nosuch was accepted")
	}
	if stats, err := c.Stats(t.Context(), "^server.live$"); err != nil || strings.TrimSpace(string(stats)) != "server.live: 1" {
		t.Errorf("%q, %v", stats, err)
	}
	if _, err := c.Certs(t.Context()); err != nil {
		t.Error(err)
	}
}

func hasLevel(rows []proxyconfig.LogRow, logger, level string) bool {
	for _, r := range rows {
		if r.Logger == logger {
			return r.Level == level
		}
	}
	return false
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`{"configs":[]}`))
	})}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	if _, err := admin.New("unix:" + path).ConfigDump(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestErrors(t *testing.T) {
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/certs" {
			<-hang
		}
		http.Error(w, "no such thing", http.StatusNotFound)
	}))
	defer server.Close()
	defer close(hang)
	c := admin.New(server.Listener.Addr().String())
	if _, err := c.ConfigDump(t.Context()); err == nil || !strings.Contains(err.Error(), "404") || !strings.Contains(err.Error(), "no such thing") {
		t.Errorf("refused: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Certs(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hanging: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if _, err := admin.New(l.Addr().String()).ConfigDump(t.Context()); err == nil || !strings.Contains(err.Error(), "is the proxy running?") {
		t.Errorf("nobody there: %v", err)
	}
}
