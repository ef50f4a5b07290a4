package translate

import (
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	statev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/common/set_filter_state/v3"
	httpstatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/set_filter_state/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tcpstatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/set_filter_state/v3"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// ALPN values by which the mesh's own proxies, Istio's too, announce mutual TLS. Where the receiver has to detect the protocol it knows by
// them what follows the handshake, which no inspector can look into.
const (
	alpnMesh    = "istio"               // whatever follows
	alpnPeers   = "istio-peer-exchange" // what Istio's offer beside it for TCP
	alpnHTTP1   = "istio-http/1.1"
	alpnHTTP10  = "istio-http/1.0"
	alpnHTTP2   = "istio-h2"
	protocolKey = "envoy.network.application_protocols" // of Envoy's filter state: takes the place of a cluster's ALPN

	httpState = "envoy.filters.http.set_filter_state"
	tcpState  = "envoy.filters.network.set_filter_state"
)

// meshTCP and meshHTTP are what a receiver tells apart.
var (
	meshTCP  = [...]string{alpnMesh, alpnPeers}
	meshHTTP = [...]string{alpnHTTP10, alpnHTTP1, alpnHTTP2}
)

// announcement is what the connections of a cluster to a port of the mesh are said to be. TCP that takes a cluster of HTTP says so: see
// Chain.Raw.
func announcement(p mesh.Protocol, http2 bool) []string {
	switch {
	case http2:
		return []string{alpnHTTP2, alpnMesh, "h2"}
	case speaksHTTP(p):
		return []string{alpnHTTP1, alpnMesh}
	}
	return []string{alpnMesh}
}

// rawTo reports whether connections to a port of a service, the bytes of which nobody looks at, must say that they are no HTTP.
func rawTo(s *mesh.ScopedService, number uint32, subset string) bool {
	if s == nil {
		return false
	}
	port, policy := s.PortNumber(number), policyFor(s.Rule, number, subset)
	return port != nil && speaksHTTP(port.Protocol) && streamPolicy(s.Rule, number, subset).TunnelTo == "" &&
		(policy.tls == nil || policy.tls.GetMode() == networking.ClientTLSSettings_ISTIO_MUTUAL)
}

// raw is rawTo for any of several destinations.
func (t targets) raw(routes []*networking.RouteDestination) bool {
	for _, r := range routes {
		if d := r.GetDestination(); t.lookup != nil && rawTo(t.lookup(d.GetHost()), t.portOf(d), d.GetSubset()) {
			return true
		}
	}
	return false
}

func saysRaw() []*statev3.FilterStateValue {
	return []*statev3.FilterStateValue{{
		Key:   &statev3.FilterStateValue_ObjectKey{ObjectKey: protocolKey},
		Value: &statev3.FilterStateValue_FormatString{FormatString: inlineFormat(alpnMesh)},
	}}
}

// rawConnections is the filter before a TCP proxy.
func rawConnections() *listenerv3.Filter {
	return networkFilter(tcpState, &tcpstatev3.Config{OnNewConnection: saysRaw()})
}

// rawTunnels is the filter of CONNECT requests.
func rawTunnels() *hcmv3.HttpFilter {
	return httpFilter(httpState, &httpstatev3.Config{OnRequestHeaders: saysRaw()})
}
