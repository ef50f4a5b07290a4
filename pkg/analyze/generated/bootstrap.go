package generated

import "encoding/json"

type object = map[string]any

// Bootstrap returns the bootstrap of an Envoy that has parts from the start. What else proxies ask their agent and their control
// plane for is asked of clusters that lead nowhere: an Envoy that only validates asks nobody.
func Bootstrap(parts ...[]Part) ([]byte, error) {
	clusters := []any{nowhere("xds-grpc"), nowhere("sds-grpc")}
	listeners := []any{}
	for _, list := range parts {
		for _, p := range list {
			if p.Type == "cluster" {
				clusters = append(clusters, p.JSON)
			} else {
				listeners = append(listeners, p.JSON)
			}
		}
	}
	return json.Marshal(object{
		"node": object{"id": "analyze", "cluster": "analyze"},
		"dynamic_resources": object{"ads_config": object{
			"api_type": "DELTA_GRPC", "transport_api_version": "V3",
			"grpc_services": []any{object{"envoy_grpc": object{"cluster_name": "xds-grpc"}}},
		}},
		"static_resources": object{"clusters": clusters, "listeners": listeners},
		"layered_runtime": object{"layers": []any{
			object{"name": "static", "static_layer": object{"re2.max_program_size.error_level": 32768}}, // as proxies have it
		}},
	})
}

func nowhere(name string) object {
	return object{
		"name": name, "type": "STATIC", "connect_timeout": "1s",
		"typed_extension_protocol_options": object{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": object{
			"@type":                "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
			"explicit_http_config": object{"http2_protocol_options": object{}},
		}},
		"load_assignment": object{"cluster_name": name, "endpoints": []any{object{"lb_endpoints": []any{
			object{"endpoint": object{"address": object{"pipe": object{"path": "/nowhere"}}}},
		}}}},
	}
}
