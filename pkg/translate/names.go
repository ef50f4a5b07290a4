package translate

import (
	"strconv"
	"strings"
)

// Names of the clusters, listeners and routes that are not derived from a service, as Istio's users know them.
const (
	BlackHoleCluster          = "BlackHoleCluster"
	PassthroughCluster        = "PassthroughCluster"
	InboundPassthroughCluster = "InboundPassthroughCluster"
	// DynamicForwardProxy is the cluster for hosts outside the mesh where connections are not redirected and so have no
	// original destination.
	DynamicForwardProxy = "dynamic_forward_proxy"
	// SDSCluster is the bootstrap's cluster of the agent, which serves the workload's secrets.
	SDSCluster = "sds-grpc"

	VirtualOutbound = "virtualOutbound"
	VirtualInbound  = "virtualInbound"
	// HTTPProxy names the explicit mode's HTTP proxy: its listener, its route and its local port.
	HTTPProxy = "http_proxy"
)

// ClusterName returns the name of an outbound cluster: "outbound|9080|v1|reviews.default.svc.cluster.local".
func ClusterName(host string, port uint32, subset string) string {
	return "outbound|" + number(port) + "|" + subset + "|" + host
}

// InboundClusterName returns the name of the cluster of a workload's own port: "inbound|9080||".
func InboundClusterName(target uint32) string { return "inbound|" + number(target) + "||" }

// ServerName returns the SNI that Istio's proxies use between each other: "outbound_.9080_.v1_.reviews.default.svc.cluster.local".
func ServerName(host string, port uint32, subset string) string {
	return "outbound_." + number(port) + "_." + subset + "_." + host
}

// HostPort returns "host:port": the name of a virtual host, and of the route of a listener that serves one service.
func HostPort(host string, port uint32) string { return host + ":" + number(port) }

// InboundBinding returns the name of the local port that stands in front of a workload port in explicit mode.
func InboundBinding(target uint32) string { return "inbound|" + number(target) }

// OutboundBinding returns the name of the local port of one service in explicit mode.
func OutboundBinding(host string, port uint32) string { return "outbound|" + number(port) + "|" + host }

// GatewayBinding returns the name of the local port that serves a Gateway's port where it cannot be bound itself.
func GatewayBinding(port uint32) string { return "gateway|" + number(port) }

// GatewayHTTPRoute returns the name of the route of all plain HTTP servers of a gateway's port: "http.8080"; of one address only,
// "http.8080.127.0.0.1".
func GatewayHTTPRoute(port uint32, bind string) string {
	if bind == "" {
		return "http." + number(port)
	}
	return "http." + number(port) + "." + bind
}

// GatewayHTTPSRoute returns the name of the route of one HTTPS server: "https.443.https-web.my-gateway.default".
func GatewayHTTPSRoute(port uint32, portName, gateway, namespace string) string {
	return strings.Join([]string{"https", number(port), portName, gateway, namespace}, ".")
}

func number(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
