package incluster

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/meshctl/meshctl/internal/version"
)

// metrics are read from the control plane when somebody asks. The names are Istio's where it has one
// (https://istio.io/latest/docs/reference/commands/pilot-discovery/#metrics).
type metrics struct {
	process  *process
	registry *prometheus.Registry
	leads    atomic.Bool
}

func newMetrics(p *process) *metrics {
	m := &metrics{process: p, registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), m)
	return m
}

func (m *metrics) lead(leads bool) { m.leads.Store(leads) }

type desc = *prometheus.Desc

// descriptions are values that never change.
type descriptions struct {
	info, ready, leader, connected, agents, pushes, rejects, rejecting, objects, services, problems, rootEnd, signerEnd desc
}

func describe() descriptions {
	d := func(name, help string, labels ...string) desc { return prometheus.NewDesc(name, help, labels, nil) }
	return descriptions{
		info:      d("pilot_info", "Version of the control plane.", "version"),
		ready:     d("pilot_ready", "1 when configuration is served."),
		leader:    d("pilot_leader", "1 when this replica writes into the cluster."),
		connected: d("pilot_xds", "Proxies connected to this replica, by the version that they report.", "version"),
		agents:    d("pilot_agents", "Agents connected to this replica."),
		pushes:    d("pilot_xds_pushes", "Responses sent to proxies, by type.", "type"),
		rejects:   d("pilot_total_xds_rejects", "Responses that proxies refused, by type.", "type"),
		rejecting: d("pilot_xds_rejected_resources", "Resources that connected proxies refuse at present, by type.", "type"),
		objects:   d("pilot_config_objects", "Objects that the mesh is made of, by kind.", "kind"),
		services:  d("pilot_services", "Services of the mesh."),
		problems:  d("pilot_config_problems", "What is wrong with the configuration, by severity.", "severity"),
		rootEnd:   d("citadel_server_root_cert_expiry_timestamp", "Unix time at which a trusted root ends, by SHA-256.", "root"),
		signerEnd: d("citadel_server_cert_chain_expiry_timestamp", "Unix time at which the signing certificate ends."),
	}
}

// Describe implements prometheus.Collector: what there is to say differs from time to time, so it promises nothing.
func (m *metrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	d := describe()
	gauge := func(of desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(of, prometheus.GaugeValue, value, labels...)
	}
	gauge(d.info, 1, version.String())
	gauge(d.ready, bit(m.process.ready.Load()))
	gauge(d.leader, bit(m.leads.Load()))
	control := m.process.control.Load()
	if control == nil {
		return
	}
	stats := control.Stats()
	for version, n := range stats.Connected {
		gauge(d.connected, float64(n), version)
	}
	gauge(d.agents, float64(stats.Agents))
	for name, t := range stats.Totals {
		out <- prometheus.MustNewConstMetric(d.pushes, prometheus.CounterValue, float64(t.Pushes), name)
		out <- prometheus.MustNewConstMetric(d.rejects, prometheus.CounterValue, float64(t.Rejections), name)
	}
	for name, n := range stats.Rejecting {
		gauge(d.rejecting, float64(n), name)
	}
	for severity, n := range stats.Problems {
		gauge(d.problems, float64(n), severity)
	}
	snapshot, services := control.Snapshot(), 0
	for range snapshot.Services() {
		services++
	}
	gauge(d.services, float64(services))
	for _, kind := range snapshot.Set().Kinds() {
		gauge(d.objects, float64(snapshot.Set().Len(kind)), kind.String())
	}
	authority := m.process.keeper.Authority()
	for root, end := range authority.RootsExpire() {
		gauge(d.rootEnd, float64(end), root)
	}
	gauge(d.signerEnd, float64(authority.Expires().Unix()))
}

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
