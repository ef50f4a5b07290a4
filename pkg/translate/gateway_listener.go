package translate

import (
	"cmp"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// GatewayListener returns one listener of a gateway.
func GatewayListener(in GatewayListenerInput) *listenerv3.Listener {
	l := &listenerv3.Listener{
		Name: in.Name, Address: address(in.Address, in.Port), TrafficDirection: corev3.TrafficDirection_OUTBOUND, Metadata: origin(in.From...),
	}
	if in.Address != anyAddress && in.Address != loopback && l.Address.GetSocketAddress() != nil {
		l.Freebind = wrapperspb.Bool(true) // an address that the machine does not have must not make Envoy refuse the listener
	}
	if in.Route != "" {
		l.FilterChains = append(l.FilterChains, &listenerv3.FilterChain{Name: in.Route, Filters: in.manager(in.Route, in.StatPrefix)})
	}
	for _, c := range in.Plain {
		l.FilterChains = append(l.FilterChains, &listenerv3.FilterChain{FilterChainMatch: chainMatch(c), Filters: in.traffic().tcpFilters(c)})
	}
	for _, c := range in.Secure {
		match := &listenerv3.FilterChainMatch{ServerNames: c.ServerNames}
		if subnets := chainMatch(Chain{Subnets: c.Chain.Subnets}); subnets != nil {
			match.PrefixRanges = subnets.PrefixRanges
		}
		if c.Mesh {
			match.ApplicationProtocols = []string{alpnMesh, alpnPeers}
		}
		chain := &listenerv3.FilterChain{Name: c.Route, FilterChainMatch: match}
		if c.TLS != nil {
			chain.TransportSocket = serverSocket(gatewayTLS(c, in.Config))
		}
		if c.Route != "" {
			chain.Filters = in.manager(c.Route, c.StatPrefix)
		} else {
			chain.Filters = in.traffic().tcpFilters(c.Chain)
		}
		l.FilterChains = append(l.FilterChains, chain)
	}
	if len(in.Secure) > 0 {
		l.ListenerFilters = append(l.ListenerFilters, tlsInspection())
		detectionTimeout(l, in.Config)
	}
	listenerConnections(l, in.Config)
	proxyHeader(l, in.Config)
	return l
}

func (in GatewayListenerInput) traffic() traffic {
	return traffic{config: in.Config, policies: in.Policies, class: gateway, port: in.Target}
}

func (in GatewayListenerInput) manager(route, prefix string) []*listenerv3.Filter {
	return httpManager{
		traffic: in.traffic(), statPrefix: cmp.Or(prefix, "outbound_"+in.Name), rds: route,
		peers: true, forwardTLS: hcmv3.HttpConnectionManager_SANITIZE_SET, forwardProxy: true, grpcWeb: in.GRPCWeb && route == in.Route,
	}.chain()
}
