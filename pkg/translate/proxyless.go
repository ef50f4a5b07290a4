package translate

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	faultv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/fault/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
	networking "istio.io/api/networking/v1alpha3"
)

// certificateProvider is the name under which gRPC's bootstrap knows the workload's certificates, as Istio's agent writes it.
const certificateProvider = "default"

// proxylessCluster keeps to what gRPC's own xDS client understands (gRFC A27, A29, A32, A42, A50); it would refuse the rest.
func proxylessCluster(c *clusterv3.Cluster, in ClusterInput, policy trafficPolicy) {
	c.CommonLbConfig, c.ConnectTimeout = nil, nil
	resolveNothing(c)
	if proxylessDNS(c) {
		c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_LOGICAL_DNS}
		c.LoadAssignment.Endpoints = c.LoadAssignment.Endpoints[:1]
		c.LoadAssignment.Endpoints[0].LbEndpoints = c.LoadAssignment.Endpoints[0].LbEndpoints[:1]
	} else {
		c.LoadAssignment = nil
		endpointDiscovery(c)
	}
	c.LbPolicy = clusterv3.Cluster_ROUND_ROBIN
	if policy.lb.GetConsistentHash() != nil && policy.lb.GetConsistentHash().GetMaglev() == nil {
		consistentHash(c, policy.lb.GetConsistentHash())
	}
	if n := policy.pool.GetHttp().GetHttp2MaxRequests(); n > 0 {
		c.CircuitBreakers = &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{{MaxRequests: wrapperspb.UInt32(uint32(n))}}}
	}
	if policy.tls.GetMode() == networking.ClientTLSSettings_ISTIO_MUTUAL {
		c.TransportSocket = clientSocket(proxylessTLS(in, policy.tls))
	}
}

// proxylessDNS reports whether there are names to resolve.
func proxylessDNS(c *clusterv3.Cluster) bool {
	t := c.GetType()
	return (t == clusterv3.Cluster_STRICT_DNS || t == clusterv3.Cluster_LOGICAL_DNS) && len(c.LoadAssignment.GetEndpoints()) > 0
}

// proxylessTLS is mutual TLS with the certificates of gRPC's bootstrap (gRFC A29).
func proxylessTLS(in ClusterInput, tls *networking.ClientTLSSettings) *tlsv3.UpstreamTlsContext {
	names := in.Identities
	if len(tls.GetSubjectAltNames()) > 0 {
		names = tls.GetSubjectAltNames()
	}
	context := &tlsv3.CertificateValidationContext{
		CaCertificateProviderInstance: &tlsv3.CertificateProviderPluginInstance{InstanceName: certificateProvider, CertificateName: RootSecret},
	}
	for _, n := range names {
		context.MatchSubjectAltNames = append(context.MatchSubjectAltNames, exactly(n)) //nolint:staticcheck // gRPC reads no other field
	}
	return &tlsv3.UpstreamTlsContext{CommonTlsContext: &tlsv3.CommonTlsContext{
		TlsCertificateProviderInstance: &tlsv3.CertificateProviderPluginInstance{InstanceName: certificateProvider, CertificateName: WorkloadSecret},
		ValidationContextType:          &tlsv3.CommonTlsContext_ValidationContext{ValidationContext: context},
	}}
}

// ProxylessListenerInput is what the listener that gRPC asks for depends on.
type ProxylessListenerInput struct {
	Host string
	Port uint32
}

// ProxylessListener returns the listener for the target "xds:///HOST:PORT"; its route has the same name.
func ProxylessListener(in ProxylessListenerInput) *listenerv3.Listener {
	name := HostPort(in.Host, in.Port)
	return &listenerv3.Listener{Name: name, ApiListener: &listenerv3.ApiListener{ApiListener: pack(&hcmv3.HttpConnectionManager{
		StatPrefix:     name,
		RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{ConfigSource: patient(adsSource()), RouteConfigName: name}},
		HttpFilters:    []*hcmv3.HttpFilter{httpFilter(faultFilter, &faultv3.HTTPFault{}), httpFilter(routerFilter, &routerv3.Router{})},
	})}}
}
