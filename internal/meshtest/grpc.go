package meshtest

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	"github.com/meshctl/meshctl/internal/envoytest"
)

// health answers with the program's name and the caller's identity in the response's headers.
type health struct {
	healthv1.UnimplementedHealthServer
	name string
}

// Check implements grpc.health.v1.Health.
func (h *health) Check(ctx context.Context, _ *healthv1.HealthCheckRequest) (*healthv1.HealthCheckResponse, error) {
	caller := strings.Join(metadata.ValueFromIncomingContext(ctx, "x-forwarded-client-cert"), ",")
	_ = grpc.SetHeader(ctx, metadata.Pairs("program", h.name, "caller", caller))
	return &healthv1.HealthCheckResponse{Status: healthv1.HealthCheckResponse_SERVING}, nil
}

// CallGRPC calls a Program at an address with metadata "NAME=VALUE"; it waits for the connection. It returns the headers of the response.
func CallGRPC(t *testing.T, address string, headers ...string) (metadata.MD, error) {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	check(t, err)
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), envoytest.Timeout)
	defer cancel()
	for _, h := range headers {
		name, value, _ := strings.Cut(h, "=")
		ctx = metadata.AppendToOutgoingContext(ctx, name, value)
	}
	var header metadata.MD
	_, err = healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{}, grpc.Header(&header), grpc.WaitForReady(true))
	return header, err
}
