package bootstrap

import (
	"maps"
	"slices"
)

// Stats selects and shapes Envoy's statistics.
type Stats struct {
	// Matcher adds to what is recorded by default.
	Matcher Matcher
	// Buckets maps a prefix of histogram names to bucket bounds, as the annotation sidecar.istio.io/statsHistogramBuckets
	// does; other histograms have Envoy's default bounds.
	Buckets map[string][]float64
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
	for _, re := range s.Matcher.Regexps {
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

// statsTags turn parts of statistic names into Prometheus labels under the names that Istio's dashboards use. The first
// group is cut out of the name, the second is the label's value.
func statsTags() []any {
	tags := []any{}
	for _, tag := range [][2]string{
		// A cluster's name holds a host name with dots: it ends before the first segment that begins like a statistic.
		{"cluster_name", `^cluster\.((.+?)\.)(?:` + clusterStat + `)`},
		{"tcp_prefix", `^tcp\.((.*?)\.)\w+?$`},
		{"response_code", `_rq(_(\d{3}))$`},
		{"response_code_class", `_rq(_(\dxx))$`},
		{"http_conn_manager_listener_prefix", `^listener\..*?\.http\.((` + addressPart + `)\.)`},
		{"http_conn_manager_prefix", `^http\.((` + addressPart + `)\.)`},
		{"listener_address", `^listener\.((` + addressPart + `)\.)`},
		{"mongo_prefix", `^mongo\.((.+?)\.)(?:collection|cmd|cx_|op_|delays_|decoding_)`},
	} {
		tags = append(tags, object{"tag_name": tag[0], "regex": tag[1]})
	}
	return tags
}

const (
	clusterStat = `assignment_|bind_errors|canary|circuit_breakers|client_ssl|default|ext_authz|external|grpc|health_check|` +
		`http1|http2|http3|init_fetch|internal|lb_|max_host_weight|maglev|membership|original_dst|outlier_detection|` +
		`ring_hash|ssl|tls|update_|upstream_|version|warming|zone`
	addressPart = `(?:(?:in|out)bound_)?(?:[_.\d]+|[_\[\]aAbBcCdDeEfF\d]+)`
)
