package tap

import "strings"

// flags are Envoy's response flags with what they mean
// (https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage#response-flags).
var flags = map[string]string{
	"DC":    "the caller closed the connection",
	"DF":    "the destination's name could not be resolved",
	"DI":    "delayed by fault injection",
	"DO":    "the overload manager dropped it",
	"DPE":   "the request broke the rules of HTTP",
	"DR":    "the caller reset the request",
	"DT":    "it, or its connection, took longer than is allowed",
	"FI":    "aborted by fault injection",
	"IH":    "a strictly checked header had an invalid value",
	"LH":    "the destination failed its health checks",
	"LR":    "the connection was reset on this side",
	"NC":    "the cluster that the route names does not exist",
	"NFCF":  "a filter's configuration did not arrive in time",
	"NR":    "no route matched the request",
	"OM":    "the overload manager ended it",
	"RFCF":  "answered from a cache",
	"RL":    "refused by rate limiting",
	"RLSE":  "refused since the rate limit service failed",
	"SI":    "nothing was sent for as long as is allowed",
	"UAEX":  "refused by external authorization",
	"UC":    "the destination closed the connection before it answered",
	"UF":    "no connection could be made to the destination",
	"UH":    "the destination has no healthy endpoint",
	"UMSDR": "the destination took longer than a stream may last",
	"UO":    "circuit breaking: too much is under way to the destination",
	"UPE":   "the destination's answer broke the rules of HTTP",
	"UR":    "the destination reset the request",
	"URX":   "given up after the allowed retries or connection attempts",
	"UT":    "the destination did not answer in time",
}

// details are causes that response flags do not tell, by the beginning of Envoy's response code details.
var details = [...]struct{ prefix, meaning string }{
	{"rbac_access_denied", "refused by an AuthorizationPolicy"},
	{"jwt_authn_access_denied", "refused by a RequestAuthentication"},
	{"ext_authz_denied", "refused by external authorization"},
	{"direct_response", "answered by the proxy itself: a route says so, or none matched"},
	{"response_timeout", "the destination did not answer in time"},
	{"route_not_found", "no route matched the request"},
	{"cluster_not_found", "the cluster that the route names does not exist"},
}

// Explain says in words what made a request fail, or otherwise special: the meaning of each response flag, else of the response code
// details. It is empty for a request of which there is nothing to say.
func (e Event) Explain() string {
	var out []string
	for _, f := range e.Flags {
		if meaning := flags[f]; meaning != "" {
			out = append(out, meaning)
		} else {
			out = append(out, f)
		}
	}
	if len(out) == 0 {
		for _, d := range details {
			if strings.HasPrefix(e.Details, d.prefix) {
				out = append(out, d.meaning)
				break
			}
		}
	}
	if e.Failure != "" {
		out = append(out, e.Failure)
	}
	return strings.Join(out, "; ")
}
