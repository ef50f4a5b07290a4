package translate

import (
	"cmp"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tracev3 "github.com/envoyproxy/go-control-plane/envoy/config/trace/v3"
	detectorsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/tracers/opentelemetry/resource_detectors/v3"
	samplersv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/tracers/opentelemetry/samplers/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	meshconfig "istio.io/api/mesh/v1alpha1"
)

const (
	zipkinPath       = "/api/v2/spans"
	collectorTimeout = 5 * time.Second
	// datadogService is the name under which proxies report to Datadog.
	datadogService = "istio-proxy"
)

// tracingProvider looks up what a provider of tracing needs; nil when it cannot be used.
func (m *telemetryMerge) tracingProvider(out *Tracing, name, at string) *Tracing {
	out.Provider = m.provider(name)
	service := func(service string, port, length uint32) *Tracing {
		out.MaxPathLength = cmp.Or(length, out.MaxPathLength)
		if out.Host, out.Cluster = m.cluster(at, name, service, port); out.Cluster == "" {
			return nil
		}
		return out
	}
	switch p := out.Provider.GetProvider().(type) {
	case *meshconfig.MeshConfig_ExtensionProvider_Zipkin:
		return service(p.Zipkin.GetService(), p.Zipkin.GetPort(), p.Zipkin.GetMaxTagLength())
	case *meshconfig.MeshConfig_ExtensionProvider_Datadog:
		return service(p.Datadog.GetService(), p.Datadog.GetPort(), p.Datadog.GetMaxTagLength())
	case *meshconfig.MeshConfig_ExtensionProvider_Skywalking:
		return service(p.Skywalking.GetService(), p.Skywalking.GetPort(), 0)
	case *meshconfig.MeshConfig_ExtensionProvider_Opentelemetry:
		return m.sampler(service(p.Opentelemetry.GetService(), p.Opentelemetry.GetPort(), p.Opentelemetry.GetMaxTagLength()), p.Opentelemetry, name, at)
	case nil:
		m.unknown(at, name, "is not defined")
	default:
		m.unknown(at, name, "does not trace, or is one that Envoy has no longer (OpenTelemetry took its place)")
	}
	return nil
}

// sampler looks up the service that decides about sampling: then all spans begin, and it chooses.
func (m *telemetryMerge) sampler(out *Tracing, p *meshconfig.MeshConfig_ExtensionProvider_OpenTelemetryTracingProvider, name, at string) *Tracing {
	s := p.GetDynatraceSampler()
	if out == nil || s == nil {
		return out
	}
	api := s.GetHttpService()
	switch {
	case api != nil:
		if out.Sampler[0], out.Sampler[1] = m.cluster(at, name, api.GetService(), api.GetPort()); out.Sampler[1] == "" {
			return nil
		}
	case p.GetHttp() != nil:
		out.Sampler = [2]string{out.Host, out.Cluster}
	default:
		m.unknown(at, name, "has a dynatraceSampler that reports over gRPC and has no httpService of its own; nothing is traced")
		return nil
	}
	out.Sampling = 100
	return out
}

// provider is Envoy's tracer.
func (t *Tracing) provider() *tracev3.Tracing_Http {
	var name string
	var config proto.Message
	switch p := t.Provider.GetProvider().(type) {
	case *meshconfig.MeshConfig_ExtensionProvider_Zipkin:
		name, config = "zipkin", t.zipkin(p.Zipkin)
	case *meshconfig.MeshConfig_ExtensionProvider_Datadog:
		name, config = "datadog", &tracev3.DatadogConfig{CollectorCluster: t.Cluster, CollectorHostname: t.Host, ServiceName: datadogService}
	case *meshconfig.MeshConfig_ExtensionProvider_Skywalking:
		name, config = "skywalking", t.skywalking(p.Skywalking)
	case *meshconfig.MeshConfig_ExtensionProvider_Opentelemetry:
		name, config = "opentelemetry", t.openTelemetry(p.Opentelemetry)
	}
	return &tracev3.Tracing_Http{Name: "envoy.tracers." + name, ConfigType: &tracev3.Tracing_Http_TypedConfig{TypedConfig: pack(config)}}
}

func (t *Tracing) zipkin(p *meshconfig.MeshConfig_ExtensionProvider_ZipkinTracingProvider) *tracev3.ZipkinConfig {
	out := &tracev3.ZipkinConfig{
		CollectorService: httpTo(t.Host, t.Cluster, cmp.Or(p.GetPath(), zipkinPath), p.GetTimeout(), p.GetHeaders()),
		// Fields that the service takes the place of, and that have to be there all the same.
		CollectorEndpointVersion: tracev3.ZipkinConfig_HTTP_JSON,
		TraceId_128Bit:           !p.GetEnable_64BitTraceId(), SharedSpanContext: wrapperspb.Bool(false),
	}
	if p.GetTraceContextOption() == meshconfig.MeshConfig_ExtensionProvider_ZipkinTracingProvider_USE_B3_WITH_W3C_PROPAGATION {
		out.TraceContextOption = tracev3.ZipkinConfig_USE_B3_WITH_W3C_PROPAGATION
	}
	return out
}

