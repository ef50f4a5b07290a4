package tap

import "strings"

// RuntimeKey is the percentage, 0 to 100, of requests that a proxy reports to its agent. Nothing sets it while nobody looks.
const RuntimeKey = "meshctl.tap"

// The names of what the report of a request has besides what Envoy's protocol for access logs knows.
const (
	TagPeer   = "peer"   // the SPIFFE id of the upstream
	TagTLS    = "tls"    // its version of TLS
	TagTrace  = "trace"  // the id of the trace
	TagMethod = "method" // as it was sent
	TagGRPC   = "grpc"   // the number of the gRPC status
)

// logPrefix begins the names of the access logs.
const logPrefix = "tap-"

// LogName is that of the access log of one side.
func LogName(s Side) string { return logPrefix + string(s) }

// SideOf is the side of an access log by its name; ok is false for another's log.
func SideOf(logName string) (s Side, ok bool) {
	name, ok := strings.CutPrefix(logName, logPrefix)
	s = Side(name)
	return s, ok && (s == Client || s == Server || s == Edge)
}

// headers are the request headers that every proxy reports: who calls, with what, for whom.
var headers = [...]string{
	"accept", "accept-language", "b3", "content-type", "end-user", "origin", "referer", "traceparent", "user-agent", "via",
	"x-b3-traceid", "x-envoy-attempt-count", "x-envoy-expected-rq-timeout-ms", "x-forwarded-for", "x-forwarded-proto", "x-real-ip",
}

// Headers are the request headers that proxies report: the usual ones, and those that the mesh logs anyway. Such as hold secrets are
// not among them.
func Headers(logged []string) []string {
	out := make([]string, 0, len(headers)+len(logged))
	seen := map[string]bool{}
	for _, list := range [][]string{headers[:], logged} {
		for _, h := range list {
			h = strings.ToLower(h)
			if !seen[h] && !SecretHeader(h) && !strings.HasPrefix(h, ":") && h != "" {
				seen[h] = true
				out = append(out, h)
			}
		}
	}
	return out
}

// builtin are those of Headers that Envoy's protocol has fields for.
func builtin(header string) bool {
	switch header {
	case "user-agent", "referer", "x-forwarded-for", "x-request-id":
		return true
	}
	return false
}

// Additional are those of Headers that an access log must name.
func Additional(logged []string) []string {
	var out []string
	for _, h := range Headers(logged) {
		if !builtin(h) {
			out = append(out, h)
		}
	}
	return out
}
