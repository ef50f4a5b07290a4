package translate

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	meshconfig "istio.io/api/mesh/v1alpha1"
	telemetry "istio.io/api/telemetry/v1alpha1"

	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// Tracing is where spans go and what is in them.
type Tracing struct {
	Provider *meshconfig.MeshConfig_ExtensionProvider
	// Host and Cluster of the collector; Sampler are those of the service that decides about sampling, for providers that have one.
	Host, Cluster string
	Sampler       [2]string
	// Sampling is the share of requests to begin a trace for, in percent.
	Sampling      float64
	Tags          map[string]*telemetry.Tracing_CustomTag
	MaxPathLength uint32
	// IstioTags adds the workload's name and the like. IgnoreRequestID makes the decision to sample independent of x-request-id.
	IstioTags, IgnoreRequestID, NoPropagation bool
}

// defaultSampling is Istio's, in percent.
const defaultSampling = 1.0

// tracing merges tracing: what the mesh's defaultConfig (or the workload's annotation) says, overridden by Telemetry objects. It is nil
// when spans have nowhere to go.
func (m *telemetryMerge) tracing() *Tracing {
	out := &Tracing{Sampling: defaultSampling, IstioTags: true}
	settings := tracingSettings(m.config.Mesh.GetDefaultConfig())
	m.proxyTracing(out, settings)
	provider, at, disabled := "", "", false
	m.notes.object = configObject(m.config)
	if names := m.config.Mesh.GetDefaultProviders().GetTracing(); len(names) > 0 {
		provider, at = names[0], "data[mesh].defaultProviders.tracing"
	}
	object := m.notes.object
	for _, o := range m.levels {
		for i, s := range o.Spec.(*telemetry.Telemetry).GetTracing() {
			if !m.concerns(s.GetMatch().GetMode()) {
				continue
			}
			path := field("spec.tracing", i)
			if len(s.GetProviders()) > 0 {
				provider, at, object = s.Providers[0].GetName(), path+".providers[0].name", o.Key
			}
			if s.DisableSpanReporting != nil {
				disabled = s.DisableSpanReporting.GetValue()
			}
			m.notes.object = o.Key
			m.overrideTracing(out, s, path)
		}
	}
	m.notes.object = object
	switch {
	case disabled:
		return nil
	case provider != "":
		return m.tracingProvider(out, provider, at)
	}
	return m.tracingAddress(out, settings)
}

// proxyTracing takes what a ProxyConfig says of spans.
func (m *telemetryMerge) proxyTracing(out *Tracing, settings *meshconfig.Tracing) {
	if s := settings.GetSampling(); s != 0 {
		out.Sampling = percentage(s)
	}
	out.MaxPathLength = settings.GetMaxPathTagLength()
	if settings.GetEnableIstioTags() != nil {
		out.IstioTags = settings.GetEnableIstioTags().GetValue()
	}
	tags := map[string]*telemetry.Tracing_CustomTag{}
	for name, tag := range settings.GetCustomTags() {
		switch tag := tag.GetType().(type) {
		case *meshconfig.Tracing_CustomTag_Literal:
			tags[name] = &telemetry.Tracing_CustomTag{Type: &telemetry.Tracing_CustomTag_Literal{Literal: &telemetry.Tracing_Literal{Value: tag.Literal.GetValue()}}}
		case *meshconfig.Tracing_CustomTag_Environment:
			tags[name] = &telemetry.Tracing_CustomTag{Type: &telemetry.Tracing_CustomTag_Environment{
				Environment: &telemetry.Tracing_Environment{Name: tag.Environment.GetName(), DefaultValue: tag.Environment.GetDefaultValue()},
			}}
		case *meshconfig.Tracing_CustomTag_Header:
			tags[name] = &telemetry.Tracing_CustomTag{Type: &telemetry.Tracing_CustomTag_Header{
				Header: &telemetry.Tracing_RequestHeader{Name: tag.Header.GetName(), DefaultValue: tag.Header.GetDefaultValue()},
			}}
		}
	}
	m.notes.object = configObject(m.config)
	out.Tags = m.usableTags(tags, "data[mesh].defaultConfig.tracing.customTags")
}

// overrideTracing puts one entry of a Telemetry over what was said before it.
func (m *telemetryMerge) overrideTracing(out *Tracing, s *telemetry.Tracing, path string) {
	if s.RandomSamplingPercentage != nil {
		out.Sampling = percentage(s.RandomSamplingPercentage.GetValue())
	}
	if s.CustomTags != nil {
		out.Tags = m.usableTags(s.CustomTags, path+".customTags")
	}
	if s.UseRequestIdForTraceSampling != nil {
		out.IgnoreRequestID = !s.UseRequestIdForTraceSampling.GetValue()
	}
	if s.EnableIstioTags != nil {
		out.IstioTags = s.EnableIstioTags.GetValue()
	}
	if s.DisableContextPropagation != nil {
		out.NoPropagation = s.DisableContextPropagation.GetValue()
	}
}

