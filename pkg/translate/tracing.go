package translate

import (
	"maps"
	"slices"

	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	requestidv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/request_id/uuid/v3"
	metadatav3 "github.com/envoyproxy/go-control-plane/envoy/type/metadata/v3"
	tracingv3 "github.com/envoyproxy/go-control-plane/envoy/type/tracing/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
	telemetry "istio.io/api/telemetry/v1alpha1"
)

// traced makes a connection manager report spans.
func (t traffic) traced(out *hcmv3.HttpConnectionManager) {
	tracing := t.policies.Telemetry.Tracing
	if tracing == nil {
		return
	}
	percent := func(v float64) *typev3.Percent { return &typev3.Percent{Value: v} }
	out.Tracing = &hcmv3.HttpConnectionManager_Tracing{
		ClientSampling: percent(100), OverallSampling: percent(100), RandomSampling: percent(tracing.Sampling),
		CustomTags: tracing.tags(), Provider: tracing.provider(), NoContextPropagation: tracing.NoPropagation,
	}
	if t.class == gateway || tracing.Provider.GetSkywalking() != nil {
		out.Tracing.SpawnUpstreamSpan = wrapperspb.Bool(true)
	}
	if n := tracing.MaxPathLength; n > 0 {
		out.Tracing.MaxPathTagLength = wrapperspb.UInt32(n)
	}
	if tracing.IgnoreRequestID {
		out.RequestIdExtension = &hcmv3.RequestIDExtension{TypedConfig: pack(&requestidv3.UuidRequestIdConfig{
			UseRequestIdForTraceSampling: wrapperspb.Bool(false),
		})}
	}
}

// workloadTags are Istio's tags of every span. The agent tells its Envoy the values by environment variables, so that proxies that differ
// in nothing else share their configuration.
var workloadTags = [...][2]string{
	{"istio.canonical_revision", "CANONICAL_REVISION"},
	{"istio.canonical_service", "CANONICAL_SERVICE"},
	{"istio.cluster_id", "ISTIO_META_CLUSTER_ID"},
	{"istio.mesh_id", "ISTIO_META_MESH_ID"},
	{"istio.namespace", "POD_NAMESPACE"},
}

// dryRunTags say what policies on trial would have decided.
var dryRunTags = [...][2]string{
	{"istio.authorization.dry_run.allow_policy.name", "istio_dry_run_allow_shadow_effective_policy_id"},
	{"istio.authorization.dry_run.allow_policy.result", "istio_dry_run_allow_shadow_engine_result"},
	{"istio.authorization.dry_run.deny_policy.name", "istio_dry_run_deny_shadow_effective_policy_id"},
	{"istio.authorization.dry_run.deny_policy.result", "istio_dry_run_deny_shadow_engine_result"},
}

// tags are the user's and, unless they are turned off, Istio's, by name.
func (t *Tracing) tags() []*tracingv3.CustomTag {
	all := map[string]*tracingv3.CustomTag{}
	if t.IstioTags {
		for _, tag := range workloadTags {
			all[tag[0]] = &tracingv3.CustomTag{Type: environmentTag(tag[1], "unknown")}
		}
		for _, tag := range dryRunTags {
			all[tag[0]] = &tracingv3.CustomTag{Type: &tracingv3.CustomTag_Metadata_{Metadata: &tracingv3.CustomTag_Metadata{
				Kind: &metadatav3.MetadataKind{Kind: &metadatav3.MetadataKind_Request_{Request: &metadatav3.MetadataKind_Request{}}},
				MetadataKey: &metadatav3.MetadataKey{Key: "envoy.filters.http.rbac", Path: []*metadatav3.MetadataKey_PathSegment{
					{Segment: &metadatav3.MetadataKey_PathSegment_Key{Key: tag[1]}},
				}},
			}}}
		}
	}
	for name, tag := range t.Tags {
		switch tag := tag.GetType().(type) {
		case *telemetry.Tracing_CustomTag_Literal:
			all[name] = &tracingv3.CustomTag{Type: &tracingv3.CustomTag_Literal_{Literal: &tracingv3.CustomTag_Literal{Value: tag.Literal.GetValue()}}}
		case *telemetry.Tracing_CustomTag_Environment:
			all[name] = &tracingv3.CustomTag{Type: environmentTag(tag.Environment.GetName(), tag.Environment.GetDefaultValue())}
		case *telemetry.Tracing_CustomTag_Header:
			all[name] = &tracingv3.CustomTag{Type: &tracingv3.CustomTag_RequestHeader{
				RequestHeader: &tracingv3.CustomTag_Header{Name: tag.Header.GetName(), DefaultValue: tag.Header.GetDefaultValue()},
			}}
		case *telemetry.Tracing_CustomTag_Formatter:
			all[name] = &tracingv3.CustomTag{Type: &tracingv3.CustomTag_Value{Value: tag.Formatter.GetValue()}}
		}
	}
	var out []*tracingv3.CustomTag
	for _, name := range slices.Sorted(maps.Keys(all)) {
		all[name].Tag = name
		out = append(out, all[name])
	}
	return out
}

func environmentTag(variable, value string) *tracingv3.CustomTag_Environment_ {
	return &tracingv3.CustomTag_Environment_{Environment: &tracingv3.CustomTag_Environment{Name: variable, DefaultValue: value}}
}
