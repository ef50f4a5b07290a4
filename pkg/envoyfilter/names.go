package envoyfilter

import "strings"

const (
	hcmName    = "envoy.filters.network.http_connection_manager"
	routerName = "envoy.filters.http.router"
)

// kinds of filters, as their canonical names begin.
const (
	httpFilters     = "envoy.filters.http."
	networkFilters  = "envoy.filters.network."
	listenerFilters = "envoy.filters.listener."
)

// canonicalName returns the name that Envoy's documentation has used since 1.14 for a filter's earlier one
// (https://www.envoyproxy.io/docs/envoy/latest/version_history/v1.14/v1.14.0, deprecations); other names as they are.
func canonicalName(kind, name string) string {
	old, ok := strings.CutPrefix(name, "envoy.")
	if !ok {
		return name
	}
	switch kind {
	case httpFilters:
		switch old {
		case "router", "lua", "fault", "cors", "buffer", "csrf", "ext_authz", "grpc_http1_bridge", "grpc_json_transcoder", "grpc_web", "gzip",
			"health_check", "ip_tagging", "squash":
			return kind + old
		case "http_dynamo_filter":
			return kind + "dynamo"
		case "rate_limit":
			return kind + "ratelimit"
		}
	case networkFilters:
		switch old {
		case "http_connection_manager", "tcp_proxy", "client_ssl_auth", "ext_authz", "mongo_proxy", "ratelimit", "redis_proxy":
			return kind + old
		}
	case listenerFilters:
		if name, ok := strings.CutPrefix(old, "listener."); ok {
			return kind + name
		}
	}
	return name
}
