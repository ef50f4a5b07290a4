// Package grafana makes the dashboards of samples/addons: of the whole mesh, of a service, of a workload and of the control plane. Their titles and
// variables are those under which Kiali and other tools look for a mesh's dashboards. They are written to grafana-dashboards.yaml by
//
//	go test ./samples/addons/grafana -update
package grafana

// Dashboards are all of them.
func Dashboards() []Dashboard { return []Dashboard{mesh(), service(), workload(), controlPlane()} }

const (
	byCallers   = `reporter="source"`
	byReceivers = `reporter="destination"`
)

func mesh() Dashboard {
	// What gateways and clients saw counts, as their requests include those that never arrived.
	const by = "destination_service, destination_workload, destination_workload_namespace"
	rows := []column{{title: "Service", expr: "destination_service"}, {title: "Workload", expr: "destination_workload"}, {title: "Namespace", expr: "destination_workload_namespace"}}
	return build("meshctl-mesh", "Istio Mesh Dashboard", "All traffic between workloads with a proxy, as the callers' side counts it.", nil,
		number("Requests", "reqps", rate(requests, byCallers, "")),
		number("Success", "percentunit", success(byCallers, ""), health()...),
		number("4xx", "reqps", rate(requests, byCallers+`, response_code=~"4.."`, "")+" or vector(0)", step{Color: "green"}, from(0.1, "orange")),
		number("5xx", "reqps", rate(requests, failing(byCallers), "")+" or vector(0)", step{Color: "green"}, from(0.1, "red")),
		number("p99", "ms", quantile(0.99, durations, byCallers, "")),
		number("TCP", "Bps", rate(tcpSent, byCallers, "")+" + "+rate(tcpReceived, byCallers, "")),
		table("HTTP and gRPC", rows,
			column{"Requests", "reqps", rate(requests, byCallers, by)}, column{"Success", "percentunit", success(byCallers, by)},
			column{"p50", "ms", quantile(0.5, durations, byCallers, by)}, column{"p90", "ms", quantile(0.9, durations, byCallers, by)},
			column{"p99", "ms", quantile(0.99, durations, byCallers, by)},
		),
		table("TCP", rows,
			column{"Sent", "Bps", rate(tcpSent, byCallers, by)}, column{"Received", "Bps", rate(tcpReceived, byCallers, by)},
			column{"Opened", "cps", rate(tcpOpened, byCallers, by)},
		),
		graph("Requests by service", "reqps", line{rate(requests, byCallers, "destination_service_name"), "{{destination_service_name}}"}).wide(12),
		graph("Requests by security", "reqps", line{rate(requests, byReceivers, "connection_security_policy"), "{{connection_security_policy}}"}).wide(12).
			about("mutual_tls: encrypted, and both ends proved who they are. none: whoever calls has no proxy, or was told not to encrypt."),
	)
}

func service() Dashboard {
	const match = `destination_service=~"$service"`
	client, server := byCallers+", "+match, byReceivers+", "+match
	return build("meshctl-service", "Istio Service Dashboard", "One service: what its callers saw, and what its own proxies answered.",
		[]Variable{variable("service", "Service", "label_values("+requests+", destination_service)")},
		number("Requests (callers)", "reqps", rate(requests, client, "")),
		number("Success (callers)", "percentunit", success(client, ""), health()...),
		number("p99 (callers)", "ms", quantile(0.99, durations, client, "")),
		number("Requests (service)", "reqps", rate(requests, server, "")),
		number("Success (service)", "percentunit", success(server, ""), health()...),
		number("p99 (service)", "ms", quantile(0.99, durations, server, "")),
		heading("Callers"),
		graph("Requests by caller", "reqps", line{rate(requests, client, "source_workload, source_workload_namespace"), "{{source_workload}}.{{source_workload_namespace}}"}),
		graph("Requests by code", "reqps", line{rate(requests, client, "response_code, response_flags"), "{{response_code}} {{response_flags}}"}).
			about("Beside the code: why the proxy answered itself, e.g. UO (circuit breaker open), NR (no route), FI (fault injected)."),
		graph("Success by caller", "percentunit", line{success(client, "source_workload, source_workload_namespace"), "{{source_workload}}.{{source_workload_namespace}}"}),
		graph("Time to the whole answer", "ms", latencies(client)...),
		graph("p99 by version", "ms", line{quantile(0.99, durations, client, "destination_version"), "{{destination_version}}"}),
		graph("Requests by version", "reqps", line{rate(requests, client, "destination_version"), "{{destination_version}}"}),
		heading("The service"),
		graph("Requests by workload", "reqps", line{rate(requests, server, "destination_workload, destination_version"), "{{destination_workload}} {{destination_version}}"}),
		graph("Time to the whole answer", "ms", latencies(server)...),
		graph("Requests by security", "reqps", line{rate(requests, server, "connection_security_policy"), "{{connection_security_policy}}"}),
		graph("p90 of the size of requests and answers", "bytes", line{quantile(0.9, requestBytes, server, ""), "requests"}, line{quantile(0.9, responseBytes, server, ""), "answers"}),
		graph("TCP", "Bps", line{rate(tcpReceived, server, ""), "received"}, line{rate(tcpSent, server, ""), "sent"}),
		graph("TCP connections", "cps", line{rate(tcpOpened, server, ""), "opened"}, line{rate(tcpClosed, server, ""), "closed"}),
	)
}

