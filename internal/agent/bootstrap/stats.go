package bootstrap

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/meshctl/meshctl/pkg/traffic/sample"
)

// Stats selects and shapes Envoy's statistics.
type Stats struct {
	// Matcher adds to what is recorded by default.
	Matcher Matcher
	// Buckets maps a prefix of histogram names to bucket bounds, as the annotation sidecar.istio.io/statsHistogramBuckets
	// does; other histograms have Envoy's default bounds.
	Buckets map[string][]float64
	// Statsd is where statistics are sent over UDP in statsd's format besides; not valid for none.
	Statsd netip.AddrPort
}

// Matcher is istio.mesh.v1alpha1.ProxyConfig.ProxyStatsMatcher: statistics are recorded when any entry matches.
type Matcher struct {
	Prefixes []string `json:"inclusionPrefixes,omitempty"`
	Suffixes []string `json:"inclusionSuffixes,omitempty"`
	Regexps  []string `json:"inclusionRegexps,omitempty"`
}

// defaultMatcher is Istio's (https://istio.io/latest/docs/ops/configuration/telemetry/envoy-stats/), the standard metrics
// themselves and what drain and readiness read.
func defaultMatcher() Matcher {
	return Matcher{
		Prefixes: []string{
			"cluster_manager", "listener_manager", "server", "cluster.xds-grpc", "cluster.sds-grpc",
			"component", "wasm", "istio",
		},
		Suffixes: []string{
			"rbac.allowed", "rbac.denied", "shadow_allowed", "shadow_denied", "downstream_cx_active", "downstream_rq_active",
			"ssl_context_update_by_sds",
		},
	}
}

func (s Stats) proto() object {
	matcher := defaultMatcher()
	patterns := []any{}
	add := func(kind string, values ...string) {
		seen := map[string]bool{"": true}
		for _, value := range values {
			if !seen[value] {
				seen[value] = true
				patterns = append(patterns, object{kind: value})
			}
		}
	}
	add("prefix", append(matcher.Prefixes, s.Matcher.Prefixes...)...)
	add("suffix", append(matcher.Suffixes, s.Matcher.Suffixes...)...)
	for _, re := range append(sample.Recorded(), s.Matcher.Regexps...) {
		if re != "" {
			patterns = append(patterns, object{"safe_regex": object{"regex": re}})
		}
	}
	config := object{
		"use_all_default_tags": false,
		"stats_tags":           statsTags(),
		"stats_matcher":        object{"inclusion_list": object{"patterns": patterns}},
	}
	if len(s.Buckets) > 0 {
		settings := []any{}
		for _, prefix := range slices.Sorted(maps.Keys(s.Buckets)) {
			settings = append(settings, object{"match": object{"prefix": prefix}, "buckets": s.Buckets[prefix]})
		}
		config["histogram_bucket_settings"] = settings
	}
	return config
}

func (s Stats) sinks() []any {
	if !s.Statsd.IsValid() {
		return nil
	}
	return []any{object{
		"name": "envoy.stat_sinks.statsd",
		"typed_config": object{
			"@type":   "type.googleapis.com/envoy.config.metrics.v3.StatsdSink",
			"address": object{"socket_address": object{"protocol": "UDP", "address": s.Statsd.Addr().String(), "port_value": s.Statsd.Port()}},
		},
	}}
}

// statsTags turn parts of statistic names into Prometheus labels under the names that Istio's dashboards use. The first
// group is cut out of the name, the second is the label's value. The expressions are ECMAScript's, as Envoy takes them.
func statsTags() []any {
	tags := []any{}
	for _, tag := range [][2]string{
		{"cluster_name", `^cluster\.((.+?)\.)(?:` + clusterStat + `)`},
		{"tcp_prefix", `^tcp\.((.+?)\.)\w+$`},
		{"response_code", `_rq(_(\d{3}))$`},
		{"response_code_class", `_rq(_(\dxx))$`},
		// What begins with a letter after a dot is the statistic: dots before it belong to an address.
		{"http_conn_manager_listener_prefix", `^listener\..*?\.http\.((.+?)\.)[a-z]`},
		{"http_conn_manager_prefix", `^http\.((.+?)\.)[a-z]`},
		{"worker_id", `^listener\..*?\.(worker_(\d+)\.)`},
		{"listener_address", `^listener\.((.+?)\.)[a-z]`},
		{"mongo_prefix", `^mongo\.((.+?)\.)(?:collection|cmd|cx_|op_|delays_|decoding_)`},
	} {
		tags = append(tags, object{"tag_name": tag[0], "regex": tag[1]})
	}
	return tags
}

// clusterStat is how a cluster's statistics begin. A cluster's name holds a host name, whose labels may be any word
// ("default", "internal", "http2") but have no underscore.
const clusterStat = `assignment_|bind_errors|canary\.upstream_|circuit_breakers\.|client_ssl_|default\.total_match_count|` +
	`ext_authz\.|external\.upstream_|grpc\.(?!svc\.)|health_check\.|http[123]\.\w+$|init_fetch_timeout|internal\.upstream_|` +
	`lb_|maglev_lb\.|max_host_weight|membership_|original_dst_|outlier_detection\.|retry_or_shadow_|ring_hash_lb\.|` +
	`ssl\.\w+$|ssl\.(?:ciphers|curves|sigalgs|versions|certificate)\.|update_|upstream_|version$|version_text$|` +
	`warming_state|zone\.(?!svc\.)`
