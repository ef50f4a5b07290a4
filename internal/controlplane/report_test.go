package controlplane_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/controlplane/controlplanetest"
	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/pkg/proxyconfig"
	"github.com/meshctl/meshctl/pkg/xds"
)

// bad has in one file: an object of the wrong type, one with an unknown field, one to a host that does not exist, and a good one.
const bad = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: percent, namespace: a}
spec: {hosts: [percent], http: [{route: [{destination: {host: web}, weight: 80%}]}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: typo, namespace: a}
spec:
  host: web
  trafficPolicies: {}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: nowhere, namespace: a}
spec: {hosts: [nowhere.example.com], http: [{route: [{destination: {host: gone.example.com}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: a}
spec: {hosts: [web], http: [{timeout: 9s, route: [{destination: {host: web}}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: UDPRoute
metadata: {name: nobody, namespace: a}
spec: {}
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: foreign, namespace: a}
`

// TestBadObjects: each is reported with its place; everything else works.
func TestBadObjects(t *testing.T) {
	p := controlplanetest.Start(t, map[string]string{"shop.yaml": shop, "bad.yaml": bad})
	proxy := controlplanetest.Connect(t, p.DialPlaintext(t), controlplanetest.Node(t, webA, nil), nil)
	proxy.Await(xds.RouteType, "80", hasTimeout(9))

	// What is wrong with routes is known once a proxy has been given them.
	s := p.Status()
	for _, want := range []struct {
		line int
		text string
	}{{4, "80%"}, {11, "trafficPolicies"}, {16, "gone.example.com"}} {
		if !reports(s.Problems, "bad.yaml", want.line, want.text) {
			t.Errorf("nothing says what is wrong with %q in line %d:\n%v", want.text, want.line, s.Problems)
		}
		if !strings.Contains(p.Log.String(), fmt.Sprintf("bad.yaml:%d:", want.line)) {
			t.Errorf("the log does not name line %d:\n%s", want.line, p.Log)
		}
	}
	if len(s.NotEnforced) != 1 || s.NotEnforced[0].Name != "nobody" || s.NotEnforced[0].Line != 23 {
		t.Errorf("not enforced: %v, want nobody in line 23", s.NotEnforced)
	}
	if len(s.Banners) != 1 || s.Banners[0] != "1 UDPRoute is not enforced by this version" {
		t.Errorf("banners: %q", s.Banners)
	}
	if !strings.Contains(p.Log.String(), "not enforced") {
		t.Errorf("the log does not say what is not enforced:\n%s", p.Log)
	}

	// A broken file keeps what was read of it before.
	p.Write("bad.yaml", "kind: [")
	envoytest.Eventually(t, "the broken file to be reported", func() error {
		if s := p.Status(); !reports(s.Problems, "bad.yaml", 1, "") {
			return fmt.Errorf("%v", s.Problems)
		}
		return nil
	})
	if err := proxy.Check(xds.RouteType, "80", hasTimeout(9)); err != nil {
		t.Error(err)
	}

	// Mended, all is well.
	p.Write("bad.yaml", route("5s"))
	proxy.Await(xds.RouteType, "80", hasTimeout(5))
	envoytest.Eventually(t, "no problem to be left", func() error {
		if s := p.Status(); len(s.Problems)+len(s.NotEnforced)+len(s.Banners) > 0 {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
}

func reports(problems []adminapi.Problem, file string, line int, text string) bool {
	for _, p := range problems {
		if strings.HasSuffix(p.File, file) && p.Line == line && strings.Contains(p.Field+p.Message, text) {
			return true
		}
	}
	return false
}

// TestAdminAPI asks everything that the CLI asks.
func TestAdminAPI(t *testing.T) {
	p := controlplanetest.Start(t, map[string]string{"shop.yaml": shop})
	ctx, cancel := context.WithTimeout(context.Background(), controlplanetest.Patience)
	defer cancel()
	if report, err := p.API.WaitSync(ctx, time.Second); err != nil || !report.Synced {
		t.Errorf("without proxies: %+v, %v", report, err)
	}
	a := controlplanetest.Connect(t, p.DialPlaintext(t), controlplanetest.Node(t, webA, nil), nil)
	a.Await(xds.RouteType, "80", nil)
	if report, err := p.API.WaitSync(ctx, controlplanetest.Patience); err != nil || !report.Synced {
		t.Fatalf("%+v, %v", report, err)
	}
	s, err := p.API.Status(ctx)
	if err != nil || s.Instance != "test" || len(s.ConfigDirs) != 1 || s.ConfigDirs[0] != p.Dir || s.Started.IsZero() {
		t.Errorf("status: %+v, %v", s, err)
	}
	proxy, err := p.Proxy("web-0.a")
	if err != nil || proxy.Type != "sidecar" || proxy.Namespace != "a" || len(proxy.Sync) != 4 {
		t.Errorf("proxies: %+v, %v", proxy, err)
	}
	for _, typ := range proxy.Sync {
		if typ.State != adminapi.Synced || typ.SentVersion != typ.AckedVersion || typ.LastAck.IsZero() {
			t.Errorf("%s is %+v", typ.Type, typ)
		}
	}
	data, err := p.API.Config(ctx, "web-0.a")
	if err != nil {
		t.Fatal(err)
	}
	dump, err := proxyconfig.Parse(strings.NewReader(string(data)))
	if err != nil || !strings.Contains(string(data), clusterA) || dump == nil {
		t.Errorf("config: %.200s, %v", data, err)
	}
	if _, err := p.API.Config(ctx, "nobody.a"); err == nil || !strings.Contains(err.Error(), "nobody.a") {
		t.Errorf("the configuration of an unknown proxy: %v", err)
	}
}

// TestWaitSync: a proxy that does not answer is waited for, and named when the time is up.
func TestWaitSync(t *testing.T) {
	p := controlplanetest.Start(t, map[string]string{"shop.yaml": shop})
	stream := silent(t, p)
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), controlplanetest.Patience)
	defer cancel()
	report, err := p.API.WaitSync(ctx, 50*time.Millisecond)
	if err != nil || report.Synced || len(report.Waiting) != 1 || report.Waiting[0] != "web-0.a" {
		t.Errorf("got %+v, %v", report, err)
	}
}

// silent asks for clusters and never acknowledges them.
func silent(t *testing.T, p *controlplanetest.Plane) discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesClient {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(p.DialPlaintext(t)).DeltaAggregatedResources(ctx)
	if err == nil {
		err = stream.Send(&discoveryv3.DeltaDiscoveryRequest{Node: controlplanetest.Node(t, webA, nil), TypeUrl: xds.ClusterType})
	}
	if err != nil {
		t.Fatal(err)
	}
	return stream
}
