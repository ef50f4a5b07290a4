package adminapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/anypb"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/pkg/authz"
	"github.com/meshctl/meshctl/pkg/authz/ask"
	"github.com/meshctl/meshctl/pkg/proxyconfig"
	"github.com/meshctl/meshctl/pkg/tap"
	"github.com/meshctl/meshctl/pkg/traffic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type backend struct{ synced chan struct{} }

func (backend) Status() adminapi.Status { return adminapi.Status{Instance: "meshd-1", Version: "v1"} }

func (backend) Proxies() []adminapi.Proxy {
	return []adminapi.Proxy{
		{ID: "reviews-v1.default", Name: "reviews-v1", Namespace: "default"},
		{ID: "productpage.default", Name: "productpage", Namespace: "default"},
	}
}

func (backend) Config(_ context.Context, id string) (map[string][]*anypb.Any, error) {
	if id != "productpage.default" {
		return nil, adminapi.ErrUnknownProxy
	}
	a, err := anypb.New(&tlsv3.Secret{Name: "default", Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{
		PrivateKey: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: "sesame"}},
	}}})
	return map[string][]*anypb.Any{proxyconfig.SecretType: {a}}, err
}

func (backend) Configuration() (adminapi.Configuration, error) {
	return adminapi.Configuration{ConfigDirs: []string{"/etc/mesh"}, Objects: []json.RawMessage{[]byte(`{"kind":"WorkloadEntry"}`)}}, nil
}

func (backend) Tap(_ context.Context, r tap.Request, emit func(tap.Line) error) error {
	if len(r.Targets) > 0 {
		return &adminapi.InputError{Message: "no proxy is of " + r.Targets[0].String()}
	}
	if err := emit(tap.Line{Status: &tap.Status{Proxies: 1}}); err != nil {
		return err
	}
	return emit(tap.Line{Event: &tap.Event{Path: "/", Method: r.Filter.Methods[0]}})
}

func (backend) Authorize(q ask.Query) ([]ask.Report, error) {
	if q.To == "" {
		return nil, &ask.InputError{Message: "say which workload is called"}
	}
	return []ask.Report{{Workload: q.To, Verdict: authz.Denied}}, nil
}

func (backend) WorkloadGroup(namespace, name string) (adminapi.WorkloadGroup, error) {
	if name != "vms" {
		return adminapi.WorkloadGroup{}, adminapi.ErrUnknownGroup
	}
	return adminapi.WorkloadGroup{Namespace: namespace, Name: name, ServiceAccount: "vm"}, nil
}

func (backend) Rotate(_ context.Context, id string) (adminapi.Certificate, error) {
	if id != "productpage.default" {
		return adminapi.Certificate{}, errors.New("the agent is not connected")
	}
	return adminapi.Certificate{SPIFFE: "spiffe://x", Serial: "1f"}, nil
}

func (b backend) WaitSync(ctx context.Context) adminapi.SyncReport {
	select {
	case <-b.synced:
		return adminapi.SyncReport{Synced: true}
	case <-ctx.Done():
		return adminapi.SyncReport{Waiting: []string{"productpage.default"}}
	}
}

func serve(t *testing.T, b adminapi.Backend) *adminapi.Client {
	t.Helper()
	server := httptest.NewServer(adminapi.Handler(b))
	t.Cleanup(server.Close)
	return adminapi.NewClient(server.Listener.Addr().String())
}

func TestClientAndHandler(t *testing.T) {
	synced := make(chan struct{})
	c := serve(t, backend{synced})
	status, err := c.Status(t.Context())
	if err != nil || status.Instance != "meshd-1" || status.Problems == nil {
		t.Errorf("status %+v, %v", status, err)
	}
	proxies, err := c.Proxies(t.Context())
	if err != nil || len(proxies) != 2 || proxies[0].ID != "productpage.default" {
		t.Errorf("proxies %+v, %v", proxies, err)
	}
	data, err := c.Config(t.Context(), "productpage.default")
	if err != nil || strings.Contains(string(data), "sesame") {
		t.Errorf("config %s, %v", data, err)
	}
	if d, err := proxyconfig.Parse(strings.NewReader(string(data))); err != nil || len(d.Secrets) != 1 {
		t.Errorf("dump %+v, %v", d, err)
	}
	if cert, err := c.Rotate(t.Context(), "productpage.default"); err != nil || cert.Serial != "1f" {
		t.Errorf("rotate %+v, %v", cert, err)
	}
	if r, err := c.WaitSync(t.Context(), time.Millisecond); err != nil || r.Synced || len(r.Waiting) != 1 {
		t.Errorf("sync %+v, %v", r, err)
	}
	close(synced)
	if r, err := c.WaitSync(t.Context(), time.Minute); err != nil || !r.Synced {
		t.Errorf("sync %+v, %v", r, err)
	}
}

