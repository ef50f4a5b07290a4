package translate

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	proxyprotocolv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/proxy_protocol/v3"
	networking "istio.io/api/networking/v1alpha3"
)

const proxyProtocolSocket = "envoy.transport_sockets.upstream_proxy_protocol"

// proxyProtocol begins each connection with a PROXY header that says who the client is, before whatever TLS there is.
func proxyProtocol(c *clusterv3.Cluster, p *networking.TrafficPolicy_ProxyProtocol) {
	if p == nil {
		return
	}
	version := corev3.ProxyProtocolConfig_V1
	if p.GetVersion() == networking.TrafficPolicy_ProxyProtocol_V2 {
		version = corev3.ProxyProtocolConfig_V2
	}
	announced := func(inner *corev3.TransportSocket) *corev3.TransportSocket {
		if inner == nil {
			inner = plainSocket()
		}
		return &corev3.TransportSocket{Name: proxyProtocolSocket, ConfigType: &corev3.TransportSocket_TypedConfig{
			TypedConfig: pack(&proxyprotocolv3.ProxyProtocolUpstreamTransport{
				Config: &corev3.ProxyProtocolConfig{Version: version}, TransportSocket: inner,
			}),
		}}
	}
	if len(c.TransportSocketMatches) == 0 {
		c.TransportSocket = announced(c.TransportSocket)
		return
	}
	for _, m := range c.TransportSocketMatches {
		m.TransportSocket = announced(m.TransportSocket)
	}
}
