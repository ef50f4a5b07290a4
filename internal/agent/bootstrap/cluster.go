package bootstrap

// xdsCluster is the control plane: HTTP/2 and, unless plaintext, mutual TLS with the workload's own certificate.
func xdsCluster(s Server) object {
	discovery := "STRICT_DNS"
	if isIP(s.Host) {
		discovery = "STATIC"
	}
	c := object{
		"name":            "xds-grpc",
		"type":            discovery,
		"connect_timeout": "1s",
		"load_assignment": assignment("xds-grpc", socketAddress(s.Host, s.Port)),
		// TCP's keepalive finds a dead peer within a minute; HTTP/2 pings would be answered with GOAWAY by a gRPC server
		// that does not expect them.
		"upstream_connection_options":      object{"tcp_keepalive": object{"keepalive_time": 30, "keepalive_interval": 5, "keepalive_probes": 3}},
		"typed_extension_protocol_options": http2(),
		"circuit_breakers": object{"thresholds": []any{
			object{"max_connections": 100000, "max_pending_requests": 100000, "max_requests": 100000},
		}},
	}
	if discovery == "STRICT_DNS" {
		c["dns_lookup_family"] = "ALL"
	}
	if !s.Plaintext {
		c["transport_socket"] = controlPlaneTLS(s.Name)
	}
	return c
}

func controlPlaneTLS(name string) object {
	return object{
		"name": "envoy.transport_sockets.tls",
		"typed_config": object{
			"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
			"sni":   name,
			"common_tls_context": object{
				"alpn_protocols":                     []any{"h2"},
				"tls_params":                         object{"tls_minimum_protocol_version": "TLSv1_2"},
				"tls_certificate_sds_secret_configs": []any{secret("default")},
				"combined_validation_context": object{
					"default_validation_context": object{"match_typed_subject_alt_names": []any{
						object{"san_type": "DNS", "matcher": object{"exact": name}},
					}},
					"validation_context_sds_secret_config": secret("ROOTCA"),
				},
			},
		},
	}
}

// secret has no fetch timeout: the first certificate may take as long as it takes, and Envoy connects once it is there.
func secret(name string) object {
	return object{"name": name, "sds_config": object{
		"resource_api_version":  "V3",
		"initial_fetch_timeout": "0s",
		"api_config_source": object{
			"api_type":                       "GRPC",
			"transport_api_version":          "V3",
			"set_node_on_first_message_only": true,
			"grpc_services": []any{object{"envoy_grpc": object{
				"cluster_name": "sds-grpc",
				"retry_policy": object{"retry_back_off": object{"base_interval": "0.25s", "max_interval": "2s"}},
			}}},
		},
	}}
}

// sdsCluster is the agent's Unix socket; the control plane's own clusters and listeners refer to it by this name.
func sdsCluster(path string) object {
	return object{
		"name":                             "sds-grpc",
		"type":                             "STATIC",
		"connect_timeout":                  "1s",
		"typed_extension_protocol_options": http2(),
		"load_assignment":                  assignment("sds-grpc", object{"pipe": object{"path": path}}),
	}
}

func loopbackCluster(name string, port uint16) object {
	return object{
		"name":            name,
		"type":            "STATIC",
		"connect_timeout": "0.25s",
		"load_assignment": assignment(name, socketAddress("127.0.0.1", port)),
	}
}

func http2() object {
	return object{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": object{
		"@type":                "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
		"explicit_http_config": object{"http2_protocol_options": object{}},
	}}
}

func assignment(name string, address object) object {
	return object{"cluster_name": name, "endpoints": []any{
		object{"lb_endpoints": []any{object{"endpoint": object{"address": address}}}},
	}}
}
