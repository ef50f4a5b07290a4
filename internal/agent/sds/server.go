package sds

import (
	"log/slog"

	secretv3 "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"google.golang.org/grpc"

	"github.com/meshctl/meshctl/internal/agent/certs"
	"github.com/meshctl/meshctl/internal/agent/discovery"
)

// Source is where the secrets come from; certs.Manager is one.
type Source = discovery.Source[certs.State]

// Server serves the secrets of a Source. A name that has no secret yet is answered when it has one.
type Server struct {
	secretv3.UnimplementedSecretDiscoveryServiceServer
	source Source
	log    *slog.Logger
}

// New returns a Server; log may be nil.
func New(source Source, log *slog.Logger) *Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Server{source: source, log: log}
}

// Register implements discovery.Service.
func (s *Server) Register(r grpc.ServiceRegistrar) {
	secretv3.RegisterSecretDiscoveryServiceServer(r, s)
}
