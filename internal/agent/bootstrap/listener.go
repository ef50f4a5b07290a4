package bootstrap

// forwardListener lets probes and scrapers outside the pod reach one path of a server on loopback, and nothing else of it.
func forwardListener(cluster string, port uint16, path string) object {
	return object{
		"name":    cluster,
		"address": socketAddress("0.0.0.0", port),
		"filter_chains": []any{object{"filters": []any{object{
			"name": "envoy.filters.network.http_connection_manager",
			"typed_config": object{
				"@type":       "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
				"stat_prefix": cluster,
				"route_config": object{"virtual_hosts": []any{object{
					"name":    "backend",
					"domains": []any{"*"},
					"routes": []any{object{
						"match": object{"path": path},
						"route": object{"cluster": cluster},
					}},
				}}},
				"http_filters": []any{object{
					"name":         "envoy.filters.http.router",
					"typed_config": object{"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
				}},
			},
		}}}},
	}
}
