package translate

import (
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	corsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/cors/v3"
	dfpfilterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/dynamic_forward_proxy/v3"
	faultv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/fault/v3"
	grpcstatsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/grpc_stats/v3"
	grpcwebv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/grpc_web/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	meshconfig "istio.io/api/mesh/v1alpha1"
)

const (
	hcmFilter          = "envoy.filters.network.http_connection_manager"
	routerFilter       = "envoy.filters.http.router"
	grpcStatsFilter    = "envoy.filters.http.grpc_stats"
	grpcWebFilter      = "envoy.filters.http.grpc_web"
	forwardProxyFilter = "envoy.filters.http.dynamic_forward_proxy"

	serverName   = "istio-envoy"
	drainTimeout = 45 * time.Second
)

// httpManager is what HTTP connection managers differ in.
type httpManager struct {
	traffic
	statPrefix string
	// routes by name from the configuration stream, or else inline.
	rds    string
	inline *routev3.RouteConfiguration
	// forwardProxy resolves hosts for clusters that need it.
	forwardProxy bool
	// connect takes CONNECT requests.
	connect bool
	// grpcWeb turns gRPC-Web into gRPC.
	grpcWeb bool
	// peers: clients may present the mesh's certificates; the program learns who they are.
	peers bool
	// mutual: clients have shown certificates of the mesh, and are believed.
	mutual bool
	// forwardTLS: like peers, with whatever certificate the client has.
	forwardTLS hcmv3.HttpConnectionManager_ForwardClientCertDetails
}

// filter returns the network filter.
func (m httpManager) filter() *listenerv3.Filter {
	// Clients of a gateway are not of the mesh: what they say about themselves is not believed.
	edge := m.class == gateway
	out := &hcmv3.HttpConnectionManager{
		CodecType: hcmv3.HttpConnectionManager_AUTO, StatPrefix: m.statPrefix,
		HttpFilters:           m.filters(),
		AccessLog:             m.accessLog(false),
		UseRemoteAddress:      wrapperspb.Bool(edge),
		InternalAddressConfig: internalAddresses(edge),
		StreamIdleTimeout:     durationpb.New(0),
		DelayedCloseTimeout:   durationpb.New(time.Second),
		UpgradeConfigs:        []*hcmv3.HttpConnectionManager_UpgradeConfig{{UpgradeType: "websocket"}},
		HttpProtocolOptions:   &corev3.Http1ProtocolOptions{AcceptHttp_10: m.class != outbound},
	}
	if m.connect {
		out.UpgradeConfigs = append(out.UpgradeConfigs, &hcmv3.HttpConnectionManager_UpgradeConfig{
			UpgradeType: connectUpgrade, Filters: append([]*hcmv3.HttpFilter{rawTunnels()}, out.HttpFilters...),
		})
		out.Http2ProtocolOptions = &corev3.Http2ProtocolOptions{AllowConnect: true}
	}
	normalize(out, m.config.Mesh.GetPathNormalization().GetNormalization())
	if m.inline != nil {
		out.RouteSpecifier = &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: m.inline}
	} else {
		out.RouteSpecifier = &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{ConfigSource: patient(adsSource()), RouteConfigName: m.rds}}
	}
	m.identity(out)
	m.withoutForgedClaims(out)
	m.traced(out)
	m.proxyHeaders(out)
	m.connections(out)
	return networkFilter(hcmFilter, out)
}

// identity is what the server says of itself and of its clients.
func (m httpManager) identity(out *hcmv3.HttpConnectionManager) {
	switch m.class {
	case inbound:
		out.ServerName = serverName
		out.AppendXForwardedPort = false
	case gateway:
		out.ServerName = serverName
		out.ForwardClientCertDetails = hcmv3.HttpConnectionManager_SANITIZE
	default:
		out.ServerHeaderTransformation = hcmv3.HttpConnectionManager_PASS_THROUGH
	}
	if m.peers {
		out.ForwardClientCertDetails = m.forwardTLS
	}
}

// filters are the HTTP filters in their order; the router is always the last.
func (m httpManager) filters() []*hcmv3.HttpFilter {
	var out []*hcmv3.HttpFilter
	if f := m.peerFilter(); f != nil {
		out = append(out, f)
	}
	out = append(out, m.httpPolicyFilters()...)
	add := func(name string, config proto.Message) {
		out = append(out, httpFilter(name, config))
	}
	add(grpcStatsFilter, &grpcstatsv3.FilterConfig{
		EmitFilterState: true, PerMethodStatSpecifier: &grpcstatsv3.FilterConfig_StatsForAllMethods{StatsForAllMethods: wrapperspb.Bool(false)},
	})
	if m.class != inbound {
		add(faultFilter, &faultv3.HTTPFault{})
	}
	add(corsFilter, &corsv3.Cors{})
	if m.grpcWeb {
		add(grpcWebFilter, &grpcwebv3.GrpcWeb{})
	}
	if m.forwardProxy {
		add(forwardProxyFilter, &dfpfilterv3.FilterConfig{
			ImplementationSpecifier: &dfpfilterv3.FilterConfig_DnsCacheConfig{DnsCacheConfig: dnsCache()},
		})
	}
	add(routerFilter, m.router())
	return out
}

// normalize applies MeshConfig's pathNormalization. Istio's default is BASE: RFC 3986.
func normalize(out *hcmv3.HttpConnectionManager, n meshconfig.MeshConfig_ProxyPathNormalization_NormalizationType) {
	if n == meshconfig.MeshConfig_ProxyPathNormalization_NONE {
		out.NormalizePath = wrapperspb.Bool(false)
		return
	}
	out.NormalizePath = wrapperspb.Bool(true)
	switch n {
	case meshconfig.MeshConfig_ProxyPathNormalization_MERGE_SLASHES:
		out.MergeSlashes = true
	case meshconfig.MeshConfig_ProxyPathNormalization_DECODE_AND_MERGE_SLASHES:
		out.MergeSlashes = true
		out.PathWithEscapedSlashesAction = hcmv3.HttpConnectionManager_UNESCAPE_AND_FORWARD
	}
}

// internalAddresses are peers whose x-envoy headers are believed: none of the addresses outside at an edge, private ones within
// the mesh. Envoy wants this said.
func internalAddresses(edge bool) *hcmv3.HttpConnectionManager_InternalAddressConfig {
	out := &hcmv3.HttpConnectionManager_InternalAddressConfig{CidrRanges: []*corev3.CidrRange{cidr("127.0.0.1", 32), cidr("::1", 128)}}
	if !edge {
		out.CidrRanges = append(out.CidrRanges, cidr("10.0.0.0", 8), cidr("172.16.0.0", 12), cidr("192.168.0.0", 16), cidr("fd00::", 8))
	}
	return out
}

func cidr(prefix string, length uint32) *corev3.CidrRange {
	return &corev3.CidrRange{AddressPrefix: prefix, PrefixLen: wrapperspb.UInt32(length)}
}
