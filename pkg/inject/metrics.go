package inject

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// mergeMetrics has the agent hand out the program's metrics with the proxy's: Prometheus cannot ask the program itself where mutual TLS
// is strict (https://istio.io/latest/docs/ops/integrations/prometheus/#option-1-metrics-merging).
func (p *pod) mergeMetrics() error {
	merge := p.Mesh.Config().Mesh.GetEnablePrometheusMerge().GetValue()
	if text, given := p.out.Annotations["prometheus.istio.io/merge-metrics"]; given {
		merge, _ = strconv.ParseBool(text) // validated before
	}
	given := p.prometheus()
	if scrape, err := strconv.ParseBool(given["prometheus_io_scrape"]); err == nil && !scrape || !merge || p.statusPort == 0 {
		return nil
	}
	ours := fmt.Sprint(p.statusPort)
	switch {
	case given["prometheus_io_port"] == ours:
		return nil
	case len(given) == 0 && p.before.metrics != "":
		p.addArgument("--application-metrics=" + p.before.metrics)
	case len(given) > 0:
		port := cmp.Or(given["prometheus_io_port"], "80")
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("annotation prometheus.io/port: %q is no port", port)
		} else if slices.Contains([]uint64{15000, 15001, 15004, 15006, 15008, 15020, 15021, 15053, 15090}, n) {
			return fmt.Errorf("annotation prometheus.io/port: port %d is the proxy's own: give the program's", n)
		}
		path := cmp.Or(given["prometheus_io_path"], "/metrics")
		if !strings.HasPrefix(path, "/") {
			path = "/" + path
		}
		p.addArgument("--application-metrics=" + escape("http://127.0.0.1:"+port+path))
	}
	for _, name := range slices.Collect(maps.Keys(p.out.Annotations)) {
		if prometheusName(name) != "" {
			delete(p.out.Annotations, name)
		}
	}
	p.added.annotations = add(&p.out.Annotations, map[string]string{
		"prometheus.io/port": ours, "prometheus.io/path": "/stats/prometheus", "prometheus.io/scrape": "true",
	}, p.added.annotations)
	return nil
}

// prometheus are the pod's annotations for Prometheus, by the names that it gives them.
func (p *pod) prometheus() map[string]string {
	out := map[string]string{}
	for name, value := range p.out.Annotations {
		if label := prometheusName(name); label != "" {
			out[label] = value
		}
	}
	return out
}

// prometheusName is an annotation's name as Prometheus' service discovery writes it, which knows no difference between prometheus.io/port
// and prometheus/io.port; empty for those that do not say what is scraped.
func prometheusName(annotation string) string {
	label := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, annotation)
	switch label {
	case "prometheus_io_port", "prometheus_io_path", "prometheus_io_scrape":
		return label
	}
	return ""
}
