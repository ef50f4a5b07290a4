package xdsserver

import (
	"context"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"

	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/pkg/xds"
)

// Views is the control plane as the server sees it: it says what each proxy should run.
type Views interface {
	// Connect is called once for every stream, before anything is served. node is what the proxy claims to be; peer is
	// who its certificate says it is, nil on a connection without a client certificate. An error ends the stream: a gRPC
	// status is passed on as it is, anything else becomes PermissionDenied with the error's text.
	Connect(ctx context.Context, node *corev3.Node, peer *ca.Identity) (Session, error)
}

// Session is one connected proxy.
type Session interface {
	// View returns what the proxy should run now. It never blocks and is called often.
	View() *xds.View
	// Changed receives a value after View has changed. It has a capacity of one: changes that the server has not
	// looked at yet are one change.
	Changed() <-chan struct{}
	// Disconnect is called once, when the stream has ended.
	Disconnect()
}
