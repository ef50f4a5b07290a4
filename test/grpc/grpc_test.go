// Package grpc_test is a program without a sidecar: gRPC's own xDS client takes its configuration from the control plane.
package grpc_test

import (
	"context"
	"fmt"
	"math"
	"net"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/xds"

	"github.com/meshctl/meshctl/internal/controlplane/controlplanetest"
	"github.com/meshctl/meshctl/internal/envoytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const target = "xds:///echo.default.svc.cluster.local:7070"

const echo = `
apiVersion: v1
kind: Service
metadata: {name: echo, namespace: default}
spec: {selector: {app: echo}, ports: [{name: grpc, port: 7070}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: echo, namespace: default}
spec: {host: echo, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}
`

// backend is a gRPC server that says its name.
type backend struct {
	healthv1.UnimplementedHealthServer
	name string
	port int
}

func startBackend(t *testing.T, name string) *backend {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	b := &backend{name: name, port: l.Addr().(*net.TCPAddr).Port}
	server := grpc.NewServer()
	healthv1.RegisterHealthServer(server, b)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { server.Stop(); <-done })
	return b
}

func (b *backend) Check(ctx context.Context, _ *healthv1.HealthCheckRequest) (*healthv1.HealthCheckResponse, error) {
	_ = grpc.SetHeader(ctx, metadata.Pairs("backend", b.name))
	return &healthv1.HealthCheckResponse{Status: healthv1.HealthCheckResponse_SERVING}, nil
}

// entry is the backend as configuration.
func (b *backend) entry() string {
	return fmt.Sprintf(`
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: %[1]s, namespace: default}
spec: {address: 127.0.0.1, labels: {app: echo, version: %[1]s, security.istio.io/tlsMode: disabled}, ports: {grpc: %[2]d}}
`, b.name, b.port)
}

// client is a channel to the echo service.
type client struct {
	t    *testing.T
	conn *grpc.ClientConn
}

func dial(t *testing.T, p *controlplanetest.Plane) *client {
	t.Helper()
	resolver, err := xds.NewXDSResolverWithConfigForTesting([]byte(fmt.Sprintf(`{
  "xds_servers": [{"server_uri": %q, "channel_creds": [{"type": "insecure"}], "server_features": ["xds_v3"]}],
  "node": {"id": "sidecar~127.0.0.1~client.default~default.svc.cluster.local", "metadata": {"GENERATOR": "grpc"}}
}`, p.Plaintext)))
	check(t, err)
	conn, err := grpc.NewClient(target, grpc.WithResolvers(resolver), grpc.WithTransportCredentials(insecure.NewCredentials()))
	check(t, err)
	t.Cleanup(func() { conn.Close() })
	return &client{t, conn}
}

// call returns the name of the backend that answers.
func (c *client) call(headers ...string) (string, error) {
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(context.Background(), headers...), envoytest.Timeout)
	defer cancel()
	var header metadata.MD
	_, err := healthv1.NewHealthClient(c.conn).Check(ctx, &healthv1.HealthCheckRequest{}, grpc.Header(&header), grpc.WaitForReady(true))
	return strings.Join(header.Get("backend"), ","), err
}

// eventually waits until calls go to a backend.
func (c *client) eventually(name string, headers ...string) {
	c.t.Helper()
	envoytest.Eventually(c.t, "an answer of "+name, func() error {
		if got, err := c.call(headers...); err != nil || got != name {
			return fmt.Errorf("%q answers, %w", got, err)
		}
		return nil
	})
}

// share wants that share of n calls to be yes, within five standard deviations.
func (c *client) share(n int, want float64, yes func(backend string, err error) bool) {
	c.t.Helper()
	got, all := 0, float64(n)
	for range n {
		if yes(c.call()) {
			got++
		}
	}
	if math.Abs(float64(got)-want*all) > 5*math.Sqrt(all*want*(1-want)) {
		c.t.Errorf("%d of %d, want %.0f", got, n, want*all)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func routes(spec string) string {
	return "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: echo, namespace: default}\nspec:\n  hosts: [echo]\n  http:\n" + spec
}

func TestProxyless(t *testing.T) {
	v1, v2 := startBackend(t, "v1"), startBackend(t, "v2")
	p := controlplanetest.Start(t, map[string]string{"echo.yaml": echo, "v1.yaml": v1.entry(), "v2.yaml": v2.entry()})
	c := dial(t, p)
	t.Run("both versions", func(t *testing.T) {
		c.t = t
		c.eventually("v1")
		c.eventually("v2")
	})
	t.Run("weights", func(t *testing.T) {
		c.t = t
		p.Write("routes.yaml", routes(`
  - match: [{headers: {x-version: {exact: settled}}}]
    route: [{destination: {host: echo, subset: v1}}]
  - route:
    - {destination: {host: echo, subset: v1}, weight: 80}
    - {destination: {host: echo, subset: v2}, weight: 20}
`))
		c.settled("v1", "x-version", "settled")
		c.share(500, 0.2, func(name string, err error) bool { check(t, err); return name == "v2" })
	})
	t.Run("a change of endpoints", func(t *testing.T) {
		c.t = t
		p.Write("routes.yaml", routes("  - route: [{destination: {host: echo}}]\n"))
		p.Remove("v1.yaml")
		c.settled("v2")
		p.Write("v1.yaml", v1.entry())
		c.eventually("v1")
		p.Remove("v2.yaml")
		c.settled("v1")
		p.Write("v2.yaml", v2.entry())
		c.eventually("v2")
	})
	t.Run("faults", func(t *testing.T) {
		c.t = t
		p.Write("routes.yaml", routes(`
  - fault: {abort: {percentage: {value: 50}, grpcStatus: UNAVAILABLE}}
    route: [{destination: {host: echo}}]
`))
		aborted := func(_ string, err error) bool { return status.Code(err) == codes.Unavailable }
		envoytest.Eventually(t, "a fault", func() error {
			if got, err := c.call(); !aborted(got, err) {
				return fmt.Errorf("%q answers, %w", got, err)
			}
			return nil
		})
		c.share(400, 0.5, aborted)
	})
	t.Run("accepted", func(t *testing.T) {
		proxy, err := p.Proxy("client.default")
		check(t, err)
		report, err := p.API.WaitSync(t.Context(), controlplanetest.Patience)
		if err != nil || !report.Synced || proxy.Type != "grpc" {
			t.Errorf("%+v, %v; proxy %+v", report, err, proxy)
		}
	})
}

// settled waits until 20 calls in a row go to one backend: with two in turn, or with equal chances, they would not.
func (c *client) settled(name string, headers ...string) {
	c.t.Helper()
	envoytest.Eventually(c.t, "only "+name+" to answer", func() error {
		for range 20 {
			if got, err := c.call(headers...); err != nil || got != name {
				return fmt.Errorf("%q answers, %w", got, err)
			}
		}
		return nil
	})
}
