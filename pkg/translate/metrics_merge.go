package translate

import (
	"cmp"
	"maps"
	"slices"

	meshconfig "istio.io/api/mesh/v1alpha1"
	telemetry "istio.io/api/telemetry/v1alpha1"

	"github.com/meshctl/meshctl/pkg/config/codes"
)

// metricName is a metric as Telemetry names it.
type metricName string

// Metrics are the standard metrics of some connections.
type Metrics struct {
	On    bool
	Rules []MetricRule // by name of the metric
}

// MetricRule is what differs from the default for one metric.
type MetricRule struct {
	Metric   string
	Disabled bool
	Tags     []MetricTag // by name
}

// MetricTag is a tag that is taken off, or whose value is a CEL expression.
type MetricTag struct {
	Name, Value string
	Removed     bool
}

func (m Metrics) rule(name metricName) MetricRule {
	if i := slices.IndexFunc(m.Rules, func(r MetricRule) bool { return r.Metric == string(name) }); i >= 0 {
		return m.Rules[i]
	}
	return MetricRule{}
}

// standardMetrics are those that overrides without a metric, or with ALL_METRICS, mean.
var standardMetrics = [...]string{
	"REQUEST_COUNT", "REQUEST_DURATION", "REQUEST_SIZE", "RESPONSE_SIZE",
	"TCP_OPENED_CONNECTIONS", "TCP_CLOSED_CONNECTIONS", "TCP_SENT_BYTES", "TCP_RECEIVED_BYTES",
}

// metrics merges the metrics: of providers only Prometheus has any, and it has them when a Telemetry or the mesh's defaults name it.
func (m *telemetryMerge) metrics() Metrics {
	var out Metrics
	out.On = slices.ContainsFunc(m.config.Mesh.GetDefaultProviders().GetMetrics(), m.isPrometheus)
	rules := map[string]*MetricRule{}
	for _, o := range m.levels {
		m.notes.object = o.Key
		for i, metrics := range o.Spec.(*telemetry.Telemetry).GetMetrics() {
			if names := providerNames(metrics.GetProviders()); len(names) > 0 {
				out.On = slices.ContainsFunc(names, m.isPrometheus)
			}
			for j, override := range metrics.GetOverrides() {
				m.override(rules, override, field(field("spec.metrics", i)+".overrides", j))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		slices.SortFunc(rules[name].Tags, func(a, b MetricTag) int { return cmp.Compare(a.Name, b.Name) })
		out.Rules = append(out.Rules, *rules[name])
	}
	return out
}

func (m *telemetryMerge) isPrometheus(name string) bool {
	_, is := m.provider(name).GetProvider().(*meshconfig.MeshConfig_ExtensionProvider_Prometheus)
	return is
}

// override applies one; what is wrong with its tags is reported whichever side it is for.
func (m *telemetryMerge) override(rules map[string]*MetricRule, o *telemetry.MetricsOverrides, path string) {
	var tags []MetricTag
	for _, name := range slices.Sorted(maps.Keys(o.GetTagOverrides())) {
		tag, at := o.GetTagOverrides()[name], path+".tagOverrides["+name+"]"
		removed := tag.GetOperation() == telemetry.MetricsOverrides_TagOverride_REMOVE
		if m.checkTag(tag, at) {
			if !removed && !commandSafe(tag.GetValue()) {
				m.notes.failAs(codes.TelemetryTag, at+".value", "the expression contains %, which ends it for Envoy; the tag is left out", "write it without %")
				continue
			}
			tags = append(tags, MetricTag{Name: name, Value: tag.GetValue(), Removed: removed})
		}
	}
	if !m.concerns(o.GetMatch().GetMode()) {
		return
	}
	names := standardMetrics[:]
	if chosen := o.GetMatch().GetMetric(); o.GetMatch().GetCustomMetric() != "" {
		names = nil
	} else if chosen != telemetry.MetricSelector_ALL_METRICS {
		names = []string{chosen.String()}
	}
	for _, name := range names {
		rule := rules[name]
		if rule == nil {
			rule = &MetricRule{Metric: name}
			rules[name] = rule
		}
		if o.GetDisabled() != nil {
			rule.Disabled = o.GetDisabled().GetValue()
		}
		for _, tag := range tags {
			rule.Tags = append(slices.DeleteFunc(slices.Clone(rule.Tags), func(t MetricTag) bool { return t.Name == tag.Name }), tag)
		}
	}
}
