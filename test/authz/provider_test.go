package authz_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/meshctl/meshctl/internal/meshtest"
)

// provider is an external authorizer that allows what has "x-ext-authz: allow", over HTTP and gRPC, and keeps what it was asked last.
type provider struct {
	http, grpc uint32 // ports

	authv3.UnimplementedAuthorizationServer
	mu    sync.Mutex
	asked int
	last  check
}

// check is a question to the provider.
type check struct {
	path, body string
	raw        []byte
	header     http.Header
	tcp        bool
}

func startProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{}
	web, rpc := listen(t), listen(t)
	p.http, p.grpc = meshtest.ListenPort(web), meshtest.ListenPort(rpc)
	over := &http.Server{Handler: p}
	server := grpc.NewServer()
	authv3.RegisterAuthorizationServer(server, p)
	var running sync.WaitGroup
	running.Go(func() { _ = over.Serve(web) })
	running.Go(func() { _ = server.Serve(rpc) })
	t.Cleanup(func() {
		_ = over.Close()
		server.Stop()
		running.Wait()
	})
	return p
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (p *provider) note(c check) (allow bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked, p.last = p.asked+1, c
	return c.header.Get("x-ext-authz") == "allow" || c.tcp
}

// question is what the provider was asked last, and how often it was.
func (p *provider) question() (check, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last, p.asked
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("x-auth-user", "somebody")
	w.Header().Set("x-why", "because")
	w.Header().Set("x-secret", "hidden")
	if !p.note(check{path: r.URL.RequestURI(), body: string(body), header: r.Header}) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "denied by the provider")
	}
}

// Check implements envoy.service.auth.v3.Authorization.
func (p *provider) Check(_ context.Context, in *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	request := in.GetAttributes().GetRequest().GetHttp()
	header := http.Header{}
	for k, v := range request.GetHeaders() {
		header.Set(k, v)
	}
	caller := in.GetAttributes().GetSource().GetPrincipal()
	if p.note(check{path: request.GetPath(), body: request.GetBody(), raw: request.GetRawBody(), header: header, tcp: request == nil && strings.HasSuffix(caller, "/sa/client")}) {
		return &authv3.CheckResponse{Status: &status.Status{}, HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{
			Headers: []*corev3.HeaderValueOption{{Header: &corev3.HeaderValue{Key: "x-auth-user", Value: "somebody"}}},
		}}}, nil
	}
	return &authv3.CheckResponse{Status: &status.Status{Code: int32(codes.PermissionDenied)}, HttpResponse: &authv3.CheckResponse_DeniedResponse{
		DeniedResponse: &authv3.DeniedHttpResponse{Status: &typev3.HttpStatus{Code: typev3.StatusCode_Unauthorized}, Body: "denied by gRPC"},
	}}, nil
}
