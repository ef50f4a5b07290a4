package translate

import (
	"net/netip"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	originaldstv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/original_dst/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// ListenerInput is everything that one outbound listener depends on. Make it with OutboundListeners.
type ListenerInput struct {
	Config   *mesh.Config
	Policies Policies
	Name     string
	Address  string
	Port     uint32
	// ServicePort is the port of the services that it leads to; 0 when it leads to any.
	ServicePort uint32
	// Redirected listeners get their connections from virtualOutbound and bind no port.
	Redirected bool
	// AnyAddress lets it bind an address that the machine does not have (yet).
	AnyAddress bool
	// OriginalDestination makes it hand connections over to the listener for the address they were going to.
	OriginalDestination bool
	// Route of HTTP requests; empty when the listener does not speak HTTP.
	Route string
	// Detect HTTP; without it everything is taken for HTTP when there is a Route.
	Detect bool
	// Connect takes CONNECT requests.
	Connect bool
	// ForwardProxy resolves the hosts of requests.
	ForwardProxy bool
	// GRPCWeb turns gRPC-Web into gRPC.
	GRPCWeb bool
	// Chains take connections by SNI or destination, before HTTP does.
	Chains []Chain
	// Fallback takes what nothing else did; empty refuses it.
	Fallback Chain
	// From are the objects that the listener serves, for its metadata: no more than a few.
	From []config.Key
}

// Chain leads connections to clusters.
type Chain struct {
	// ServerNames (SNI) and Subnets (of the destination) that it takes; none takes all.
	ServerNames []string
	Subnets     []string
	Port        uint32 // of the destination; 0 is any
	TLS         bool   // takes nothing but TLS, with any ServerNames if there are none
	Clusters    []WeightedCluster
	// Resolve is the port at which the server name is looked up, for clusters that do so; 0 for others.
	Resolve uint32
	// Raw: its clusters are of services that speak HTTP, which these connections perhaps do not.
	Raw        bool
	StatPrefix string
	Policy     StreamPolicy
}

// WeightedCluster is a share of a chain's connections.
type WeightedCluster struct {
	Name   string
	Weight uint32
}

const (
	tlsInspector  = "envoy.filters.listener.tls_inspector"
	httpInspector = "envoy.filters.listener.http_inspector"
	originalDst   = "envoy.filters.listener.original_dst"
)

// Listener returns an outbound listener.
func Listener(in ListenerInput) *listenerv3.Listener {
	l := &listenerv3.Listener{
		Name: in.Name, Address: address(in.Address, in.Port), TrafficDirection: corev3.TrafficDirection_OUTBOUND,
		Metadata: origin(in.From...),
	}
	if in.Redirected {
		l.BindToPort = wrapperspb.Bool(false)
	}
	if in.AnyAddress {
		l.Freebind = wrapperspb.Bool(true)
	}
	if in.OriginalDestination {
		l.UseOriginalDst = wrapperspb.Bool(true)
	}
	bySNI := false
	for _, c := range in.Chains {
		bySNI = bySNI || c.TLS || len(c.ServerNames) > 0
		l.FilterChains = append(l.FilterChains, &listenerv3.FilterChain{
			FilterChainMatch: chainMatch(c), Filters: in.traffic().tcpFilters(c),
		})
	}
	detect := in.Route != "" && (in.Detect || bySNI)
	if in.Route != "" {
		chain := &listenerv3.FilterChain{Filters: in.manager().chain()}
		if detect {
			chain.FilterChainMatch = &listenerv3.FilterChainMatch{TransportProtocol: "raw_buffer", ApplicationProtocols: []string{"http/1.1", "h2c"}}
		}
		l.FilterChains = append(l.FilterChains, chain)
	}
	if len(in.Fallback.Clusters) > 0 && (detect || in.Route == "") {
		fallback := &listenerv3.FilterChain{Name: in.Fallback.StatPrefix, Filters: in.traffic().tcpFilters(in.Fallback)}
		if in.OriginalDestination || len(l.FilterChains) > 0 {
			l.DefaultFilterChain = fallback
		} else {
			l.FilterChains = append(l.FilterChains, fallback)
		}
	}
	if detect || bySNI {
		l.ListenerFilters = append(l.ListenerFilters, tlsInspection())
	}
	if detect {
		l.ListenerFilters = append(l.ListenerFilters, httpInspection())
	}
	detectionTimeout(l, in.Config)
	listenerConnections(l, in.Config)
	return l
}

func (in ListenerInput) traffic() traffic {
	return traffic{config: in.Config, policies: in.Policies, class: outbound, port: in.ServicePort}
}

func (in ListenerInput) manager() httpManager {
	prefix := "outbound_" + in.Address + "_" + in.Route
	return httpManager{traffic: in.traffic(), statPrefix: prefix, rds: in.Route, forwardProxy: in.ForwardProxy, connect: in.Connect, grpcWeb: in.GRPCWeb}
}

// detectionTimeout applies protocolDetectionTimeout: after it a silent connection is taken for TCP. 0 waits for ever, as Istio documents.
func detectionTimeout(l *listenerv3.Listener, c *mesh.Config) {
	if len(l.ListenerFilters) == 0 {
		return
	}
	timeout := c.Mesh.GetProtocolDetectionTimeout()
	if !notNegative(timeout) {
		timeout = durationpb.New(0)
	}
	l.ListenerFiltersTimeout, l.ContinueOnListenerFiltersTimeout = timeout, true
}

func inspector(name string, config proto.Message) *listenerv3.ListenerFilter {
	return &listenerv3.ListenerFilter{Name: name, ConfigType: &listenerv3.ListenerFilter_TypedConfig{TypedConfig: pack(config)}}
}

func originalDestination() *listenerv3.ListenerFilter {
	return inspector(originalDst, &originaldstv3.OriginalDst{})
}

func chainMatch(c Chain) *listenerv3.FilterChainMatch {
	if len(c.ServerNames) == 0 && len(c.Subnets) == 0 && c.Port == 0 && !c.TLS {
		return nil
	}
	m := &listenerv3.FilterChainMatch{ServerNames: c.ServerNames}
	if c.Port != 0 {
		m.DestinationPort = wrapperspb.UInt32(c.Port)
	}
	if c.TLS || len(c.ServerNames) > 0 {
		m.TransportProtocol = "tls"
	}
	for _, s := range c.Subnets {
		if p, ok := subnet(s); ok {
			m.PrefixRanges = append(m.PrefixRanges, cidr(p.Addr().String(), uint32(p.Bits())))
		}
	}
	return m
}

// subnet reads an address or a range in CIDR notation.
func subnet(s string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err == nil
}