func (t *Tracing) skywalking(p *meshconfig.MeshConfig_ExtensionProvider_SkyWalkingTracingProvider) *tracev3.SkyWalkingConfig {
	out := &tracev3.SkyWalkingConfig{GrpcService: t.grpc()}
	if token := p.GetAccessToken(); token != "" {
		out.ClientConfig = &tracev3.ClientConfig{BackendTokenSpecifier: &tracev3.ClientConfig_BackendToken{BackendToken: token}}
	}
	return out
}

func (t *Tracing) grpc() *corev3.GrpcService {
	out := grpcTo(t.Cluster)
	out.GetEnvoyGrpc().Authority = t.Host
	return out
}

// openTelemetry names the workload by a resource detector: the agent puts it into OTEL_RESOURCE_ATTRIBUTES.
func (t *Tracing) openTelemetry(p *meshconfig.MeshConfig_ExtensionProvider_OpenTelemetryTracingProvider) *tracev3.OpenTelemetryConfig {
	out := &tracev3.OpenTelemetryConfig{ResourceDetectors: []*corev3.TypedExtensionConfig{
		extension("envoy.tracers.opentelemetry.resource_detectors.environment", &detectorsv3.EnvironmentResourceDetectorConfig{}),
	}}
	if p.GetResourceDetectors().GetDynatrace() != nil {
		out.ResourceDetectors = append(out.ResourceDetectors, extension("envoy.tracers.opentelemetry.resource_detectors.dynatrace", &detectorsv3.DynatraceResourceDetectorConfig{}))
	}
	if h := p.GetHttp(); h != nil {
		out.HttpService = httpTo(t.Host, t.Cluster, h.GetPath(), h.GetTimeout(), h.GetHeaders())
	} else {
		out.GrpcService = t.grpc()
		out.GrpcService.Timeout = timeoutOf(p.GetGrpc().GetTimeout())
		out.GrpcService.InitialMetadata = headersOf(p.GetGrpc().GetInitialMetadata())
	}
	if s := p.GetDynatraceSampler(); s != nil {
		path, timeout, headers := "api/v2/samplingConfiguration", p.GetHttp().GetTimeout(), p.GetHttp().GetHeaders()
		if api := s.GetHttpService().GetHttp(); s.GetHttpService() != nil {
			path, timeout, headers = api.GetPath(), api.GetTimeout(), api.GetHeaders()
		}
		out.Sampler = extension("envoy.tracers.opentelemetry.samplers.dynatrace", &samplersv3.DynatraceSamplerConfig{
			Tenant: s.GetTenant(), ClusterId: s.GetClusterId(), RootSpansPerMinute: s.GetRootSpansPerMinute(),
			HttpService: httpTo(t.Sampler[0], t.Sampler[1], path, timeout, headers),
		})
	}
	return out
}

func extension(name string, config proto.Message) *corev3.TypedExtensionConfig {
	return &corev3.TypedExtensionConfig{Name: name, TypedConfig: pack(config)}
}

func httpTo(host, cluster, path string, timeout *durationpb.Duration, headers []*meshconfig.MeshConfig_ExtensionProvider_HttpHeader) *corev3.HttpService {
	return &corev3.HttpService{
		HttpUri: &corev3.HttpUri{
			Uri: "http://" + host + "/" + strings.TrimPrefix(path, "/"), HttpUpstreamType: &corev3.HttpUri_Cluster{Cluster: cluster},
			Timeout: cmp.Or(timeoutOf(timeout), durationpb.New(collectorTimeout)),
		},
		RequestHeadersToAdd: collectorHeaders(headers),
	}
}

func timeoutOf(d *durationpb.Duration) *durationpb.Duration {
	if !positive(d) {
		return nil
	}
	return d
}

// headersOf are the headers whose values are in the configuration; an environment variable would be the control plane's.
func headersOf(headers []*meshconfig.MeshConfig_ExtensionProvider_HttpHeader) []*corev3.HeaderValue {
	var out []*corev3.HeaderValue
	for _, h := range headers {
		if settable(h.GetName()) && headerValue(h.GetValue()) && h.GetEnvName() == "" {
			out = append(out, &corev3.HeaderValue{Key: h.GetName(), Value: strings.ReplaceAll(h.GetValue(), "%", "%%")})
		}
	}
	return out
}

func collectorHeaders(headers []*meshconfig.MeshConfig_ExtensionProvider_HttpHeader) []*corev3.HeaderValueOption {
	var out []*corev3.HeaderValueOption
	for _, h := range headersOf(headers) {
		out = append(out, &corev3.HeaderValueOption{Header: h, AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD})
	}
	return out
}
