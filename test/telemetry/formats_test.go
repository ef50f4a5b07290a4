package telemetry_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/meshtest"
)

// formatted puts a format wherever one may stand: in access logs of all kinds, tags of spans and metrics, headers.
const formatted = `
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    accessLogFile: /dev/stdout
    accessLogFormat: %[1]q
    extensionProviders:
    - {name: text, envoyFileAccessLog: {path: /dev/stdout, logFormat: {text: %[1]q}}}
    - {name: json, envoyFileAccessLog: {path: /dev/stdout, logFormat: {labels: {deep: {x: %[1]q}}}}}
    - {name: otel, envoyOtelAls: {service: web.default.svc.cluster.local, port: 80, logFormat: {text: %[1]q, labels: {x: %[1]q}}}}
    - {name: zipkin, zipkin: {service: web.default.svc.cluster.local, port: 80}}
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: web, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  accessLogging: [{providers: [{name: text}, {name: json}, {name: otel}]}]
  tracing: [{providers: [{name: zipkin}], customTags: {x: {formatter: {value: %[1]q}}}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: default}
spec: {hosts: [web], http: [{headers: {request: {set: {x-format: %[1]q}}}, route: [{destination: {host: web}}]}]}
`

// TestFormats: what Envoy understands goes to it, what it would refuse a listener or the routes for is reported and left out.
func TestFormats(t *testing.T) {
	m := meshtest.Explicit(t, map[string]string{"web.yaml": web}, []meshtest.Member{{Options: meshtest.Sidecar("web"), Serves: true}})
	client := m.Start(meshtest.Sidecar("client")) // it logs as the mesh's configuration says
	const logsOnly = "%REQ_WITHOUT_QUERY("
	for format, understood := range map[string]bool{
		"%{REQUEST_ID}": false, "%{REQUEST_ID}%": false, "%REQUEST_ID%": false, "100%": false, "%": false, "%req(a)%": false, "%RESPONSE_CODE": false,
		"%PROTOCOL:3%": false, "%TRACE_ID:5%": false, "%DURATION(a)%": false, "%GRPC_STATUS:5%": false, "%GRPC_STATUS(X)%": false, "%UPSTREAM_LOCAL_SUBJECT%": false,
		"%REQ()%": false, "%REQ(a?b?c)%": false, "%REQ(a b)%": false, "%REQ(a:b)%": false, "%REQ(a)%%": false, "%PATH(X)%": false, "%PATH(WQ:X)%": false,
		"%METADATA(X:a)%": false, "%FILTER_STATE(a:X)%": false, "%CLUSTER_METADATA(a:b):5%": false, "%COMMON_DURATION(a)%": false, "%COMMON_DURATION(A:B:C)%": false,
		"%REQUESTED_SERVER_NAME(X)%": false, "%START_TIME(%9f):5%": false, "%CEL(request.)%": false, "%CEL()%": false, "%ENVIRONMENT%": false,

		"%%": true, "100%% %RESPONSE_CODE%%%": true, "%REQ(X-ID?:AUTHORITY):5%": true, "%PATH%": true, "%PATH(WQ:ORIG):3%": true, "%PATH(NQ)%": true, "%QUERY_PARAM(a)%": true,
		"%QUERY_PARAMS(ORIG):5%": true, "%TRACE_ID% %SPAN_ID% %UNIQUE_ID% %STREAM_ID%": true, "%METADATA(ROUTE:istio):5%": true, "%METADATA(UPSTREAM_HOST:istio:workload)%": true,
		"%DYNAMIC_METADATA(istio:a b):3%": true, "%FILTER_STATE(a:FIELD:b)%": true, "%UPSTREAM_FILTER_STATE(a:PLAIN)%": true, "%UPSTREAM_METADATA(istio:workload)%": true,
		"%COMMON_DURATION(DS_RX_BEG:US_TX_BEG:us)%": true, "%GRPC_STATUS(NUMBER)% %GRPC_STATUS_NUMBER%": true, "%REQUESTED_SERVER_NAME(SNI_FIRST:ORIG)%": true,
		"%START_TIME(%Y/%m/%d %s)% %EMIT_TIME%": true, "%DOWNSTREAM_PEER_CERT_V_START(%b)%": true, "%CEL(size(request.path) % 2)% %CEL(request.headers['x-id'])%": true,
		"%ENVIRONMENT(HOME):4%": true, "%UPSTREAM_HOSTS_ATTEMPTED%": true, "%DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256%": true, "%RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)%": true,
		"%REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH?:PATH):9%": true,
	} {
		m.Write("format.yaml", fmt.Sprintf(formatted, format))
		m.Settle() // fails when an Envoy refuses anything
		for what, wanted := range map[string]bool{"the tag is left out": understood && !strings.Contains(format, logsOnly), "the default format takes its place": understood} {
			if reported := m.Problem(what); (reported == "") != wanted {
				t.Errorf("%s: %q is reported", format, reported)
			}
		}
		meshtest.Expect(t, client.Client(), "http://web/", 200, "web GET /")
	}
}
