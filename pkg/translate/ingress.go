package translate

import (
	"cmp"
	"slices"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
	meshconfig "istio.io/api/mesh/v1alpha1"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// ownPort reports whether a sidecar listens on the port itself, although traffic is redirected.
func ownPort(p mesh.WorkloadPort) bool { return p.Ingress != nil && p.Ingress.Own }

// endsTLS reports whether the TLS of clients from outside the mesh ends at the sidecar.
func endsTLS(p mesh.WorkloadPort) bool { return p.Ingress != nil && p.Ingress.TLS != nil }

// portListener serves one port by itself.
func (in InboundInput) portListener(name string, at *corev3.Address, p mesh.WorkloadPort) *listenerv3.Listener {
	l := &listenerv3.Listener{Name: name, Address: at, TrafficDirection: corev3.TrafficDirection_INBOUND, FilterChains: in.chains(p)}
	if p.Service != nil {
		l.Metadata = origin(append(slices.Clone(in.PeerAuthn.From), p.Service.From)...)
	}
	mode := in.PeerAuthn.ModeOf(p.Target)
	if mode != mesh.Disabled || endsTLS(p) {
		l.ListenerFilters = append(l.ListenerFilters, tlsInspection())
	}
	if p.Protocol == mesh.Auto && mode != mesh.Strict {
		l.ListenerFilters = append(l.ListenerFilters, httpInspection())
	}
	detectionTimeout(l, in.Config)
	return l
}

// ownPorts are the listeners of a redirected sidecar on ports that are not redirected.
func (in InboundInput) ownPorts() []*listenerv3.Listener {
	var out []*listenerv3.Listener
	for _, p := range in.Ports {
		if !ownPort(p) || p.Target == inboundPort || p.Target == outboundPort {
			continue
		}
		address := p.Ingress.Bind
		if address == "" || address == anyAddress { // which the outbound listener of the same port may have, and Envoy refuses a second one
			address = cmp.Or(in.Address, anyAddress)
		}
		l := in.portListener(InboundBinding(p.Target), socketAddress(address, p.Target), p)
		l.Freebind = wrapperspb.Bool(p.Ingress.Bind != "") // the address may be yet to come
		out = append(out, l)
	}
	return out
}

// outsideChain ends the TLS of clients from outside the mesh.
func (in InboundInput) outsideChain(p mesh.WorkloadPort, f portFilters) *listenerv3.FilterChain {
	c, filters := SecureChain{TLS: p.Ingress.TLS}, f.tcp()
	if p.Protocol.IsHTTP() {
		c.Route, filters = InboundClusterName(p.Target), f.http()
	}
	return &listenerv3.FilterChain{
		Name: InboundBinding(p.Target) + "|tls", FilterChainMatch: &listenerv3.FilterChainMatch{TransportProtocol: "tls"},
		TransportSocket: serverSocket(gatewayTLS(c, in.Config)), Filters: filters,
	}
}

// toProgram says where the program behind a port is: where a Sidecar says, or where the connection was going when it was redirected, or
// else at its port on loopback.
func toProgram(c *clusterv3.Cluster, in InboundClusterInput) {
	i := in.Ingress
	if i == nil {
		i = &mesh.Ingress{}
	}
	static := func(host string, port uint32) {
		c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC}
		c.LoadAssignment = staticAssignment(c.Name, port, host)
	}
	switch {
	case i.Path != "":
		static(unixScheme+i.Path, 0)
	case in.Mode == mesh.Explicit:
		port := cmp.Or(i.Port, in.Target)
		static(cmp.Or(i.Host, in.Address, loopback), cmp.Or(in.AppPorts[port], port))
	case i.Host != "":
		static(i.Host, i.Port)
	case i.Port != 0 && in.Address != "":
		static(in.Address, i.Port)
		c.UpstreamBindConfig = bindLocal()
	case in.Config.Mesh.GetInboundTrafficPolicy().GetMode() == meshconfig.MeshConfig_InboundTrafficPolicy_LOCALHOST:
		static(loopback, in.Target)
	default:
		c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_ORIGINAL_DST}
		c.LbPolicy = clusterv3.Cluster_CLUSTER_PROVIDED
		c.UpstreamBindConfig = bindLocal()
	}
}
