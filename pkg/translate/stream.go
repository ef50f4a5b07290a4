package translate

import (
	"net/netip"

	tcpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// StreamPolicy is what the DestinationRule of the first destination says of connections: these settings belong to listeners, not to
// clusters, so those of further destinations do not count (Istio, TCPSettings.idleTimeout).
type StreamPolicy struct {
	IdleTimeout *durationpb.Duration // nil: Envoy's default, 1 h; 0: none
	MaxDuration *durationpb.Duration // nil: none
	HashSource  bool                 // the client's address chooses the endpoint
	// TunnelTo is the "host:port" that connections are tunnelled to over HTTP; empty for none. TunnelPost does so by POST
	// instead of CONNECT.
	TunnelTo   string
	TunnelPost bool
}

func streamPolicy(rule *mesh.DestinationRule, port uint32, subset string) StreamPolicy {
	p := policyFor(rule, port, subset)
	out := StreamPolicy{HashSource: p.lb.GetConsistentHash().GetUseSourceIp()}
	if d := p.pool.GetTcp().GetIdleTimeout(); notNegative(d) {
		out.IdleTimeout = d
	}
	if d := p.pool.GetTcp().GetMaxConnectionDuration(); aMillisecond(d) {
		out.MaxDuration = d
	}
	if t := p.tunnel; mesh.TunnelHost(t.GetTargetHost()) && validPort(t.GetTargetPort()) && (t.GetProtocol() == "" || t.GetProtocol() == "CONNECT" || t.GetProtocol() == "POST") {
		host := t.GetTargetHost()
		if ip, err := netip.ParseAddr(host); err == nil {
			host = authorityOf(ip)
		}
		out.TunnelTo, out.TunnelPost = HostPort(host, t.GetTargetPort()), t.GetProtocol() == "POST"
	}
	return out
}

// streams is the policy for connections to the first of several destinations.
func (t targets) streams(routes []*networking.RouteDestination) StreamPolicy {
	if len(routes) == 0 || t.lookup == nil {
		return StreamPolicy{}
	}
	d := routes[0].GetDestination()
	s := t.lookup(d.GetHost())
	if s == nil {
		return StreamPolicy{}
	}
	return streamPolicy(s.Rule, t.portOf(d), d.GetSubset())
}

// govern applies the policy to a proxy of connections.
func (p StreamPolicy) govern(out *tcpproxyv3.TcpProxy) {
	out.IdleTimeout, out.MaxDownstreamConnectionDuration = p.IdleTimeout, p.MaxDuration
	if p.HashSource {
		out.HashPolicy = []*typev3.HashPolicy{{PolicySpecifier: &typev3.HashPolicy_SourceIp_{SourceIp: &typev3.HashPolicy_SourceIp{}}}}
	}
	if p.TunnelTo != "" {
		out.TunnelingConfig = &tcpproxyv3.TcpProxy_TunnelingConfig{Hostname: p.TunnelTo, UsePost: p.TunnelPost}
	}
}
