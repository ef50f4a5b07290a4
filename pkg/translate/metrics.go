package translate

import (
	"strings"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	statslogv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/stats/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Envoy's cost of a metric is in its tags: each is evaluated, stored and looked up by itself for every metric of every request. So all that
// Istio's tags are made of is one tag of ours, which agents take apart (internal/agent/metrics, which has the list of its fields). It names
// no workload of the proxy's own, so that proxies share their configuration.
const (
	metricFields  = "mesh"
	metricRemoved = "mesh_removed" // names of Istio's tags to leave out, comma separated
)

// metricSeries bounds the series of one logger, so that no caller can fill the memory of a proxy.
const metricSeries = 4000

// metricLogs are the access logs that count: Istio's standard metrics (https://istio.io/latest/docs/reference/config/metrics/).
func (t traffic) metricLogs(tcp bool) []*accesslogv3.AccessLog {
	if !t.policies.Telemetry.Metrics.On {
		return nil
	}
	l := t.metricLogger(tcp)
	if !tcp {
		l.count("istio_requests_total", "REQUEST_COUNT", "")
		l.measure("istio_request_duration_milliseconds", "REQUEST_DURATION", statslogv3.Config_Histogram_Milliseconds, "%DURATION%")
		l.measure("istio_request_bytes", "REQUEST_SIZE", statslogv3.Config_Histogram_Bytes, "%BYTES_RECEIVED%")
		l.measure("istio_response_bytes", "RESPONSE_SIZE", statslogv3.Config_Histogram_Bytes, "%BYTES_SENT%")
		return l.logs(nil)
	}
	l.count("istio_tcp_sent_bytes_total", "TCP_SENT_BYTES", "%BYTES_SENT%")
	l.count("istio_tcp_received_bytes_total", "TCP_RECEIVED_BYTES", "%BYTES_RECEIVED%")
	l.count("istio_tcp_connections_closed_total", "TCP_CLOSED_CONNECTIONS", "")
	const opened, metric = "istio_tcp_connections_opened_total", "TCP_OPENED_CONNECTIONS"
	if t.class == inbound { // it connects with the program before the client has shown who it is
		l.count(opened, metric, "")
		return l.logs(nil)
	}
	early := t.metricLogger(tcp)
	early.count(opened, metric, "")
	return append(l.logs(nil), early.logs(whenOpened())...)
}

// metricLogger makes one logger.
type metricLogger struct {
	metrics Metrics
	format  string
	config  *statslogv3.Config
}

func (t traffic) metricLogger(tcp bool) metricLogger {
	return metricLogger{t.policies.Telemetry.Metrics, t.metricFormat(tcp), &statslogv3.Config{StatsScope: &typev3.Scope{
		MaxCounters: wrapperspb.UInt32(metricSeries), MaxHistograms: wrapperspb.UInt32(metricSeries), EnableEviction: true,
	}}}
}

// count adds a value, or one, to a counter.
func (l metricLogger) count(name string, metric metricName, value string) {
	tags, on := l.metrics.tags(metric, l.format)
	if !on {
		return
	}
	c := &statslogv3.Config_Counter{Stat: &statslogv3.Config_Stat{Name: name, Tags: tags}, ValueFormat: value}
	if value == "" {
		c.ValueFixed = wrapperspb.UInt64(1)
	}
	l.config.Counters = append(l.config.Counters, c)
}

// measure records a value in a histogram.
func (l metricLogger) measure(name string, metric metricName, unit statslogv3.Config_Histogram_Unit, value string) {
	if tags, on := l.metrics.tags(metric, l.format); on {
		l.config.Histograms = append(l.config.Histograms, &statslogv3.Config_Histogram{
			Stat: &statslogv3.Config_Stat{Name: name, Tags: tags}, Unit: unit, ValueFormat: value,
		})
	}
}

// logs is the logger, none when every metric of it is off.
func (l metricLogger) logs(filter *accesslogv3.AccessLogFilter) []*accesslogv3.AccessLog {
	if len(l.config.Counters)+len(l.config.Histograms) == 0 {
		return nil
	}
	out := accessLogger("envoy.access_loggers.stats", l.config)
	out.Filter = filter
	return []*accesslogv3.AccessLog{out}
}

// metricFormat is what every metric tells: the side, the cluster, which names the service, the other side's principal (an agent knows its
// own), how it ended, and who the other side is, which comes last because clients say it themselves on the server's side.
func (t traffic) metricFormat(tcp bool) string {
	fields := []string{"client", "%UPSTREAM_CLUSTER_RAW%", "%UPSTREAM_PEER_URI_SAN%", "%RESPONSE_FLAGS%"}
	peer := "%UPSTREAM_METADATA(istio:workload)%"
	if t.class == inbound {
		fields = []string{"server", "%UPSTREAM_CLUSTER_RAW%", "%DOWNSTREAM_PEER_URI_SAN%", "%RESPONSE_FLAGS%"}
		peer = "%FILTER_STATE(" + peerState + ":PLAIN)%"
	}
	switch {
	case tcp && t.class == inbound:
		fields = append(fields, "-", "-", "-") // no header tells
	case tcp:
		fields = append(fields, "-", "-", peer)
	default:
		fields = append(fields, "%RESPONSE_CODE%", "%GRPC_STATUS_NUMBER%", peer)
	}
	return strings.Join(fields, " ")
}

// tags are those of one metric; false when the metric is off.
func (m Metrics) tags(metric metricName, format string) ([]*statslogv3.Config_Tag, bool) {
	rule := m.rule(metric)
	out := []*statslogv3.Config_Tag{{Name: metricFields, ValueFormat: format}}
	var removed []string
	for _, tag := range rule.Tags {
		if tag.Removed {
			removed = append(removed, tag.Name)
		} else {
			out = append(out, &statslogv3.Config_Tag{Name: tag.Name, ValueFormat: "%CEL(" + tag.Value + ")%"})
		}
	}
	if len(removed) > 0 {
		out = append(out, &statslogv3.Config_Tag{Name: metricRemoved, ValueFormat: strings.Join(removed, ",")})
	}
	return out, !rule.Disabled
}
