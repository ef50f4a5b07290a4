package translate

import (
	"cmp"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// RouteConfigInput is what a route configuration depends on apart from its virtual hosts.
type RouteConfigInput struct {
	Name string
	// IgnorePort must hold where domains are of the form PortIgnored.
	IgnorePort bool
	Proxy      mesh.ProxyType
}

// RouteConfig returns a route configuration without its virtual hosts: append them, unique in name and domains, as field 2 of the
// message or of its encoding.
func RouteConfig(in RouteConfigInput) *routev3.RouteConfiguration {
	out := &routev3.RouteConfiguration{Name: in.Name}
	if in.Proxy == mesh.Proxyless {
		return out
	}
	out.ValidateClusters = wrapperspb.Bool(false) // a route may name a cluster that is yet to come
	out.MaxDirectResponseBodySizeBytes = wrapperspb.UInt32(DirectResponseLimit)
	out.IgnorePortInHostMatching = in.IgnorePort
	return out
}

// CatchAllInput is what the virtual host for unknown hosts depends on.
type CatchAllInput struct {
	Mode mesh.Mode
	// AllowAny lets requests to unknown hosts out of the mesh.
	AllowAny bool
	// EgressProxy is the cluster that takes them then; empty lets them go where they were going.
	EgressProxy string
	// Gateway proxies know no other hosts than those that they serve: answer 404.
	Gateway bool
}

// CatchAll returns the virtual host for every host that no other one claims: "allow_any", "block_all", or "not_found" at gateways.
func CatchAll(in CatchAllInput) *routev3.VirtualHost {
	switch {
	case in.Gateway:
		return &routev3.VirtualHost{Name: "blackhole:" + "404", Domains: []string{"*"}, Routes: []*routev3.Route{respond(404)}}
	case !in.AllowAny:
		routes := []*routev3.Route{respond(502)}
		if in.Mode == mesh.Explicit {
			refuse := respond(502)
			refuse.Match = connectMatch()
			routes = append([]*routev3.Route{refuse}, routes...)
		}
		return &routev3.VirtualHost{Name: "block_all", Domains: []string{"*"}, Routes: routes}
	case in.Mode == mesh.Explicit:
		return &routev3.VirtualHost{Name: "allow_any", Domains: []string{"*"}, IncludeRequestAttemptCount: true, Routes: []*routev3.Route{
			{Name: "allow_any_connect", Match: connectMatch(), Action: &routev3.Route_Route{Route: tunnel([]WeightedCluster{{Name: cmp.Or(in.EgressProxy, DynamicForwardProxy)}})}},
			unknownHost(cmp.Or(in.EgressProxy, DynamicForwardProxy)),
		}}
	}
	return &routev3.VirtualHost{Name: "allow_any", Domains: []string{"*"}, IncludeRequestAttemptCount: true, Routes: []*routev3.Route{unknownHost(cmp.Or(in.EgressProxy, PassthroughCluster))}}
}

func respond(status uint32) *routev3.Route {
	return &routev3.Route{
		Name: "block_all", Match: anyRequest(),
		Action: &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{Status: status}},
	}
}

func unknownHost(cluster string) *routev3.Route {
	return &routev3.Route{Name: "allow_any", Match: anyRequest(), RequestHeadersToRemove: []string{peerHeader}, Action: &routev3.Route_Route{Route: &routev3.RouteAction{
		ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: cluster}, Timeout: durationpb.New(0),
	}}}
}

func connectMatch() *routev3.RouteMatch {
	return &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_ConnectMatcher_{ConnectMatcher: &routev3.RouteMatch_ConnectMatcher{}}}
}
