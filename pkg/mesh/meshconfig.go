package mesh

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	meshconfig "istio.io/api/mesh/v1alpha1"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/internal/digest"
	"github.com/meshctl/meshctl/pkg/config"
)

// configKey names the ConfigMap whose key "mesh" holds the mesh-wide configuration.
func configKey(o Options) config.Key {
	return config.Key{Kind: config.ConfigMap, Namespace: o.SystemNamespace, Name: o.ConfigName}
}

// resolveConfig returns the mesh-wide configuration that the ConfigMap gives (nil: none), with the defaults that
// Istio's MeshConfig reference documents.
func resolveConfig(object *config.Object, o Options) (*Config, []config.Problem) {
	var given *meshconfig.MeshConfig
	var problems []config.Problem
	if object != nil {
		given, problems = config.DecodeMeshConfig(object)
		_, wrong := config.DecodeMeshNetworks(object)
		problems = append(problems, wrong...)
		problems = append(problems, checkMatcher(object, "data[mesh].defaultConfig", given.GetDefaultConfig())...)
		checks := &checker{object: object}
		checks.locality("data[mesh].localityLbSetting", given.GetLocalityLbSetting(), true)
		problems = append(problems, checks.problems...)
		unread := problems // these are unset in given: that is told already
		problems = append(problems, without(checkProviders(object, given), func(p config.Problem) bool {
			return slices.ContainsFunc(unread, func(u config.Problem) bool { return u.Field == p.Field })
		})...)
	}
	mesh := defaultMesh(o)
	if given != nil {
		overlay(mesh, given)
	}
	c := &Config{Mesh: mesh, SystemNamespace: o.SystemNamespace, DomainSuffix: o.DomainSuffix, TrustDomain: mesh.TrustDomain}
	c.Digest = digest.Of(*c)
	return c, problems
}

// defaultMesh is what holds where the ConfigMap says nothing.
func defaultMesh(o Options) *meshconfig.MeshConfig {
	return &meshconfig.MeshConfig{
		ProxyListenPort:          15001,
		ProxyInboundListenPort:   15006,
		ConnectTimeout:           durationpb.New(10 * time.Second),
		ProtocolDetectionTimeout: durationpb.New(0),
		DnsRefreshRate:           durationpb.New(60 * time.Second),
		EnableAutoMtls:           wrapperspb.Bool(true),
		EnablePrometheusMerge:    wrapperspb.Bool(true),
		LocalityLbSetting:        &networking.LocalityLoadBalancerSetting{Enabled: wrapperspb.Bool(true)},
		OutboundTrafficPolicy:    &meshconfig.MeshConfig_OutboundTrafficPolicy{Mode: meshconfig.MeshConfig_OutboundTrafficPolicy_ALLOW_ANY},
		AccessLogEncoding:        meshconfig.MeshConfig_TEXT,
		DefaultProviders:         &meshconfig.MeshConfig_DefaultProviders{Metrics: []string{"prometheus"}}, // as Istio's charts have it
		TrustDomain:              o.TrustDomain,
		RootNamespace:            o.SystemNamespace,
		DefaultConfig: &meshconfig.ProxyConfig{
			DrainDuration:            durationpb.New(45 * time.Second),
			TerminationDrainDuration: durationpb.New(5 * time.Second),
			ProxyAdminPort:           15000,
			StatusPort:               15020,
			StatNameLength:           189,
			ControlPlaneAuthPolicy:   meshconfig.AuthenticationPolicy_MUTUAL_TLS,
		},
	}
}

// overlay puts what was given over the defaults: a field that is set replaces the default as a whole, defaultConfig is
// merged field by field.
func overlay(mesh, given *meshconfig.MeshConfig) {
	given = proto.CloneOf(given)
	if given.DefaultConfig != nil {
		proxy := mesh.DefaultConfig
		Override(proxy, given.DefaultConfig)
		given.DefaultConfig = proxy
	}
	Override(mesh, given)
}

// Override sets every field of into that is set in from, of the same type. proto.Merge would append lists and keep the seconds of a duration
// that is set to zero.
func Override(into, from proto.Message) {
	dst := into.ProtoReflect()
	from.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		dst.Set(f, v)
		return true
	})
}
