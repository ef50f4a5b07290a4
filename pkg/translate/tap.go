package translate

import (
	"time"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	grpclogv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/grpc/v3"
	tracingv3 "github.com/envoyproxy/go-control-plane/envoy/type/tracing/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	meshconfig "istio.io/api/mesh/v1alpha1"

	"github.com/meshctl/meshctl/pkg/tap"
)

// tapFlush is how long a report may wait in the proxy for others.
const tapFlush = 250 * time.Millisecond

// tapTags are what reports have besides the fields of Envoy's protocol. Each is a command of access logs.
var tapTags = [...][2]string{
	{tap.TagPeer, "%UPSTREAM_PEER_URI_SAN%"}, {tap.TagTLS, "%UPSTREAM_TLS_VERSION%"}, {tap.TagTrace, "%TRACE_ID%"},
	{tap.TagMethod, "%REQ(:METHOD)%"}, {tap.TagGRPC, "%GRPC_STATUS_NUMBER%"},
}

// tap is the access log by which an agent lets people look at single requests. It goes to the agent's own socket, which is part of every
// bootstrap. Its runtime key has no value until somebody looks, and counts as 0% then.
func (t traffic) tap(tcp bool) *accesslogv3.AccessLog {
	common := &grpclogv3.CommonGrpcAccessLogConfig{
		LogName: tap.LogName(t.class.side()), TransportApiVersion: corev3.ApiVersion_V3, GrpcService: grpcTo(SDSCluster),
		BufferFlushInterval: durationpb.New(tapFlush),
	}
	for _, tag := range tapTags {
		if !tcp || tag[0] == tap.TagPeer || tag[0] == tap.TagTLS {
			common.CustomTags = append(common.CustomTags, &tracingv3.CustomTag{Tag: tag[0], Type: &tracingv3.CustomTag_Value{Value: tag[1]}})
		}
	}
	var out *accesslogv3.AccessLog
	if tcp {
		out = accessLogger("envoy.access_loggers.tcp_grpc", &grpclogv3.TcpGrpcAccessLogConfig{CommonConfig: common})
	} else {
		out = accessLogger("envoy.access_loggers.http_grpc", &grpclogv3.HttpGrpcAccessLogConfig{
			CommonConfig: common, AdditionalRequestHeadersToLog: tap.Additional(LoggedHeaders(t.config.Mesh)),
		})
	}
	out.Filter = &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_RuntimeFilter{
		RuntimeFilter: &accesslogv3.RuntimeFilter{RuntimeKey: tap.RuntimeKey},
	}}
	return out
}

// LoggedHeaders are the request headers that a mesh's providers of access logs report besides the usual ones.
func LoggedHeaders(c *meshconfig.MeshConfig) []string {
	var out []string
	for _, p := range c.GetExtensionProviders() {
		out = append(out, headerList(p.GetEnvoyHttpAls().GetAdditionalRequestHeadersToLog())...)
	}
	return out
}

// side is where the proxies of a class stand.
func (c class) side() tap.Side {
	switch c {
	case inbound:
		return tap.Server
	case gateway:
		return tap.Edge
	}
	return tap.Client
}
