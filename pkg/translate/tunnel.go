package translate

import (
	"slices"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// connectUpgrade is the type of upgrade that a CONNECT request is to Envoy.
const connectUpgrade = "CONNECT"

// tunnel opens a TCP connection to one of the clusters for a CONNECT request, and copies bytes.
func tunnel(clusters []WeightedCluster) *routev3.RouteAction {
	out := &routev3.RouteAction{
		Timeout: durationpb.New(0), IdleTimeout: durationpb.New(0),
		UpgradeConfigs: []*routev3.RouteAction_UpgradeConfig{{
			UpgradeType: connectUpgrade, ConnectConfig: &routev3.RouteAction_UpgradeConfig_ConnectConfig{},
		}},
	}
	if len(clusters) == 1 {
		out.ClusterSpecifier = &routev3.RouteAction_Cluster{Cluster: clusters[0].Name}
		return out
	}
	weighted := &routev3.WeightedCluster{}
	for _, c := range clusters {
		weighted.Clusters = append(weighted.Clusters, &routev3.WeightedCluster_ClusterWeight{Name: c.Name, Weight: wrapperspb.UInt32(c.Weight)})
	}
	out.ClusterSpecifier = &routev3.RouteAction_WeightedClusters{WeightedClusters: weighted}
	return out
}

// connectRoute tunnels to a service that a client of the HTTP proxy asked for by host and port.
func (b *routeBuilder) connectRoute() *routev3.Route {
	clusters := b.in.Tunnel
	if len(clusters) == 0 {
		clusters = []WeightedCluster{{Name: ClusterName(b.in.Service.Host, b.in.Port.Number, "")}}
	}
	return &routev3.Route{
		Name: "connect", Match: connectMatch(), Metadata: origin(b.in.Service.From), Action: &routev3.Route_Route{Route: tunnel(clusters)},
	}
}

// tunnels applies the TLS and TCP routes of a service to clients of the HTTP proxy, of whose connections only the host is known that they
// name: that it is also the server name which they will ask for. None means the service itself. Problems are those of the listeners.
func (in ServiceRoutesInput) tunnels(port mesh.Port) []WeightedCluster {
	for _, vs := range in.Service.Virtual {
		if len(vs.Spec.GetTcp())+len(vs.Spec.GetTls()) == 0 || port.Protocol.IsHTTP() {
			continue
		}
		t := targets{known: Destinations([]*mesh.VirtualService{vs}, in.Service, in.Lookup), port: port.Number, lookup: in.Lookup, lost: true}
		chains, _ := tcpChains(vs, t, &problems{})
		if opaqueTLS(port.Protocol) {
			chains = tlsChains(vs, t, &problems{})
		}
		for _, c := range chains {
			if len(c.Subnets) == 0 && (len(c.ServerNames) == 0 || slices.ContainsFunc(c.ServerNames, func(n string) bool { return standsFor(n, in.Service.Host) })) {
				return c.Clusters
			}
		}
	}
	return nil
}

// standsFor reports whether a pattern stands for every name that a host stands for.
func standsFor(pattern, host string) bool {
	m, ok := meet(pattern, host)
	return ok && m == host
}
