package translate

import (
	"maps"
	"slices"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	httpauthzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	httprbacv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	tcpauthzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/ext_authz/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tcprbacv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/rbac/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	meshconfig "istio.io/api/mesh/v1alpha1"

	"github.com/meshctl/meshctl/pkg/authz/rules"
)

const (
	httpAuthzFilter = "envoy.filters.http.ext_authz"
	tcpAuthzFilter  = "envoy.filters.network.ext_authz"
	// customPrefix begins the names of CUSTOM rules; under customMetadata followed by customEffective the RBAC filter notes which of
	// them matches.
	customPrefix    = "istio-ext-authz-"
	customMetadata  = "istio_ext_authz_"
	customEffective = "shadow_effective_policy_id"
	// authzTimeout is the MeshConfig reference's default.
	authzTimeout = 600 * time.Second
)

// externalAuthz are the filters of AuthorizationPolicies with action CUSTOM: one that only notes whether a rule matches, and one that
// then asks the provider. What a provider that cannot be asked should decide is denied.
func (t traffic) externalAuthz() []*hcmv3.HttpFilter {
	var out []*hcmv3.HttpFilter
	for _, p := range t.policies.Providers {
		matched := t.customRules(p.Name, false)
		if len(matched.Policies) == 0 {
			continue
		}
		if p.Settings == nil {
			out = append(out, httpFilter(httpRBACFilter, &httprbacv3.RBAC{Rules: matched}))
			continue
		}
		out = append(out, httpFilter(httpRBACFilter, &httprbacv3.RBAC{ShadowRules: matched, ShadowRulesStatPrefix: customMetadata}),
			httpFilter(httpAuthzFilter, p.httpCheck()))
	}
	return out
}

// externalTCPAuthz is externalAuthz for connections that are no HTTP, about which only a gRPC provider can be asked.
func (t traffic) externalTCPAuthz() []*listenerv3.Filter {
	var out []*listenerv3.Filter
	for _, p := range t.policies.Providers {
		matched := t.customRules(p.Name, true)
		switch {
		case len(matched.Policies) == 0:
		case p.Settings == nil:
			out = append(out, networkFilter(tcpRBACFilter, &tcprbacv3.RBAC{StatPrefix: tcpAuthzPrefix, Rules: matched}))
		case p.Settings.GetEnvoyExtAuthzGrpc() != nil:
			out = append(out, networkFilter(tcpRBACFilter, &tcprbacv3.RBAC{
				StatPrefix: tcpAuthzPrefix, ShadowRules: matched, ShadowRulesStatPrefix: customMetadata,
			}), networkFilter(tcpAuthzFilter, p.tcpCheck()))
		}
	}
	return out
}

// customRules are the rules of the CUSTOM policies of a provider.
func (t traffic) customRules(provider string, tcp bool) *rbacv3.RBAC {
	out := newRBAC(rules.Custom)
	for _, o := range t.policies.Authz {
		if p, ok := authzPolicy(o, rules.Custom); ok && !p.DryRun && p.Provider == provider {
			t.addRules(out, customPrefix+authzName(o.Key), p, tcp)
		}
	}
	return out
}

// httpCheck asks about requests.
func (p AuthzProvider) httpCheck() *httpauthzv3.ExtAuthz {
	out := &httpauthzv3.ExtAuthz{TransportApiVersion: corev3.ApiVersion_V3, FilterEnabledMetadata: customMatched(httpRBACFilter)}
	if in := p.Settings.GetEnvoyExtAuthzHttp(); in != nil {
		out.Services = &httpauthzv3.ExtAuthz_HttpService{HttpService: p.httpService(in)}
		out.AllowedHeaders = headerNames(in.GetIncludeRequestHeadersInCheck())
		if out.AllowedHeaders == nil {
			out.AllowedHeaders = headerNames(in.GetIncludeHeadersInCheck()) //nolint:staticcheck // the deprecated spelling still works
		}
		out.FailureModeAllow, out.ClearRouteCache = in.GetFailOpen(), in.GetClearRouteCache()
		out.StatusOnError, out.WithRequestBody = rules.StatusOnError(in.GetStatusOnError()), bodyInCheck(in.GetIncludeRequestBodyInCheck())
		return out
	}
	in := p.Settings.GetEnvoyExtAuthzGrpc()
	out.Services = &httpauthzv3.ExtAuthz_GrpcService{GrpcService: p.grpcService()}
	out.FailureModeAllow, out.ClearRouteCache = in.GetFailOpen(), in.GetClearRouteCache()
	out.StatusOnError, out.WithRequestBody = rules.StatusOnError(in.GetStatusOnError()), bodyInCheck(in.GetIncludeRequestBodyInCheck())
	return out
}

