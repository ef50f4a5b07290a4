package translate

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filelogv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/file/v3"
	streamlogv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/stream/v3"
	"google.golang.org/protobuf/types/known/structpb"
	meshconfig "istio.io/api/mesh/v1alpha1"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// logFields are the fields of Istio's default access log, by their names in JSON, in the order in which the text has them.
var logFields = [...][2]string{
	{"start_time", "[%START_TIME%]"},
	{"method", `"%REQ(:METHOD)%`},
	{"path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"},
	{"protocol", `%PROTOCOL%"`},
	{"response_code", "%RESPONSE_CODE%"},
	{"response_flags", "%RESPONSE_FLAGS%"},
	{"response_code_details", "%RESPONSE_CODE_DETAILS%"},
	{"connection_termination_details", "%CONNECTION_TERMINATION_DETAILS%"},
	{"upstream_transport_failure_reason", `"%UPSTREAM_TRANSPORT_FAILURE_REASON%"`},
	{"bytes_received", "%BYTES_RECEIVED%"},
	{"bytes_sent", "%BYTES_SENT%"},
	{"duration", "%DURATION%"},
	{"upstream_service_time", "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%"},
	{"x_forwarded_for", `"%REQ(X-FORWARDED-FOR)%"`},
	{"user_agent", `"%REQ(USER-AGENT)%"`},
	{"request_id", `"%REQ(X-REQUEST-ID)%"`},
	{"authority", `"%REQ(:AUTHORITY)%"`},
	{"upstream_host", `"%UPSTREAM_HOST%"`},
	{"upstream_cluster", "%UPSTREAM_CLUSTER_RAW%"},
	{"upstream_local_address", "%UPSTREAM_LOCAL_ADDRESS%"},
	{"downstream_local_address", "%DOWNSTREAM_LOCAL_ADDRESS%"},
	{"downstream_remote_address", "%DOWNSTREAM_REMOTE_ADDRESS%"},
	{"requested_server_name", "%REQUESTED_SERVER_NAME%"},
	{"route_name", "%ROUTE_NAME%"},
}

// accessLog returns the loggers of some connections: those of Telemetry's providers, or what MeshConfig asks for with accessLogFile,
// accessLogEncoding and accessLogFormat; and the one for people who look at single requests.
func (t traffic) accessLog(tcp bool) []*accesslogv3.AccessLog {
	var out []*accesslogv3.AccessLog
	for _, l := range t.policies.Telemetry.Logs {
		if log := l.log(tcp); log != nil {
			out = append(out, log)
		}
	}
	if path := t.config.Mesh.GetAccessLogFile(); path != "" && t.policies.Telemetry.LogFile {
		out = append(out, fileLog(path, logFormat(t.config.Mesh)))
	}
	out = append(out, t.metricLogs(tcp)...)
	if !tcp && t.class != inbound {
		out = append(out, abortedLog())
	}
	return append(out, t.tap(tcp))
}

func fileLog(path string, format *corev3.SubstitutionFormatString) *accesslogv3.AccessLog {
	format.Formatters = formatters(format)
	switch path {
	case "/dev/stdout": // opening it as a file fails where it is a socket
		return accessLogger("envoy.access_loggers.stdout", &streamlogv3.StdoutAccessLog{AccessLogFormat: &streamlogv3.StdoutAccessLog_LogFormat{LogFormat: format}})
	case "/dev/stderr":
		return accessLogger("envoy.access_loggers.stderr", &streamlogv3.StderrAccessLog{AccessLogFormat: &streamlogv3.StderrAccessLog_LogFormat{LogFormat: format}})
	}
	return accessLogger("envoy.access_loggers.file", &filelogv3.FileAccessLog{Path: path, AccessLogFormat: &filelogv3.FileAccessLog_LogFormat{LogFormat: format}})
}

// configProblems says what of the mesh's configuration cannot be expressed in listeners.
func configProblems(c *mesh.Config) []config.Problem {
	notes := &problems{object: configObject(c)}
	if wrong := formatProblem(c.Mesh); wrong != "" {
		notes.fail("data.mesh.accessLogFormat", wrong+"; the default format takes its place", "see Envoy's documentation of access logs")
	}
	return notes.list
}

// configObject is the ConfigMap of the mesh's configuration.
func configObject(c *mesh.Config) config.Key {
	return config.Key{Kind: config.ConfigMap, Namespace: c.SystemNamespace, Name: "istio"}
}

// formatProblem says why accessLogFormat cannot be used; it is empty when it can.
func formatProblem(c *meshconfig.MeshConfig) string {
	format := c.GetAccessLogFormat()
	if format == "" {
		return ""
	}
	if c.GetAccessLogEncoding() == meshconfig.MeshConfig_JSON {
		if _, ok := jsonFormat(format); !ok {
			return "not a JSON object of formats that Envoy understands"
		}
		return ""
	}
	return logCommands(format)
}

func logFormat(c *meshconfig.MeshConfig) *corev3.SubstitutionFormatString {
	custom := c.GetAccessLogFormat()
	if formatProblem(c) != "" {
		custom = ""
	}
	if c.GetAccessLogEncoding() == meshconfig.MeshConfig_JSON {
		fields := defaultJSON()
		if custom != "" {
			fields, _ = jsonFormat(custom)
		}
		return &corev3.SubstitutionFormatString{Format: &corev3.SubstitutionFormatString_JsonFormat{JsonFormat: fields}}
	}
	return textFormat(cmp.Or(custom, defaultText()))
}

// textFormat is a format of one line for each request or connection.
func textFormat(text string) *corev3.SubstitutionFormatString {
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return inlineFormat(text)
}

func inlineFormat(text string) *corev3.SubstitutionFormatString {
	return &corev3.SubstitutionFormatString{Format: &corev3.SubstitutionFormatString_TextFormatSource{
		TextFormatSource: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: text}},
	}}
}

func defaultText() string {
	parts := make([]string, len(logFields))
	for i, f := range logFields {
		parts[i] = f[1]
	}
	return strings.Join(parts, " ")
}

func defaultJSON() *structpb.Struct {
	out := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	for _, f := range logFields {
		out.Fields[f[0]] = structpb.NewStringValue(strings.Trim(f[1], `[]"`))
	}
	return out
}

// jsonFormat decodes an object whose values are formats, or objects of formats.
func jsonFormat(text string) (*structpb.Struct, bool) {
	var object map[string]any
	if json.Unmarshal([]byte(text), &object) != nil || !formatsOnly(object) {
		return nil, false
	}
	out, err := structpb.NewStruct(object)
	return out, err == nil
}

func formatsOnly(v any) bool {
	switch v := v.(type) {
	case string:
		return logCommands(v) == ""
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if !formatsOnly(v[k]) {
				return false
			}
		}
		return true
	case float64, bool, nil:
		return true
	}
	return false
}
