package translate

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	celfilterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/filters/cel/v3"
	grpclogv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/grpc/v3"
	otellogv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/open_telemetry/v3"
	otelv1 "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	meshconfig "istio.io/api/mesh/v1alpha1"
)

// log returns the logger for requests or, with tcp, for connections; nil when the provider does not log these.
func (l AccessLogger) log(tcp bool) *accesslogv3.AccessLog {
	var out *accesslogv3.AccessLog
	switch p := l.Provider.GetProvider().(type) {
	case *meshconfig.MeshConfig_ExtensionProvider_EnvoyFileAccessLog:
		format, _ := fileFormat(p.EnvoyFileAccessLog)
		out = fileLog(cmp.Or(p.EnvoyFileAccessLog.GetPath(), "/dev/stdout"), format)
	case *meshconfig.MeshConfig_ExtensionProvider_EnvoyHttpAls:
		if tcp {
			return nil
		}
		als := p.EnvoyHttpAls
		out = accessLogger("envoy.access_loggers.http_grpc", &grpclogv3.HttpGrpcAccessLogConfig{
			CommonConfig:                    l.stream(cmp.Or(als.GetLogName(), "http_envoy_accesslog"), als.GetFilterStateObjectsToLog()),
			AdditionalRequestHeadersToLog:   headerList(als.GetAdditionalRequestHeadersToLog()),
			AdditionalResponseHeadersToLog:  headerList(als.GetAdditionalResponseHeadersToLog()),
			AdditionalResponseTrailersToLog: headerList(als.GetAdditionalResponseTrailersToLog()),
		})
	case *meshconfig.MeshConfig_ExtensionProvider_EnvoyTcpAls:
		if !tcp {
			return nil
		}
		out = accessLogger("envoy.access_loggers.tcp_grpc", &grpclogv3.TcpGrpcAccessLogConfig{
			CommonConfig: l.stream(cmp.Or(p.EnvoyTcpAls.GetLogName(), "tcp_envoy_accesslog"), p.EnvoyTcpAls.GetFilterStateObjectsToLog()),
		})
	case *meshconfig.MeshConfig_ExtensionProvider_EnvoyOtelAls:
		out = accessLogger("envoy.access_loggers.open_telemetry", l.openTelemetry(p.EnvoyOtelAls))
	default:
		return nil
	}
	if l.Filter != "" {
		out.Filter = &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_ExtensionFilter{ExtensionFilter: &accesslogv3.ExtensionFilter{
			Name:       "envoy.access_loggers.extension_filters.cel",
			ConfigType: &accesslogv3.ExtensionFilter_TypedConfig{TypedConfig: pack(&celfilterv3.ExpressionFilter{Expression: l.Filter})},
		}}}
	}
	return out
}

func accessLogger(name string, config proto.Message) *accesslogv3.AccessLog {
	return &accesslogv3.AccessLog{Name: name, ConfigType: &accesslogv3.AccessLog_TypedConfig{TypedConfig: pack(config)}}
}

func (l AccessLogger) stream(name string, state []string) *grpclogv3.CommonGrpcAccessLogConfig {
	return &grpclogv3.CommonGrpcAccessLogConfig{
		LogName: name, FilterStateObjectsToLog: state, TransportApiVersion: corev3.ApiVersion_V3, GrpcService: grpcTo(l.Cluster),
	}
}

func grpcTo(cluster string) *corev3.GrpcService {
	return &corev3.GrpcService{TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: cluster}}}
}

// headerList keeps to what can be the name of a header.
func headerList(names []string) []string {
	var out []string
	for _, n := range names {
		if settable(n) {
			out = append(out, n)
		}
	}
	return out
}

// openTelemetry sends the default format, or the provider's, as the body of each record, and its labels as attributes.
func (l AccessLogger) openTelemetry(p *meshconfig.MeshConfig_ExtensionProvider_EnvoyOpenTelemetryLogProvider) *otellogv3.OpenTelemetryAccessLogConfig {
	text := p.GetLogFormat().GetText()
	if text == "" || logCommands(text) != "" {
		text = defaultText()
	}
	out := &otellogv3.OpenTelemetryAccessLogConfig{
		GrpcService: grpcTo(l.Cluster), LogName: cmp.Or(p.GetLogName(), "otel_envoy_accesslog"),
		DisableBuiltinLabels: p.GetLogName() == "", // the name is one of them
		Body:                 &otelv1.AnyValue{Value: &otelv1.AnyValue_StringValue{StringValue: strings.TrimSuffix(text, "\n")}},
	}
	if labels := p.GetLogFormat().GetLabels(); labels != nil && formatsOnly(labels.AsMap()) {
		out.Attributes = &otelv1.KeyValueList{Values: otelValues(labels)}
	}
	out.Formatters = formatters(out)
	return out
}

func otelValues(s *structpb.Struct) []*otelv1.KeyValue {
	var out []*otelv1.KeyValue
	for _, k := range slices.Sorted(maps.Keys(s.GetFields())) {
		v := &otelv1.AnyValue{Value: &otelv1.AnyValue_StringValue{StringValue: s.Fields[k].GetStringValue()}}
		if inner := s.Fields[k].GetStructValue(); inner != nil {
			v = &otelv1.AnyValue{Value: &otelv1.AnyValue_KvlistValue{KvlistValue: &otelv1.KeyValueList{Values: otelValues(inner)}}}
		}
		out = append(out, &otelv1.KeyValue{Key: k, Value: v})
	}
	return out
}

// fileFormat is the provider's format, or the default one and what is wrong with the provider's.
func fileFormat(p *meshconfig.MeshConfig_ExtensionProvider_EnvoyFileAccessLogProvider) (*corev3.SubstitutionFormatString, string) {
	format := textFormat(defaultText())
	var wrong string
	switch f := p.GetLogFormat().GetLogFormat().(type) {
	case *meshconfig.MeshConfig_ExtensionProvider_EnvoyFileAccessLogProvider_LogFormat_Text:
		if wrong = logCommands(f.Text); wrong == "" && f.Text != "" {
			format = textFormat(f.Text)
		}
	case *meshconfig.MeshConfig_ExtensionProvider_EnvoyFileAccessLogProvider_LogFormat_Labels:
		fields := f.Labels
		switch {
		case !formatsOnly(fields.AsMap()):
			wrong = "not an object of formats that Envoy understands"
		case len(fields.GetFields()) == 0:
			fields = defaultJSON()
			fallthrough
		default:
			format = &corev3.SubstitutionFormatString{Format: &corev3.SubstitutionFormatString_JsonFormat{JsonFormat: fields}}
		}
	}
	format.OmitEmptyValues = p.GetOmitEmptyValues()
	return format, wrong
}
