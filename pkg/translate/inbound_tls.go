package translate

import (
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	httpinspectorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/http_inspector/v3"
	tlsinspectorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/tls_inspector/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// meshServerTLS terminates mutual TLS with the workload's certificate. Clients must have an identity of the trust domain or of one of
// its aliases.
func meshServerTLS(c *mesh.Config, protocols []string) *tlsv3.DownstreamTlsContext {
	var names []*tlsv3.SubjectAltNameMatcher
	for _, domain := range append([]string{c.TrustDomain}, c.Mesh.GetTrustDomainAliases()...) {
		if domain == "" || domain == "*" {
			names = nil // any
			break
		}
		names = append(names, &tlsv3.SubjectAltNameMatcher{SanType: tlsv3.SubjectAltNameMatcher_URI, Matcher: startingWith("spiffe://" + domain + "/")})
	}
	return &tlsv3.DownstreamTlsContext{
		RequireClientCertificate: wrapperspb.Bool(true),
		CommonTlsContext: &tlsv3.CommonTlsContext{
			TlsParams:                      meshParameters(c),
			AlpnProtocols:                  protocols,
			TlsCertificateSdsSecretConfigs: []*tlsv3.SdsSecretConfig{agentSecret(WorkloadSecret)},
			ValidationContextType:          verified(agentSecret(RootSecret), names),
		},
	}
}

func tlsInspection() *listenerv3.ListenerFilter {
	return inspector(tlsInspector, &tlsinspectorv3.TlsInspector{})
}

func httpInspection() *listenerv3.ListenerFilter {
	return inspector(httpInspector, &httpinspectorv3.HttpInspector{})
}

// exceptOnPorts matches connections to other ports than these; there must be one.
func exceptOnPorts(ports []uint32) *listenerv3.ListenerFilterChainMatchPredicate {
	return &listenerv3.ListenerFilterChainMatchPredicate{Rule: &listenerv3.ListenerFilterChainMatchPredicate_NotMatch{NotMatch: onPorts(ports)}}
}

// onPorts matches connections to any of the ports; nil when there is none.
func onPorts(ports []uint32) *listenerv3.ListenerFilterChainMatchPredicate {
	var rules []*listenerv3.ListenerFilterChainMatchPredicate
	for _, p := range ports {
		rules = append(rules, &listenerv3.ListenerFilterChainMatchPredicate{Rule: &listenerv3.ListenerFilterChainMatchPredicate_DestinationPortRange{
			DestinationPortRange: &typev3.Int32Range{Start: int32(p), End: int32(p) + 1},
		}})
	}
	switch len(rules) {
	case 0:
		return nil
	case 1:
		return rules[0]
	}
	return &listenerv3.ListenerFilterChainMatchPredicate{Rule: &listenerv3.ListenerFilterChainMatchPredicate_OrMatch{
		OrMatch: &listenerv3.ListenerFilterChainMatchPredicate_MatchSet{Rules: rules},
	}}
}
