package translate

import (
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	proxyprotocolv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/proxy_protocol/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	meshconfig "istio.io/api/mesh/v1alpha1"

	"github.com/meshctl/meshctl/pkg/mesh"
)

type settingsMessage = meshconfig.ProxyConfig_ConnectionSettings

// connectionSettings are ProxyConfig's, with the defaults of its profile
// (https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig-ConnectionSettings).
func connectionSettings(c *mesh.Config) *settingsMessage {
	given := c.Mesh.GetDefaultConfig().GetConnectionSettings()
	if given.GetProfile() != meshconfig.ProxyConfig_ConnectionSettings_EDGE {
		return given
	}
	out := &settingsMessage{
		ListenerPerConnectionBufferLimitBytes: wrapperspb.Int32(32 << 10),
		ClusterPerConnectionBufferLimitBytes:  wrapperspb.Int32(32 << 10),
		HttpIdleTimeout:                       durationpb.New(time.Hour),
		HttpRequestTimeout:                    durationpb.New(5 * time.Minute),
		HttpStreamIdleTimeout:                 durationpb.New(5 * time.Minute),
		HttpMaxConcurrentStreams:              wrapperspb.Int32(100),
		Http2InitialStreamWindowSize:          wrapperspb.Int32(64 << 10),
		Http2InitialConnectionWindowSize:      wrapperspb.Int32(1 << 20),
		HttpHeadersWithUnderscoresAction:      meshconfig.ProxyConfig_ConnectionSettings_HEADERS_WITH_UNDERSCORES_REJECT_REQUEST,
		HttpMergeSlashes:                      wrapperspb.Bool(true),
		HttpPathWithEscapedSlashesAction:      meshconfig.ProxyConfig_ConnectionSettings_UNESCAPE_AND_REDIRECT,
	}
	mesh.Override(out, given)
	return out
}

// connections applies them to what serves HTTP.
func (m httpManager) connections(out *hcmv3.HttpConnectionManager) {
	s := connectionSettings(m.config)
	if s == nil {
		return
	}
	common := &corev3.HttpProtocolOptions{HeadersWithUnderscoresAction: underscores[s.GetHttpHeadersWithUnderscoresAction()]}
	atLeast(&common.IdleTimeout, s.GetHttpIdleTimeout(), 0)
	atLeast(&common.MaxConnectionDuration, s.GetHttpMaxConnectionDuration(), time.Millisecond)
	atLeast(&common.MaxStreamDuration, s.GetHttpMaxStreamDuration(), 0)
	out.CommonHttpProtocolOptions = common
	atLeast(&out.DrainTimeout, s.GetHttpDrainTimeout(), 0)
	atLeast(&out.RequestTimeout, s.GetHttpRequestTimeout(), 0)
	atLeast(&out.RequestHeadersTimeout, s.GetHttpRequestHeadersTimeout(), 0)
	atLeast(&out.StreamIdleTimeout, s.GetHttpStreamIdleTimeout(), 0)
	http2(out, s)
	if s.GetHttpMergeSlashes() != nil {
		out.MergeSlashes = s.GetHttpMergeSlashes().GetValue()
	}
	if how, found := escapedSlashes[s.GetHttpPathWithEscapedSlashesAction()]; found {
		out.PathWithEscapedSlashesAction = how
	}
}

func http2(out *hcmv3.HttpConnectionManager, s *settingsMessage) {
	if out.Http2ProtocolOptions == nil {
		out.Http2ProtocolOptions = &corev3.Http2ProtocolOptions{}
	}
	const least = 1<<16 - 1 // of windows
	h2 := out.Http2ProtocolOptions
	h2.MaxConcurrentStreams = from(1, s.GetHttpMaxConcurrentStreams())
	h2.InitialStreamWindowSize = from(least, s.GetHttp2InitialStreamWindowSize())
	h2.InitialConnectionWindowSize = from(least, s.GetHttp2InitialConnectionWindowSize())
}

// listenerConnections applies them to what accepts connections, and at gateways the topology: what a PROXY header says of the client.
func listenerConnections(l *listenerv3.Listener, c *mesh.Config) {
	l.PerConnectionBufferLimitBytes = from(1, connectionSettings(c).GetListenerPerConnectionBufferLimitBytes())
}

func proxyHeader(l *listenerv3.Listener, c *mesh.Config) {
	if c.Mesh.GetDefaultConfig().GetGatewayTopology().GetProxyProtocol() == nil {
		return
	}
	first := inspector("envoy.filters.listener.proxy_protocol", &proxyprotocolv3.ProxyProtocol{})
	l.ListenerFilters = append([]*listenerv3.ListenerFilter{first}, l.ListenerFilters...)
}

// clusterConnections applies them to connections with servers.
func clusterConnections(c *clusterv3.Cluster, config *mesh.Config) {
	c.PerConnectionBufferLimitBytes = from(1, connectionSettings(config).GetClusterPerConnectionBufferLimitBytes())
}

// atLeast sets a duration that is given, well formed and not shorter than min.
func atLeast(field **durationpb.Duration, given *durationpb.Duration, min time.Duration) {
	if given != nil && given.CheckValid() == nil && given.AsDuration() >= min {
		*field = given
	}
}

// from is a number that is given and at least min; nil otherwise.
func from(min int32, given *wrapperspb.Int32Value) *wrapperspb.UInt32Value {
	if n := given.GetValue(); given != nil && n >= min {
		return wrapperspb.UInt32(uint32(n))
	}
	return nil
}

var underscores = map[meshconfig.ProxyConfig_ConnectionSettings_HeadersWithUnderscoresAction]corev3.HttpProtocolOptions_HeadersWithUnderscoresAction{
	meshconfig.ProxyConfig_ConnectionSettings_HEADERS_WITH_UNDERSCORES_REJECT_REQUEST: corev3.HttpProtocolOptions_REJECT_REQUEST,
	meshconfig.ProxyConfig_ConnectionSettings_HEADERS_WITH_UNDERSCORES_DROP_HEADER:    corev3.HttpProtocolOptions_DROP_HEADER,
}

var escapedSlashes = map[meshconfig.ProxyConfig_ConnectionSettings_PathWithEscapedSlashesAction]hcmv3.HttpConnectionManager_PathWithEscapedSlashesAction{
	meshconfig.ProxyConfig_ConnectionSettings_KEEP_UNCHANGED:        hcmv3.HttpConnectionManager_KEEP_UNCHANGED,
	meshconfig.ProxyConfig_ConnectionSettings_REJECT_REQUEST:        hcmv3.HttpConnectionManager_REJECT_REQUEST,
	meshconfig.ProxyConfig_ConnectionSettings_UNESCAPE_AND_REDIRECT: hcmv3.HttpConnectionManager_UNESCAPE_AND_REDIRECT,
	meshconfig.ProxyConfig_ConnectionSettings_UNESCAPE_AND_FORWARD:  hcmv3.HttpConnectionManager_UNESCAPE_AND_FORWARD,
}