func (p AuthzProvider) httpService(in *meshconfig.MeshConfig_ExtensionProvider_EnvoyExternalAuthorizationHttpProvider) *httpauthzv3.HttpService {
	out := &httpauthzv3.HttpService{
		PathPrefix: in.GetPathPrefix(),
		ServerUri: &corev3.HttpUri{
			Uri: "http://" + p.Host, HttpUpstreamType: &corev3.HttpUri_Cluster{Cluster: p.Cluster}, Timeout: timeoutOr(in.GetTimeout(), authzTimeout),
		},
	}
	if added := in.GetIncludeAdditionalHeadersInCheck(); len(added) > 0 {
		out.AuthorizationRequest = &httpauthzv3.AuthorizationRequest{}
		for _, name := range slices.Sorted(maps.Keys(added)) {
			out.AuthorizationRequest.HeadersToAdd = append(out.AuthorizationRequest.HeadersToAdd, &corev3.HeaderValue{Key: name, Value: added[name]})
		}
	}
	upstream, deny, allow := in.GetHeadersToUpstreamOnAllow(), in.GetHeadersToDownstreamOnDeny(), in.GetHeadersToDownstreamOnAllow()
	if len(upstream)+len(deny)+len(allow) > 0 {
		out.AuthorizationResponse = &httpauthzv3.AuthorizationResponse{
			AllowedUpstreamHeaders: headerNames(upstream), AllowedClientHeaders: headerNames(deny), AllowedClientHeadersOnSuccess: headerNames(allow),
		}
	}
	return out
}

// tcpCheck asks about connections.
func (p AuthzProvider) tcpCheck() *tcpauthzv3.ExtAuthz {
	return &tcpauthzv3.ExtAuthz{
		StatPrefix: tcpAuthzPrefix, GrpcService: p.grpcService(), FailureModeAllow: p.Settings.GetEnvoyExtAuthzGrpc().GetFailOpen(),
		TransportApiVersion: corev3.ApiVersion_V3, FilterEnabledMetadata: customMatched(tcpRBACFilter),
	}
}

func (p AuthzProvider) grpcService() *corev3.GrpcService {
	return &corev3.GrpcService{
		TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: p.Cluster, Authority: p.Host}},
		Timeout:         timeoutOr(p.Settings.GetEnvoyExtAuthzGrpc().GetTimeout(), authzTimeout),
	}
}

func timeoutOr(d *durationpb.Duration, fallback time.Duration) *durationpb.Duration {
	if d == nil {
		return durationpb.New(fallback)
	}
	return d
}

// customMatched holds where the RBAC filter before it noted a CUSTOM rule.
func customMatched(filter string) *matcherv3.MetadataMatcher {
	return metadata(filter, []string{customMetadata + customEffective}, textValue(startingWith(customPrefix)))
}

// headerNames matches names in any case, also by prefix or suffix.
func headerNames(names []string) *matcherv3.ListStringMatcher {
	if len(names) == 0 {
		return nil
	}
	out := &matcherv3.ListStringMatcher{}
	for _, n := range names {
		m := pattern(n)
		m.IgnoreCase = true
		out.Patterns = append(out.Patterns, m)
	}
	return out
}

func bodyInCheck(in *meshconfig.MeshConfig_ExtensionProvider_EnvoyExternalAuthorizationRequestBody) *httpauthzv3.BufferSettings {
	if in == nil {
		return nil
	}
	return &httpauthzv3.BufferSettings{MaxRequestBytes: in.GetMaxRequestBytes(), AllowPartialMessage: in.GetAllowPartialMessage(), PackAsBytes: in.GetPackAsBytes()}
}
