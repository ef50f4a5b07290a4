package translate

import (
	"slices"
	"strings"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	snidfpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// autoPassThrough leads the mesh's own TLS to every service that the server's hosts cover, by the SNI that the mesh's proxies send: a chain
// for each port, and for each subset. It goes on encrypted; no VirtualService has a say.
func autoPassThrough(s *mesh.GatewayServer, in GatewayInput) []SecureChain {
	var out []SecureChain
	seen := map[string]bool{}
	for _, svc := range in.Services {
		if !autoServed(s, svc.Service) {
			continue
		}
		for _, port := range svc.Ports {
			if port.Protocol == mesh.UDP {
				continue
			}
			for _, subset := range append([]string{""}, subsetNames(svc.Rule)...) {
				name := ServerName(svc.Host, port.Number, subset)
				sni := strings.ToLower(clipSNI(name)) // as Envoy compares
				if seen[sni] {
					continue
				}
				seen[sni] = true
				out = append(out, SecureChain{ServerNames: []string{sni}, Mesh: true, Chain: Chain{
					Clusters: []WeightedCluster{{Name: name, Weight: 100}}, StatPrefix: name, Policy: streamPolicy(svc.Rule, port.Number, subset),
				}})
			}
		}
	}
	return out
}

// autoServed reports whether an AUTO_PASSTHROUGH server leads to a service: one of the mesh, under one of the server's hosts.
func autoServed(s *mesh.GatewayServer, svc *mesh.Service) bool {
	if s.Server.GetTls().GetMode() != networking.ServerTLSSettings_AUTO_PASSTHROUGH || svc.External || forwarded(svc) || wildcard(svc.Host) {
		return false
	}
	return slices.ContainsFunc(s.Hosts, func(h mesh.GatewayHost) bool {
		return standsFor(h.Host, svc.Host) && (h.Namespace == "" || h.Namespace == svc.Namespace)
	})
}

// PassesThrough returns the inputs of the clusters to which the AUTO_PASSTHROUGH servers of a gateway lead connections, one for each of the
// given inputs of a service's port; none where no server leads to the service.
func PassesThrough(servers []*mesh.GatewayServer, clusters []ClusterInput) []ClusterInput {
	if len(clusters) == 0 || !slices.ContainsFunc(servers, func(s *mesh.GatewayServer) bool { return autoServed(s, clusters[0].Service) }) {
		return nil
	}
	out := slices.Clone(clusters)
	for i := range out {
		out[i].PassThrough, out[i].Port.Protocol = true, mesh.TCP
	}
	return out
}

// serverNameLookup resolves the name that a TLS client asks for, for a cluster that leads there.
func serverNameLookup(port uint32) *listenerv3.Filter {
	return networkFilter("envoy.filters.network.sni_dynamic_forward_proxy", &snidfpv3.FilterConfig{
		DnsCacheConfig: dnsCache(), PortSpecifier: &snidfpv3.FilterConfig_PortValue{PortValue: port},
	})
}
