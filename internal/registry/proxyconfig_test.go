package registry

import (
	"context"
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
	meshconfig "istio.io/api/mesh/v1alpha1"

	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/pkg/config"
)

// ask asks for a ProxyConfig; without an identity, without a certificate.
func (p *plane) ask(t *testing.T, id *ca.Identity, within time.Duration, in *agentapi.ProxyConfigRequest) (*agentapi.ProxyConfigResponse, error) {
	t.Helper()
	o := ca.TLSOptions{Bundle: p.authority.TrustBundle, ServerName: "127.0.0.1"}
	if id != nil {
		cert := p.certificate(t, *id)
		o.Certificate = func() (*tls.Certificate, error) { return cert, nil }
	}
	conn, err := grpc.NewClient(p.address, grpc.WithTransportCredentials(credentials.NewTLS(ca.ClientTLS(o))))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return agentapi.NewAgentClient(conn).ProxyConfig(ctx, in)
}

func request() *agentapi.ProxyConfigRequest {
	in := reviews()
	return &agentapi.ProxyConfigRequest{Namespace: in.GetNamespace(), Name: in.GetName(), ServiceAccount: in.GetServiceAccount(), Labels: in.GetLabels()}
}

func TestProxyConfigIsForItsWorkload(t *testing.T) {
	p := start(t, nil)
	own := identityOf(reviews())
	other := own
	other.ServiceAccount = "admin"
	elsewhere := own
	elsewhere.Namespace = "prod"
	for name, c := range map[string]struct {
		id   *ca.Identity
		edit func(*agentapi.ProxyConfigRequest)
		code codes.Code
	}{
		"its own":         {&own, nil, codes.OK},
		"no certificate":  {nil, nil, codes.Unauthenticated},
		"another account": {&other, nil, codes.PermissionDenied},
		"another place":   {&elsewhere, nil, codes.PermissionDenied},
		"no account":      {&own, func(in *agentapi.ProxyConfigRequest) { in.ServiceAccount = "" }, codes.PermissionDenied},
		"strange name":    {&own, func(in *agentapi.ProxyConfigRequest) { in.Name = "../x" }, codes.InvalidArgument},
		"strange label":   {&own, func(in *agentapi.ProxyConfigRequest) { in.Labels = map[string]string{"a b": ""} }, codes.InvalidArgument},
		"missing group":   {&own, func(in *agentapi.ProxyConfigRequest) { in.Group = "none" }, codes.NotFound},
		"much text": {&own, func(in *agentapi.ProxyConfigRequest) {
			in.Annotations = map[string]string{"a": strings.Repeat("x", maxAnnotationSize)}
		}, codes.InvalidArgument},
	} {
		in := request()
		if c.edit != nil {
			c.edit(in)
		}
		if _, err := p.ask(t, c.id, deadline, in); status.Code(err) != c.code {
			t.Errorf("%s: got %v, want %s", name, err, c.code)
		}
	}
}

func TestProxyConfigSeesWhatTheWorkloadIs(t *testing.T) {
	groups := newGroups()
	group := reviewsGroup()
	group.Metadata.Annotations = map[string]string{config.ProxyConfigAnnotation: "group", "note": "vm"}
	groups.set("default/reviews", group)
	var got Proxy
	p := start(t, func(o *Options) {
		groups.wish(o)
		o.ProxyConfig = func(p Proxy) (*meshconfig.ProxyConfig, []config.Problem) {
			got = p
			return &meshconfig.ProxyConfig{Concurrency: wrapperspb.Int32(4)}, []config.Problem{{Message: "odd"}}
		}
	})
	id := identityOf(reviews())
	in := request()
	in.Group, in.ServiceAccount = "reviews", ""
	out, err := p.ask(t, &id, deadline, in)
	if err != nil || strings.ReplaceAll(out.GetProxyConfigJson(), " ", "") != `{"concurrency":4}` || len(out.GetProblems()) != 1 || out.GetProblems()[0] != "odd" {
		t.Fatalf("answer: %v, %v", out, err)
	}
	if got.Annotations[config.ProxyConfigAnnotation] != "group" || got.ServiceAccount != id.ServiceAccount || got.Labels["team"] != "red" {
		t.Errorf("proxy: %+v", got)
	}
	in.Annotations = map[string]string{config.ProxyConfigAnnotation: "own"}
	if _, err := p.ask(t, &id, deadline, in); err != nil || got.Annotations[config.ProxyConfigAnnotation] != "own" || got.Annotations["note"] != "vm" {
		t.Errorf("%v: %+v", err, got)
	}
}

// A control plane that has read nothing yet has no answer either.
func TestProxyConfigWaitsForConfiguration(t *testing.T) {
	ready := make(chan struct{})
	p := start(t, func(o *Options) { o.Ready = ready })
	id := identityOf(reviews())
	if _, err := p.ask(t, &id, 50*time.Millisecond, request()); status.Code(err) != codes.Unavailable && status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("before: %v", err)
	}
	close(ready)
	if _, err := p.ask(t, &id, deadline, request()); err != nil {
		t.Errorf("after: %v", err)
	}
}
