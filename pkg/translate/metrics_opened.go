package translate

import (
	"slices"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	datalogv3 "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"
	tcpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	"google.golang.org/protobuf/proto"
)

// connectionsNeverMade are the response flags of connections that ended without a connection to the destination.
func connectionsNeverMade() []string { return []string{"UF", "UH", "NR", "UO", "NC", "URX"} }

// whenOpened lets through the record of a connection that is made, and that of one that ended before it was.
func whenOpened() *accesslogv3.AccessLogFilter {
	never := and(logTypes(false, datalogv3.AccessLogType_TcpConnectionEnd), &accesslogv3.AccessLogFilter{
		FilterSpecifier: &accesslogv3.AccessLogFilter_ResponseFlagFilter{ResponseFlagFilter: &accesslogv3.ResponseFlagFilter{Flags: connectionsNeverMade()}},
	})
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_OrFilter{OrFilter: &accesslogv3.OrFilter{
		Filters: []*accesslogv3.AccessLogFilter{logTypes(false, datalogv3.AccessLogType_TcpUpstreamConnected), never},
	}}}
}

// atOpening has Envoy make a record when a connection is made, too, where a logger wants it; the others go on to see the one of the end only.
func atOpening(out *tcpproxyv3.TcpProxy) {
	wanted := whenOpened()
	wants := func(l *accesslogv3.AccessLog) bool { return proto.Equal(l.Filter, wanted) }
	if !slices.ContainsFunc(out.AccessLog, wants) {
		return
	}
	out.AccessLogOptions = &tcpproxyv3.TcpProxy_TcpAccessLogOptions{FlushAccessLogOnConnected: true}
	for _, l := range out.AccessLog {
		if !wants(l) {
			l.Filter = and(logTypes(true, datalogv3.AccessLogType_TcpUpstreamConnected), l.Filter)
		}
	}
}

// logTypes lets through records of some types, or all but those.
func logTypes(exclude bool, types ...datalogv3.AccessLogType) *accesslogv3.AccessLogFilter {
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_LogTypeFilter{
		LogTypeFilter: &accesslogv3.LogTypeFilter{Types: types, Exclude: exclude},
	}}
}

// and joins two filters; the second may be nil.
func and(a, b *accesslogv3.AccessLogFilter) *accesslogv3.AccessLogFilter {
	if b == nil {
		return a
	}
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_AndFilter{AndFilter: &accesslogv3.AndFilter{Filters: []*accesslogv3.AccessLogFilter{a, b}}}}
}
