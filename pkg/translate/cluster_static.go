package translate

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	dfpclusterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/dynamic_forward_proxy/v3"
	dfpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/common/dynamic_forward_proxy/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// localAddress is where a redirected sidecar's connections to its own program come from, so that the redirection lets them pass.
const localAddress = "127.0.0.6"

// StaticClustersInput is what the clusters that belong to no service depend on.
type StaticClustersInput struct {
	Config *mesh.Config
	Proxy  mesh.ProxyType
	Mode   mesh.Mode
}

// StaticClusters returns the clusters that a proxy has whatever the services are.
func StaticClusters(in StaticClustersInput) []*clusterv3.Cluster {
	blackHole := &clusterv3.Cluster{
		Name: BlackHoleCluster, ConnectTimeout: connectTimeout(in.Config),
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC},
	}
	out := []*clusterv3.Cluster{blackHole}
	for _, collector := range CollectorClusters(AddressClusterInput{Config: in.Config, Proxy: in.Proxy, Mode: in.Mode}) {
		out = append(out, AddressCluster(collector))
	}
	switch {
	case in.Proxy == mesh.Proxyless:
		return nil
	case in.Proxy == mesh.Router:
		return out
	case in.Mode == mesh.Explicit:
		return append(out, forwardProxyCluster(in.Config))
	}
	inbound := passthroughCluster(InboundPassthroughCluster, in.Config)
	inbound.UpstreamBindConfig = bindLocal()
	return append(out, inbound, passthroughCluster(PassthroughCluster, in.Config))
}

// passthroughCluster sends a connection where it was going, in the protocol that the client speaks.
func passthroughCluster(name string, config *mesh.Config) *clusterv3.Cluster {
	c := &clusterv3.Cluster{
		Name: name, ConnectTimeout: connectTimeout(config), LbPolicy: clusterv3.Cluster_CLUSTER_PROVIDED,
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_ORIGINAL_DST},
	}
	connectionPool(c, nil, config)
	protocolOptions(c, mesh.Auto, trafficPolicy{}, config)
	clusterConnections(c, config)
	return c
}

// forwardProxyCluster resolves the host of each request itself.
func forwardProxyCluster(config *mesh.Config) *clusterv3.Cluster {
	c := &clusterv3.Cluster{
		Name: DynamicForwardProxy, ConnectTimeout: connectTimeout(config), LbPolicy: clusterv3.Cluster_CLUSTER_PROVIDED,
		ClusterDiscoveryType: forwardProxyType(),
	}
	connectionPool(c, nil, config)
	setProtocolOptions(c, &httpv3.HttpProtocolOptions{
		UpstreamProtocolOptions: &httpv3.HttpProtocolOptions_UseDownstreamProtocolConfig{
			UseDownstreamProtocolConfig: &httpv3.HttpProtocolOptions_UseDownstreamHttpConfig{
				HttpProtocolOptions: &corev3.Http1ProtocolOptions{}, Http2ProtocolOptions: &corev3.Http2ProtocolOptions{},
			},
		},
	})
	return c
}

func forwardProxyType() *clusterv3.Cluster_ClusterType {
	return &clusterv3.Cluster_ClusterType{ClusterType: &clusterv3.Cluster_CustomClusterType{
		Name: "envoy.clusters.dynamic_forward_proxy",
		TypedConfig: pack(&dfpclusterv3.ClusterConfig{
			ClusterImplementationSpecifier: &dfpclusterv3.ClusterConfig_DnsCacheConfig{DnsCacheConfig: dnsCache()},
			// Whether the name in a certificate is checked is for the DestinationRule to say.
			AllowInsecureClusterOptions: true,
		}),
	}}
}

func staticAssignment(cluster string, port uint32, hosts ...string) *endpointv3.ClusterLoadAssignment {
	group := &endpointv3.LocalityLbEndpoints{}
	for _, host := range hosts {
		group.LbEndpoints = append(group.LbEndpoints, &endpointv3.LbEndpoint{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{
			Endpoint: &endpointv3.Endpoint{Address: address(host, port)},
		}})
	}
	return &endpointv3.ClusterLoadAssignment{ClusterName: cluster, Endpoints: []*endpointv3.LocalityLbEndpoints{group}}
}

// dnsCache must be the same in the cluster and in the filter that fills it.
func dnsCache() *dfpv3.DnsCacheConfig {
	return &dfpv3.DnsCacheConfig{
		Name: DynamicForwardProxy, DnsLookupFamily: clusterv3.Cluster_V4_PREFERRED, MaxHosts: wrapperspb.UInt32(4096),
	}
}

func bindLocal() *corev3.BindConfig {
	return &corev3.BindConfig{SourceAddress: &corev3.SocketAddress{
		Address: localAddress, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 0},
	}}
}

// InboundClusterInput is what the cluster of a workload's own port depends on.
type InboundClusterInput struct {
	Config *mesh.Config
	Mode   mesh.Mode
	// Target is the port at which the workload is reached.
	Target   uint32
	Protocol mesh.Protocol
	// AppPorts are the ports on loopback where the program of an explicit proxy listens, by those that it is known by.
	AppPorts map[uint32]uint32
	// Ingress is set where a Sidecar says where the program listens; Address is then the workload's own, where that is meant.
	Ingress *mesh.Ingress
	Address string
	Pool    *networking.ConnectionPoolSettings
	// Service is the service that decides the protocol, Port its port.
	Service *mesh.Service
	Port    uint32
}

// NewInboundCluster returns the input for one port of a proxy's workload.
func NewInboundCluster(config *mesh.Config, p mesh.Proxy, port mesh.WorkloadPort) InboundClusterInput {
	in := InboundClusterInput{
		Config: config, Mode: p.Mode, Target: port.Target, Protocol: port.Protocol, AppPorts: p.AppPorts, Service: port.Service,
		Ingress: port.Ingress, Pool: port.Pool, Port: port.Port.Number,
	}
	if i := port.Ingress; i != nil && i.Host == "" && i.Port != 0 && len(p.Addresses) > 0 && addressable(p.Addresses[0], false) {
		in.Address = p.Addresses[0]
	}
	return in
}

// InboundCluster returns the cluster that leads to the program itself.
func InboundCluster(in InboundClusterInput) *clusterv3.Cluster {
	name := InboundClusterName(in.Target)
	c := &clusterv3.Cluster{Name: name, AltStatName: inboundStatName(in), ConnectTimeout: connectTimeout(in.Config)}
	if in.Service != nil {
		c.Metadata = origin(in.Service.From)
	}
	toProgram(c, in)
	connectionPool(c, in.Pool, in.Config)
	protocolOptions(c, in.Protocol, trafficPolicy{pool: in.Pool, program: true}, in.Config)
	clusterConnections(c, in.Config)
	return c
}
