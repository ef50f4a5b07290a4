// Package bootstrap renders the static part of a proxy's configuration: who it is, where its control plane and its secrets
// are, its admin interface and its statistics. Everything else comes over ADS.
//
// The document is envoy.config.bootstrap.v3.Bootstrap in proto3 JSON, written without Envoy's Go types: their descriptors
// would be most of the agent's memory.
package bootstrap

import (
	"encoding/json"
	"maps"
	"net/netip"
)

type object = map[string]any

// Input is everything that the bootstrap depends on.
type Input struct {
	Node Node
	// AdminPort of the admin interface on 127.0.0.1; 0 lets Envoy choose (read it with --admin-address-path).
	AdminPort uint16
	XDS       Server
	// SDSPath is the agent's Unix socket, where the workload certificate "default" and the trust bundle "ROOTCA" are served.
	SDSPath string
	// StatusPort is the agent's own HTTP port, to which HealthPort forwards.
	StatusPort uint16
	// HealthPort and PrometheusPort make Envoy listen on all addresses for /healthz/ready and /stats/prometheus, as Istio
	// does on 15021 and 15090 in a pod; 0 means no such listener.
	HealthPort     uint16
	PrometheusPort uint16
	Stats          Stats
	// Runtime values by their keys, as JSON has them: numbers, booleans, strings.
	Runtime map[string]any
	// Patches are applied to the whole in the end.
	Patches []Patch
}

// Server is the control plane.
type Server struct {
	// Host is an IP or a DNS name.
	Host string
	Port uint16
	// Name is the DNS name that its certificate must carry.
	Name string
	// Plaintext turns TLS off.
	Plaintext bool
}

// Render returns the bootstrap as JSON. Equal inputs give equal bytes.
func Render(in Input) ([]byte, error) {
	clusters := []any{xdsCluster(in.XDS), sdsCluster(in.SDSPath)}
	listeners := []any{}
	if in.HealthPort != 0 {
		clusters = append(clusters, loopbackCluster("agent", in.StatusPort))
		listeners = append(listeners, forwardListener("agent", in.HealthPort, "/healthz/ready"))
	}
	if in.PrometheusPort != 0 {
		clusters = append(clusters, loopbackCluster("prometheus_stats", in.AdminPort))
		listeners = append(listeners, forwardListener("prometheus_stats", in.PrometheusPort, "/stats/prometheus"))
	}
	static := object{"clusters": clusters}
	if len(listeners) > 0 {
		static["listeners"] = listeners
	}
	doc := object{
		"node":              in.Node.Document(),
		"admin":             object{"address": socketAddress("127.0.0.1", in.AdminPort)},
		"dynamic_resources": dynamicResources(),
		"static_resources":  static,
		"stats_config":      in.Stats.proto(),
		// Scopes that ask for eviction lose the metrics unused between two intervals; a multiple of the flush interval.
		"stats_flush_interval":    "5s",
		"stats_eviction_interval": "300s",
		"layered_runtime":         layeredRuntime(in.Runtime),
		"overload_manager":        overload(),
	}
	if sinks := in.Stats.sinks(); len(sinks) > 0 {
		doc["stats_sinks"] = sinks
	}
	encoded, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, err
	}
	return Merge(encoded, in.Patches)
}

// dynamicResources has no fetch timeout: a proxy without configuration must not turn LIVE when its control plane is away.
func dynamicResources() object {
	ads := func() object {
		return object{"ads": object{}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}
	}
	return object{
		"lds_config": ads(),
		"cds_config": ads(),
		"ads_config": object{
			"api_type":                       "DELTA_GRPC",
			"transport_api_version":          "V3",
			"set_node_on_first_message_only": true,
			"grpc_services": []any{object{"envoy_grpc": object{
				"cluster_name": "xds-grpc",
				// Envoy's default of 0.5 s to 30 s leaves a proxy without updates long after the control plane is back.
				"retry_policy": object{"retry_back_off": object{"base_interval": "0.25s", "max_interval": "2s"}},
			}}},
		},
	}
}

func layeredRuntime(given map[string]any) object {
	static := object{
		// Long generated route regexes are legitimate; Envoy's default of 100 rejects them.
		"re2.max_program_size.error_level": 32768,
	}
	maps.Copy(static, given)
	return object{"layers": []any{
		object{"name": "static", "static_layer": static},
		object{"name": "admin", "admin_layer": object{}},
	}}
}

// overload says that the operating system's limit on file descriptors is the limit on connections.
func overload() object {
	return object{"resource_monitors": []any{object{
		"name": "envoy.resource_monitors.global_downstream_max_connections",
		"typed_config": object{
			"@type":                             "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
			"max_active_downstream_connections": 2147483647,
		},
	}}}
}

func socketAddress(host string, port uint16) object {
	return object{"socket_address": object{"address": host, "port_value": port}}
}

func isIP(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}
