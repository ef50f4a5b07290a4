// Package tap is what looking at single requests of a live mesh consists of: the request that a proxy saw, the question which of them
// to show, and what of them must never be shown. Proxies' agents, the control plane and the viewers share it.
package tap

import (
	"slices"
	"time"
)

// Side says where a proxy stood when it saw a request.
type Side string

// The sides.
const (
	Client Side = "client" // next to the program that sent it
	Server Side = "server" // next to the program that got it
	Edge   Side = "gateway"
)

// Security says how a connection was protected.
type Security string

// The kinds of protection.
const (
	MutualTLS Security = "mtls"  // both ends proved who they are
	TLS       Security = "tls"   // the server did, or nobody of the mesh
	Plaintext Security = "plain" // nobody did
	Unknown   Security = ""      // there was no connection, or the proxy does not say
)

// Peer is one end of a request. What is not known is empty.
type Peer struct {
	// Address is "IP:PORT" or "IP" as the proxy saw it.
	Address   string `json:"address,omitempty"`
	Instance  string `json:"instance,omitempty"` // the pod, or the process of a standalone mesh
	Workload  string `json:"workload,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Version   string `json:"version,omitempty"`
	// Service is the host that was asked for: "reviews.default.svc.cluster.local"; Port is the service's.
	Service string `json:"service,omitempty"`
	Port    uint32 `json:"port,omitempty"`
	// Identity is the SPIFFE id that was proved.
	Identity string `json:"identity,omitempty"`
}

// Event is a request, or a TCP connection, as one proxy saw it when it ended.
type Event struct {
	// Time is when it began.
	Time time.Time `json:"time"`
	// Proxy is the one that saw it, NAME.NAMESPACE.
	Proxy string `json:"proxy"`
	Side  Side   `json:"side"`
	// Gateway is the workload of a gateway that saw it: then the source is the client that is outside of the mesh.
	Gateway     string `json:"gateway,omitempty"`
	Source      Peer   `json:"source"`
	Destination Peer   `json:"destination"`
	// Protocol is "HTTP/1.0", "HTTP/1.1", "HTTP/2", "HTTP/3" or "TCP".
	Protocol  string `json:"protocol"`
	Method    string `json:"method,omitempty"`
	Scheme    string `json:"scheme,omitempty"`
	Authority string `json:"authority,omitempty"`
	// Path has its query, without the values of secrets.
	Path string `json:"path,omitempty"`
	// Status is the response's code; 0 when there was none.
	Status int `json:"status,omitempty"`
	// GRPC is the number of the gRPC status; nil for requests that are not gRPC.
	GRPC *int `json:"grpcStatus,omitempty"`
	// Flags are Envoy's response flags, such as "UF"; see Explain.
	Flags []string `json:"responseFlags,omitempty"`
	// Details is how Envoy came by the response: "via_upstream", "route_not_found", ...; Failure why TLS with the upstream failed, and
	// Termination why a connection was closed.
	Details     string `json:"responseCodeDetails,omitempty"`
	Failure     string `json:"upstreamTransportFailure,omitempty"`
	Termination string `json:"connectionTermination,omitempty"`
	// DurationMs is from the first byte of the request to the last of the response; UpstreamMs is how much of it the upstream took from the
	// last byte of the request to the first of the response, nil when it gave none.
	DurationMs float64  `json:"durationMs"`
	UpstreamMs *float64 `json:"upstreamMs,omitempty"`
	// Security is that of the connection between the proxies: towards the destination on the client side and at a gateway, from the source on
	// the server side.
	Security Security `json:"security,omitempty"`
	// Received and Sent are bytes of the body, or of the connection, from and to the source.
	Received  uint64 `json:"bytesReceived"`
	Sent      uint64 `json:"bytesSent"`
	RequestID string `json:"requestId,omitempty"`
	TraceID   string `json:"traceId,omitempty"`
	// Attempts is how often the upstream was tried.
	Attempts int `json:"attempts,omitempty"`
	// Route and Cluster are Envoy's names.
	Route   string `json:"route,omitempty"`
	Cluster string `json:"cluster,omitempty"`
	// Headers are those of the request that a mesh lets proxies report, in lower case and without secrets.
	Headers map[string]string `json:"headers,omitempty"`
}

// Failed reports whether the request was in vain: an answer of 5xx, none at all, a gRPC status other than OK, or a connection that could
// not be made.
func (e Event) Failed() bool {
	if e.Protocol == "TCP" {
		return e.Failure != "" || slices.ContainsFunc(e.Flags, func(f string) bool { return f == "UF" || f == "UH" || f == "NR" || f == "URX" })
	}
	return e.Status >= 500 || e.Status == 0 || e.GRPC != nil && *e.GRPC != 0
}
