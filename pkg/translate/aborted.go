package translate

import (
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	statslogv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/stats/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/meshctl/meshctl/pkg/traffic/sample"
)

// abortedLog counts the requests that fault injection answers, by the cluster that they were meant for; see sample.Aborts. Where none is
// injected it costs no more than a look at a request's flags.
func abortedLog() *accesslogv3.AccessLog {
	out := accessLogger("envoy.access_loggers.stats", &statslogv3.Config{
		StatsScope: &typev3.Scope{MaxCounters: wrapperspb.UInt32(metricSeries)},
		Counters: []*statslogv3.Config_Counter{{
			Stat:       &statslogv3.Config_Stat{Name: sample.Aborts, Tags: []*statslogv3.Config_Tag{{Name: sample.AbortsTag, ValueFormat: "%UPSTREAM_CLUSTER_RAW%"}}},
			ValueFixed: wrapperspb.UInt64(1),
		}},
	})
	out.Filter = &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_ResponseFlagFilter{
		ResponseFlagFilter: &accesslogv3.ResponseFlagFilter{Flags: []string{"FI"}},
	}}
	return out
}