func percentage(v float64) float64 { return min(max(v, 0), 100) }

// usableTags leaves out and reports what Envoy would refuse the listener for.
func (m *telemetryMerge) usableTags(tags map[string]*telemetry.Tracing_CustomTag, path string) map[string]*telemetry.Tracing_CustomTag {
	out := map[string]*telemetry.Tracing_CustomTag{}
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		at := path + "[" + name + "]"
		wrong, fix := "", ""
		switch tag := tags[name].GetType().(type) {
		case *telemetry.Tracing_CustomTag_Literal:
			if tag.Literal.GetValue() == "" {
				wrong, fix = "the value is empty", "write literal.value"
			}
		case *telemetry.Tracing_CustomTag_Environment:
			if tag.Environment.GetName() == "" {
				wrong, fix = "no variable is named", "write environment.name"
			}
		case *telemetry.Tracing_CustomTag_Header:
			if !settable(tag.Header.GetName()) {
				wrong, fix = strconv.Quote(tag.Header.GetName())+" is not the name of a header", "write header.name"
			}
		case *telemetry.Tracing_CustomTag_Formatter:
			wrong, fix = commandsOf(tag.Formatter.GetValue()), "see Envoy's documentation of access logs"
			if tag.Formatter.GetValue() == "" {
				wrong = "the value is empty"
			}
		default:
			wrong, fix = "the tag has no value", "write literal, environment, header or formatter"
		}
		if name == "" {
			wrong, fix = "the tag has no name", "name it"
		}
		if wrong != "" {
			m.notes.failAs(codes.TelemetryTag, at, wrong+"; the tag is left out", fix)
			continue
		}
		out[name] = tags[name]
	}
	return out
}

// tracingAddress takes the collector from a ProxyConfig's tracing, which has an address instead of a provider.
func (m *telemetryMerge) tracingAddress(out *Tracing, settings *meshconfig.Tracing) *Tracing {
	address := collectorAddress(settings)
	if address == "" {
		return nil
	}
	host, port, ok := splitAddress(address)
	if !ok {
		m.notes.fail("data[mesh].defaultConfig.tracing", strconv.Quote(address)+" is not HOST:PORT; nothing is traced", "for example zipkin.istio-system:9411")
		return nil
	}
	service := m.collectorService(host, port)
	if out.Host, out.Cluster = host, collectorCluster(host, port); service != "" {
		out.Host, out.Cluster = service, ClusterName(service, port, "")
	}
	p := &meshconfig.MeshConfig_ExtensionProvider{}
	switch {
	case settings.GetZipkin() != nil:
		p.Provider = &meshconfig.MeshConfig_ExtensionProvider_Zipkin{Zipkin: &meshconfig.MeshConfig_ExtensionProvider_ZipkinTracingProvider{}}
	case settings.GetDatadog() != nil:
		p.Provider = &meshconfig.MeshConfig_ExtensionProvider_Datadog{Datadog: &meshconfig.MeshConfig_ExtensionProvider_DatadogTracingProvider{}}
	}
	out.Provider = p
	return out
}

// tracingSettings are a ProxyConfig's, also in the form that came before.
func tracingSettings(c *meshconfig.ProxyConfig) *meshconfig.Tracing {
	if address := c.GetZipkinAddress(); address != "" && c.GetTracing() == nil { //nolint:staticcheck // deprecated, and still in use
		return &meshconfig.Tracing{Tracer: &meshconfig.Tracing_Zipkin_{Zipkin: &meshconfig.Tracing_Zipkin{Address: address}}}
	}
	return c.GetTracing()
}

// collectorAddress is where spans go by a ProxyConfig's own word; empty when it says nothing or names what Envoy has no longer.
func collectorAddress(t *meshconfig.Tracing) string {
	if a := t.GetZipkin().GetAddress(); a != "" {
		return a
	}
	if a := t.GetDatadog().GetAddress(); a != "" && !strings.Contains(a, "$") {
		return a
	}
	return ""
}

func splitAddress(address string) (string, uint32, bool) {
	at := strings.LastIndexByte(address, ':')
	if at < 0 {
		return "", 0, false
	}
	host := strings.ToLower(strings.Trim(address[:at], "[]"))
	port, err := strconv.ParseUint(address[at+1:], 10, 16)
	return host, uint32(port), err == nil && port > 0 && addressable(host, true)
}

// collectorService finds the service of the mesh that an address as programs write it means: NAME, NAME.NAMESPACE, or a host.
func (m *telemetryMerge) collectorService(host string, port uint32) string {
	suffix := ".svc." + m.config.DomainSuffix
	for _, name := range []string{host, host + suffix, host + "." + m.config.DomainSuffix, host + "." + m.config.SystemNamespace + suffix} {
		if s := m.lookup(name); s != nil && slices.ContainsFunc(s.Ports, func(p mesh.Port) bool { return p.Number == port && p.Protocol != mesh.UDP }) {
			return s.Host
		}
	}
	return ""
}
