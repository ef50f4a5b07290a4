package bookinfo

import "net/http"

// forwarded lists the request headers that every service passes on to the services it calls. Proxies can trace and
// route by user only when applications hand these on: https://istio.io/latest/docs/tasks/observability/distributed-tracing/overview/
var forwarded = [...]string{
	"X-Request-Id",
	"X-B3-Traceid", "X-B3-Spanid", "X-B3-Parentspanid", "X-B3-Sampled", "X-B3-Flags", "B3", // Zipkin
	"Traceparent", "Tracestate", "Baggage", // W3C
	"X-Datadog-Trace-Id", "X-Datadog-Parent-Id", "X-Datadog-Sampling-Priority",
	"X-Ot-Span-Context",     // Lightstep
	"X-Cloud-Trace-Context", // Google Cloud
	"Grpc-Trace-Bin",        // OpenCensus
	"Sw8",                   // SkyWalking
	userHeader, "User-Agent",
	"Cookie", "Authorization", "Jwt",
}

// userHeader carries the name of the user who is logged in; the sample's routing rules match it.
const userHeader = "End-User"

// forward returns the headers of in that belong on the calls made on its behalf.
func forward(in http.Header) http.Header {
	out := http.Header{}
	for _, name := range forwarded {
		if values := in[name]; len(values) > 0 {
			out[name] = values
		}
	}
	return out
}
