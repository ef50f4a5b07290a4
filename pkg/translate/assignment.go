package translate

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// AssignmentInput is everything that the endpoints of one cluster depend on. Make it with NewAssignment.
type AssignmentInput struct {
	Cluster   string
	Endpoints *mesh.EndpointSet
	// Labels that an endpoint must have: those of the subset.
	Labels map[string]string
	// Names: addresses may be DNS names, which only clusters that resolve them can take.
	Names bool
	// Secured: only endpoints that take the mesh's mutual TLS, which passes through to them.
	Secured bool
	// Balance and Client are set only where the choice of endpoints depends on where the client is.
	Balance *Balance
	Client  Client
}

// NewAssignment returns the input for the endpoints of a cluster, with no more in it than they depend on; see ClientOf.
func NewAssignment(c ClusterInput, endpoints *mesh.EndpointSet, client Client) AssignmentInput {
	return AssignmentInput{
		Cluster:   c.name(),
		Endpoints: endpoints,
		Labels:    SubsetLabels(c.Rule, c.Subset),
		Names:     InlineEndpoints(c.Service),
		Secured:   c.PassThrough,
		Balance:   balanceOf(c.policy(), c.Config),
		Client:    client,
	}
}

// Assignment returns the endpoints of a cluster, grouped by locality in a stable order.
func Assignment(in AssignmentInput) *endpointv3.ClusterLoadAssignment {
	type place struct {
		locality string
		rank     uint32
	}
	groups := map[place]*endpointv3.LocalityLbEndpoints{}
	for i := range in.Endpoints.Endpoints {
		e := &in.Endpoints.Endpoints[i]
		if !mesh.Selects(in.Labels, e.Labels) || !addressable(e.Address, in.Names) || !validPort(e.Port) && !strings.HasPrefix(e.Address, unixScheme) {
			continue
		}
		if in.Secured && !e.MutualTLS {
			continue
		}
		at := place{e.Locality, in.rank(e)}
		g := groups[at]
		if g == nil {
			g = &endpointv3.LocalityLbEndpoints{Locality: locality(e.Locality), LoadBalancingWeight: wrapperspb.UInt32(0), Priority: at.rank}
			groups[at] = g
		}
		g.LbEndpoints = append(g.LbEndpoints, lbEndpoint(e))
		sum := uint64(g.LoadBalancingWeight.Value) + uint64(endpointWeight(e))
		g.LoadBalancingWeight.Value = uint32(min(sum, math.MaxUint32/1024)) // Envoy refuses a sum above 32 bits
	}
	out := &endpointv3.ClusterLoadAssignment{ClusterName: in.Cluster}
	for _, g := range groups {
		out.Endpoints = append(out.Endpoints, g)
	}
	slices.SortFunc(out.Endpoints, func(a, b *endpointv3.LocalityLbEndpoints) int {
		return cmp.Or(cmp.Compare(localityName(a), localityName(b)), cmp.Compare(a.Priority, b.Priority))
	})
	closeGaps(out.Endpoints)
	if in.Balance != nil {
		for _, d := range in.Balance.Distribute {
			if covers(d.GetFrom(), in.Client.Locality) {
				out.Endpoints = distribute(out.Endpoints, d.GetTo())
				break
			}
		}
	}
	return out
}

func lbEndpoint(e *mesh.Endpoint) *endpointv3.LbEndpoint {
	out := &endpointv3.LbEndpoint{
		HostIdentifier:      &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: address(e.Address, e.Port)}},
		LoadBalancingWeight: wrapperspb.UInt32(endpointWeight(e)),
		Metadata:            endpointMetadata(e),
	}
	if !e.Healthy {
		out.HealthStatus = corev3.HealthStatus_UNHEALTHY
	}
	return out
}

// endpointWeight is at least 1, and so small that the weights of a locality cannot add up to more than 32 bits.
func endpointWeight(e *mesh.Endpoint) uint32 { return min(max(e.Weight, 1), 1<<17) }

// endpointMetadata carries the mark that selects mutual TLS, and who the endpoint is ("name;namespace;app;version;cluster")
// for access logs and metrics.
func endpointMetadata(e *mesh.Endpoint) *corev3.Metadata {
	fields := map[string]*structpb.Struct{}
	if e.MutualTLS {
		fields["envoy.transport_socket_match"] = stringStruct("tlsMode", "istio")
	}
	if e.Workload != (config.Key{}) {
		app := cmp.Or(e.Labels["service.istio.io/canonical-name"], e.Labels["app.kubernetes.io/name"], e.Labels["app"])
		version := cmp.Or(e.Labels["service.istio.io/canonical-revision"], e.Labels["app.kubernetes.io/version"], e.Labels["version"])
		fields["istio"] = stringStruct("workload", strings.Join([]string{e.Workload.Name, e.Workload.Namespace, app, version, e.Cluster}, ";"))
	}
	if len(fields) == 0 {
		return nil
	}
	return &corev3.Metadata{FilterMetadata: fields}
}

func stringStruct(key, value string) *structpb.Struct {
	return &structpb.Struct{Fields: map[string]*structpb.Value{key: structpb.NewStringValue(value)}}
}

const unixScheme = "unix://"

// addressable reports whether Envoy accepts the address: one malformed address would make it refuse the whole assignment.
func addressable(a string, names bool) bool {
	if strings.HasPrefix(a, unixScheme) {
		return !names && len(a) > len(unixScheme)
	}
	if ip, err := netip.ParseAddr(a); err == nil {
		return ip.Zone() == ""
	}
	return names && a != "" && !strings.ContainsAny(a, "*/ ")
}

func address(host string, port uint32) *corev3.Address {
	if path, ok := strings.CutPrefix(host, unixScheme); ok {
		return &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: path}}}
	}
	return socketAddress(host, port)
}

func socketAddress(host string, port uint32) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: host, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: min(port, math.MaxUint16)},
	}}}
}