func workload() Dashboard {
	const (
		mine  = `destination_workload_namespace=~"$namespace", destination_workload=~"$workload"`
		calls = `source_workload_namespace=~"$namespace", source_workload=~"$workload"`
	)
	in, out := byReceivers+", "+mine, byCallers+", "+calls
	return build("meshctl-workload", "Istio Workload Dashboard", "One workload: what it gets, what it calls, and its proxies.",
		[]Variable{
			variable("namespace", "Namespace", "label_values("+requests+", destination_workload_namespace)"),
			variable("workload", "Workload", "label_values("+requests+`{destination_workload_namespace=~"$namespace"}, destination_workload)`),
		},
		number("Requests", "reqps", rate(requests, in, "")),
		number("Success", "percentunit", success(in, ""), health()...),
		number("p50", "ms", quantile(0.5, durations, in, "")),
		number("p99", "ms", quantile(0.99, durations, in, "")),
		number("Requests sent", "reqps", rate(requests, out, "")),
		number("Success of what it sent", "percentunit", success(out, ""), health()...),
		heading("What it gets"),
		graph("Requests by caller", "reqps", line{rate(requests, in, "source_workload, source_workload_namespace"), "{{source_workload}}.{{source_workload_namespace}}"}).
			about("unknown: without a proxy, or not over mutual TLS."),
		graph("Requests by code", "reqps", line{rate(requests, in, "response_code, grpc_response_status"), "{{response_code}} {{grpc_response_status}}"}),
		graph("Time to the whole answer", "ms", latencies(in)...),
		graph("p90 of the size of requests and answers", "bytes", line{quantile(0.9, requestBytes, in, ""), "requests"}, line{quantile(0.9, responseBytes, in, ""), "answers"}),
		graph("TCP", "Bps", line{rate(tcpReceived, in, ""), "received"}, line{rate(tcpSent, in, ""), "sent"}),
		graph("TCP connections", "cps", line{rate(tcpOpened, in, ""), "opened"}, line{rate(tcpClosed, in, ""), "closed"}),
		heading("What it calls"),
		graph("Requests by service", "reqps", line{rate(requests, out, "destination_service"), "{{destination_service}}"}),
		graph("Requests by code", "reqps", line{rate(requests, out, "destination_service_name, response_code, response_flags"), "{{destination_service_name}} {{response_code}} {{response_flags}}"}),
		graph("p99 by service", "ms", line{quantile(0.99, durations, out, "destination_service_name"), "{{destination_service_name}}"}),
		heading("Its proxies"),
		graph("Memory", "bytes", line{`envoy_server_memory_allocated{namespace=~"$namespace", pod=~"$workload.*"}`, "{{pod}}"}),
		graph("Connections", "short", line{`envoy_server_total_connections{namespace=~"$namespace", pod=~"$workload.*"}`, "{{pod}}"}),
		graph("Refused configuration", "short",
			line{`sum by (pod) (increase(envoy_listener_manager_lds_update_rejected{namespace=~"$namespace", pod=~"$workload.*"}[$__rate_interval]))`, "{{pod}} listeners"},
			line{`sum by (pod) (increase(envoy_cluster_manager_cds_update_rejected{namespace=~"$namespace", pod=~"$workload.*"}[$__rate_interval]))`, "{{pod}} clusters"}),
	)
}

func controlPlane() Dashboard {
	const self = `app="istiod"`
	day := 24 * 3600.0
	return build("meshctl-control-plane", "Istio Control Plane Dashboard", "meshd: who is connected, what it sends, what is refused, and what it costs.", nil,
		number("Ready", "short", "sum(pilot_ready)", step{Color: "red"}, from(1, "green")),
		number("Proxies", "short", "sum(pilot_xds)"),
		number("Refused resources", "short", "sum(pilot_xds_rejected_resources) or vector(0)", step{Color: "green"}, from(1, "red")).
			about("`meshctl proxy-status` names them."),
		number("Mistakes in configuration", "short", `sum(pilot_config_problems{severity="error"}) or vector(0)`, step{Color: "green"}, from(1, "orange")).
			about("`meshctl analyze` explains them. Every replica reads all of the configuration."),
		number("Signing certificate ends", "s", "min(citadel_server_cert_chain_expiry_timestamp) - time()", step{Color: "red"}, from(7*day, "orange"), from(30*day, "green")),
		number("Root ends", "s", "min(citadel_server_root_cert_expiry_timestamp) - time()", step{Color: "red"}, from(30*day, "orange"), from(90*day, "green")),
		heading("Proxies"),
		graph("Connected, by version of Envoy", "short", line{"sum by (version) (pilot_xds)", "{{version}}"}, line{"sum(pilot_agents)", "agents"}),
		graph("Sent, by type", "ops", line{"sum by (type) (rate(pilot_xds_pushes[$__rate_interval]))", "{{type}}"}),
		graph("Refused, by type", "ops", line{"sum by (type) (rate(pilot_total_xds_rejects[$__rate_interval]))", "{{type}}"}),
		heading("Configuration"),
		graph("Services", "short", line{"max(pilot_services)", "services"}),
		graph("Objects, by kind", "short", line{"max by (kind) (pilot_config_objects)", "{{kind}}"}),
		graph("Mistakes, by severity", "short", line{"max by (severity) (pilot_config_problems)", "{{severity}}"}),
		heading("Replicas"),
		graph("CPU", "short", line{"rate(process_cpu_seconds_total{" + self + "}[$__rate_interval])", "{{pod}}"}),
		graph("Memory", "bytes", line{"process_resident_memory_bytes{" + self + "}", "{{pod}} resident"}, line{"go_memstats_heap_inuse_bytes{" + self + "}", "{{pod}} heap"}),
		graph("Goroutines", "short", line{"go_goroutines{" + self + "}", "{{pod}}"}),
		graph("Versions", "short", line{"count by (version) (pilot_info)", "{{version}}"}),
		graph("Leader", "short", line{"pilot_leader", "{{pod}}"}).about("The replica that writes into the cluster."),
	)
}
