package translate

import (
	"slices"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	commonmatcherv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/matcher/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	meshconfig "istio.io/api/mesh/v1alpha1"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/mesh"
)

const httpProtocolOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

// protocolOptions sets what HTTP version the upstream is spoken to in, and the limits of its connections. It reports whether
// that is HTTP/2 whatever the client speaks, which the TLS handshake must then offer.
func protocolOptions(c *clusterv3.Cluster, protocol mesh.Protocol, policy trafficPolicy, config *mesh.Config) bool {
	http := policy.pool.GetHttp()
	options := &httpv3.HttpProtocolOptions{CommonHttpProtocolOptions: connectionLimits(policy.pool), OutlierDetection: errorCodes(policy.outlier)}
	h2 := http2Options(http)
	upgraded := protocol == mesh.HTTP && upgrades(policy, config)
	switch {
	case protocol == mesh.TCP || protocol == mesh.TLS || protocol == mesh.HTTPS:
		return false
	case protocol == mesh.HTTP2 || protocol == mesh.GRPC || protocol == mesh.GRPCWeb || upgraded:
		options.UpstreamProtocolOptions = explicitHTTP2(h2)
		setProtocolOptions(c, options)
		return true
	case clientsChoice(protocol, policy):
		options.UpstreamProtocolOptions = &httpv3.HttpProtocolOptions_UseDownstreamProtocolConfig{
			UseDownstreamProtocolConfig: &httpv3.HttpProtocolOptions_UseDownstreamHttpConfig{
				HttpProtocolOptions: http1Options(config), Http2ProtocolOptions: h2,
			},
		}
		setProtocolOptions(c, options)
		return false
	}
	if options.CommonHttpProtocolOptions != nil || options.OutlierDetection != nil || preservesCase(config) {
		options.UpstreamProtocolOptions = explicitHTTP1(http1Options(config))
		setProtocolOptions(c, options)
	}
	return false
}

// clientsChoice reports whether the upstream is spoken to as the client speaks. A TLS handshake must not offer HTTP/2 then, for the
// server would expect it also where the client speaks HTTP/1.1. Without an offer Envoy makes the right one for each connection.
func clientsChoice(protocol mesh.Protocol, policy trafficPolicy) bool {
	return protocol == mesh.Auto || protocol == mesh.HTTP && policy.pool.GetHttp().GetUseClientProtocol()
}

// upgrades reports whether HTTP/1.1 upstreams are spoken to in HTTP/2: h2UpgradePolicy of the rule, or else of the mesh.
func upgrades(policy trafficPolicy, config *mesh.Config) bool {
	http := policy.pool.GetHttp()
	if http.GetUseClientProtocol() { // whatever else is set (Istio, HTTPSettings.useClientProtocol)
		return false
	}
	switch http.GetH2UpgradePolicy() {
	case networking.ConnectionPoolSettings_HTTPSettings_UPGRADE:
		return true
	case networking.ConnectionPoolSettings_HTTPSettings_DO_NOT_UPGRADE:
		return false
	default:
		return !policy.program && config.Mesh.GetH2UpgradePolicy() == meshconfig.MeshConfig_UPGRADE
	}
}

// connectionLimits are idleTimeout, maxConnectionDuration and maxRequestsPerConnection; nil when none is set.
func connectionLimits(pool *networking.ConnectionPoolSettings) *corev3.HttpProtocolOptions {
	out, set := &corev3.HttpProtocolOptions{}, false
	if d := pool.GetHttp().GetIdleTimeout(); notNegative(d) {
		out.IdleTimeout, set = d, true
	}
	if d := pool.GetTcp().GetMaxConnectionDuration(); aMillisecond(d) {
		out.MaxConnectionDuration, set = d, true
	}
	if n := pool.GetHttp().GetMaxRequestsPerConnection(); n > 0 {
		out.MaxRequestsPerConnection, set = wrapperspb.UInt32(uint32(n)), true
	}
	if !set {
		return nil
	}
	return out
}

// errorCodes says which responses count as errors; nil means Envoy's choice, every 5xx.
func errorCodes(o *networking.OutlierDetection) *httpv3.HttpProtocolOptions_OutlierDetection {
	var codes []string
	for _, code := range o.GetOutlierDetectionHttpErrorCodes() {
		if code >= 100 && code <= 599 {
			codes = append(codes, number(code))
		}
	}
	if len(codes) == 0 {
		return nil
	}
	slices.Sort(codes)
	status := &routev3.HeaderMatcher{Name: ":status", HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{
		StringMatch: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_SafeRegex{
			SafeRegex: &matcherv3.RegexMatcher{Regex: strings.Join(slices.Compact(codes), "|")},
		}},
	}}
	return &httpv3.HttpProtocolOptions_OutlierDetection{ErrorMatcher: &commonmatcherv3.MatchPredicate{
		Rule: &commonmatcherv3.MatchPredicate_HttpResponseHeadersMatch{
			HttpResponseHeadersMatch: &commonmatcherv3.HttpHeadersMatch{Headers: []*routev3.HeaderMatcher{status}},
		},
	}}
}

func http2Options(http *networking.ConnectionPoolSettings_HTTPSettings) *corev3.Http2ProtocolOptions {
	out := &corev3.Http2ProtocolOptions{}
	if n := http.GetMaxConcurrentStreams(); n > 0 {
		out.MaxConcurrentStreams = wrapperspb.UInt32(uint32(n))
	}
	if k := http.GetHttp2KeepAlive(); aMillisecond(k.GetInterval()) && aMillisecond(k.GetTimeout()) {
		out.ConnectionKeepalive = &corev3.KeepaliveSettings{Interval: k.GetInterval(), Timeout: k.GetTimeout()}
	}
	return out
}

func explicitHTTP1(h1 *corev3.Http1ProtocolOptions) *httpv3.HttpProtocolOptions_ExplicitHttpConfig_ {
	return &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{ExplicitHttpConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig{
		ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_HttpProtocolOptions{HttpProtocolOptions: h1},
	}}
}

func explicitHTTP2(h2 *corev3.Http2ProtocolOptions) *httpv3.HttpProtocolOptions_ExplicitHttpConfig_ {
	return &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{ExplicitHttpConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig{
		ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{Http2ProtocolOptions: h2},
	}}
}

func setProtocolOptions(c *clusterv3.Cluster, options *httpv3.HttpProtocolOptions) {
	c.TypedExtensionProtocolOptions = map[string]*anypb.Any{httpProtocolOptions: pack(options)}
}