func TestErrorsReachTheClient(t *testing.T) {
	c := serve(t, backend{})
	_, err := c.Config(t.Context(), "a/b")
	var e *adminapi.Error
	if !errors.As(err, &e) || len(e.Candidates) != 2 {
		t.Errorf("unknown proxy: %v", err)
	}
	if _, err := c.Rotate(t.Context(), "reviews-v1.default"); err == nil || err.Error() != "the agent is not connected" {
		t.Errorf("rotate: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if _, err := adminapi.NewClient(l.Addr().String()).Status(t.Context()); !errors.Is(err, adminapi.ErrUnreachable) {
		t.Errorf("nobody there: %v", err)
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(adminapi.Handler(backend{}))
	server.Listener.Close()
	server.Listener = l
	server.Start()
	defer server.Close()
	if _, err := adminapi.NewClient("unix:" + path).Status(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestBrowsersAreRefused(t *testing.T) {
	h := adminapi.Handler(backend{})
	for name, edit := range map[string]func(*http.Request){
		"a web page":      func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
		"a rebound name":  func(r *http.Request) { r.Host = "evil.example:80" },
		"another machine": func(r *http.Request) { r.Host = "10.1.2.3:80" },
	} {
		r := httptest.NewRequest(http.MethodPost, "/v1/proxies/productpage.default/rotate", nil)
		r.Host = "127.0.0.1:1"
		edit(r)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}

func TestHangingServer(t *testing.T) {
	stop := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
	defer server.Close()
	defer close(stop)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := adminapi.NewClient(server.Listener.Addr().String()).Status(ctx); !errors.Is(err, adminapi.ErrUnreachable) {
		t.Errorf("error %v", err)
	}
}

func TestResolve(t *testing.T) {
	var proxies []adminapi.Proxy
	for _, id := range []string{"reviews-v1.default", "reviews-v2.default", "ratings.default", "ratings.test", "rat.default"} {
		name, namespace, _ := strings.Cut(id, ".")
		proxies = append(proxies, adminapi.Proxy{ID: id, Name: name, Namespace: namespace, NodeID: "sidecar~1.1.1.1~" + id + "~x"})
	}
	got := map[string]string{}
	for _, name := range []string{"reviews-v1", "ratings.test", "test/ratings", "rat", "reviews-v2.d", "test/", "sidecar~1.1.1.1~rat.default~x", "ratings", "rev", "x", ""} {
		p, err := adminapi.Resolve(proxies, name)
		got[name] = p.ID
		if err != nil {
			got[name] = err.Error()
		}
	}
	all := "reviews-v1.default, reviews-v2.default, ratings.default, ratings.test, rat.default"
	want := map[string]string{
		"reviews-v1": "reviews-v1.default", "ratings.test": "ratings.test", "test/ratings": "ratings.test", "rat": "rat.default",
		"reviews-v2.d": "reviews-v2.default", "test/": "ratings.test", "sidecar~1.1.1.1~rat.default~x": "rat.default",
		"ratings": `"ratings" could be more than one proxy: choose one of ratings.default, ratings.test`,
		"rev":     `"rev" could be more than one proxy: choose one of reviews-v1.default, reviews-v2.default`,
		"x":       `no proxy is named "x": choose one of ` + all,
		"":        `no proxy is named "": choose one of ` + all,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAuthorize(t *testing.T) {
	server := httptest.NewServer(adminapi.Handler(backend{}))
	defer server.Close()
	c := adminapi.NewClient(server.Listener.Addr().String())
	reports, err := c.Authorize(t.Context(), ask.Query{To: "web.shop"})
	if err != nil || len(reports) != 1 || reports[0].Workload != "web.shop" || reports[0].Verdict != authz.Denied {
		t.Errorf("%+v %v", reports, err)
	}
	var input *ask.InputError
	if _, err := c.Authorize(t.Context(), ask.Query{}); !errors.As(err, &input) {
		t.Errorf("a bad question is answered with %v", err)
	}
}

func TestWorkloadGroup(t *testing.T) {
	c := serve(t, backend{})
	if g, err := c.WorkloadGroup(t.Context(), "prod", "vms"); err != nil || g != (adminapi.WorkloadGroup{Namespace: "prod", Name: "vms", ServiceAccount: "vm"}) {
		t.Errorf("%+v, %v", g, err)
	}
	if _, err := c.WorkloadGroup(t.Context(), "prod", "none"); err == nil || !strings.Contains(err.Error(), "no such WorkloadGroup: prod/none") {
		t.Errorf("got %v", err)
	}
}

func (backend) Traffic(context.Context, string) (traffic.Report, error) { return traffic.Report{}, nil }
