package translate

import (
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	meshconfig "istio.io/api/mesh/v1alpha1"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// DirectResponseLimit is the longest body of a direct response, in bytes, as the API reference says.
const DirectResponseLimit = 1 << 20

func (b *routeBuilder) targets() targets {
	return targets{known: b.in.Destinations, port: b.in.Port.Number}
}

// action says what becomes of a request that matched. match is nil for a rule without matches.
func (b *routeBuilder) action(r *routev3.Route, rule *networking.HTTPRoute, match *networking.HTTPMatchRequest, path string) {
	b.perRouteFilters(r, rule, path)
	headers := b.headerOperations(rule.GetHeaders(), path+".headers")
	switch {
	case rule.GetRedirect() != nil:
		r.Action = &routev3.Route_Redirect{Redirect: b.redirect(rule.GetRedirect(), match, path+".redirect")}
	case rule.GetDirectResponse() != nil:
		r.Action = &routev3.Route_DirectResponse{DirectResponse: b.directResponse(rule.GetDirectResponse(), path+".directResponse")}
	default:
		r.Action = &routev3.Route_Route{Route: b.forward(rule, match, &headers, path)}
		r.Decorator = decorator(b.in.Config, b.operation(r))
	}
	headers.applyTo(r)
}

// decorator names the spans of a route; nil, which saves bytes in every route of every proxy, where nothing is traced.
func decorator(c *mesh.Config, operation string) *routev3.Decorator {
	if tracingSettings(c.Mesh.GetDefaultConfig()) == nil && !slices.ContainsFunc(c.Mesh.GetExtensionProviders(), traces) {
		return nil
	}
	return &routev3.Decorator{Operation: operation}
}

// traces reports whether a provider is one that spans go to.
func traces(p *meshconfig.MeshConfig_ExtensionProvider) bool {
	return p.GetZipkin() != nil || p.GetOpentelemetry() != nil || p.GetSkywalking() != nil || p.GetDatadog() != nil
}

// operation names the spans of a route as Istio does: "reviews.default.svc.cluster.local:9080/path*" where there is one destination, and the
// VirtualService with the listener's port in place of it where there are several.
func (b *routeBuilder) operation(r *routev3.Route) string {
	path := "/*"
	switch m := r.GetMatch(); {
	case m.GetPath() != "":
		path = m.GetPath()
	case m.GetSafeRegex().GetRegex() != "":
		path = m.GetSafeRegex().GetRegex()
	case m.GetPrefix()+m.GetPathSeparatedPrefix() != "":
		path = m.GetPrefix() + m.GetPathSeparatedPrefix() + "*"
	}
	if parts := strings.Split(r.GetRoute().GetCluster(), "|"); len(parts) == 4 {
		return parts[3] + ":" + parts[1] + path
	}
	return HostPort(b.virtual.Object.Key.Name, b.in.Port.Number) + path
}

// forward is the common case: the request goes to one or several destinations.
func (b *routeBuilder) forward(rule *networking.HTTPRoute, match *networking.HTTPMatchRequest, headers *headerOperations, path string) *routev3.RouteAction {
	a := &routev3.RouteAction{}
	b.destinations(a, rule.GetRoute(), headers, path)
	if b.virtual.Precise() {
		a.ClusterNotFoundResponseCode = routev3.RouteAction_INTERNAL_SERVER_ERROR
	}
	b.timeouts(a, rule.GetTimeout())
	a.RetryPolicy = b.retryPolicy(rule.GetRetries(), path+".retries")
	b.rewrite(a, rule.GetRewrite(), match, path+".rewrite")
	if headers.host != "" && rule.GetRewrite().GetAuthority() == "" && a.HostRewriteSpecifier == nil {
		a.HostRewriteSpecifier = &routev3.RouteAction_HostRewriteLiteral{HostRewriteLiteral: headers.host}
	}
	b.ownName(a)
	b.mirrors(a, rule)
	a.AppendXForwardedHost = headerSettings(b.in.Config).GetXForwardedHost().GetEnabled().GetValue()
	return a
}

// ownName rewrites the host to the service's name where nothing else did.
func (b *routeBuilder) ownName(a *routev3.RouteAction) {
	if !b.in.RewriteHost || b.in.Service == nil || wildcard(b.in.Service.Host) || a.HostRewriteSpecifier != nil {
		return
	}
	name := b.in.Service.Host
	if b.in.Port.Number != 80 {
		name = HostPort(name, b.in.Port.Number)
	}
	a.HostRewriteSpecifier = &routev3.RouteAction_HostRewriteLiteral{HostRewriteLiteral: name}
}

// destinations sets one cluster or several weighted ones. A destination of weight 0 among several gets no traffic.
func (b *routeBuilder) destinations(a *routev3.RouteAction, list []*networking.HTTPRouteDestination, headers *headerOperations, path string) {
	var live []*networking.HTTPRouteDestination
	for _, d := range list {
		if len(list) == 1 || d.GetWeight() > 0 {
			live = append(live, d)
		}
	}
	if len(live) == 0 {
		if len(list) > 0 { // a rule that says nothing at all is reported as such
			b.notes.fail(path+".route", "no destination has any weight; requests get 503", "give the destinations weights")
		}
		a.ClusterSpecifier = &routev3.RouteAction_Cluster{Cluster: BlackHoleCluster}
		return
	}
	t := b.targets()
	d := live[0].GetDestination()
	a.HashPolicy = b.hashPolicy(d.GetHost(), t.portOf(d), d.GetSubset())
	if len(live) == 1 {
		a.ClusterSpecifier = &routev3.RouteAction_Cluster{Cluster: t.cluster(d)}
		headers.merge(b.headerOperations(live[0].GetHeaders(), path+".route[0].headers"))
		headers.requestRemove = append(headers.requestRemove, t.private(d.GetHost())...)
		return
	}
	weighted := &routev3.WeightedCluster{}
	scale := weightScale(live)
	for i, d := range live {
		operations := b.headerOperations(d.GetHeaders(), field(path+".route", i)+".headers")
		operations.requestRemove = append(operations.requestRemove, t.private(d.GetDestination().GetHost())...)
		w := &routev3.WeightedCluster_ClusterWeight{Name: t.cluster(d.GetDestination()), Weight: wrapperspb.UInt32(max(1, uint32(d.GetWeight())/scale))}
		operations.applyToCluster(w)
		weighted.Clusters = append(weighted.Clusters, w)
	}
	a.ClusterSpecifier = &routev3.RouteAction_WeightedClusters{WeightedClusters: weighted}
}

// weightScale is what to divide weights by, so that their sum keeps to Envoy's limit of 32 bits.
func weightScale(list []*networking.HTTPRouteDestination) uint32 {
	var sum uint64
	for _, d := range list {
		sum += uint64(d.GetWeight())
	}
	return uint32(sum>>31) + 1
}

// timeouts sets the route's timeout; without one there is none, as Istio documents, and Envoy's default of 15 s is off.
func (b *routeBuilder) timeouts(a *routev3.RouteAction, timeout *durationpb.Duration) {
	if !positive(timeout) {
		timeout = durationpb.New(0)
	}
	if b.in.Proxy == mesh.Proxyless { // gRPC reads only this one
		if timeout.AsDuration() > 0 {
			a.MaxStreamDuration = &routev3.RouteAction_MaxStreamDuration{MaxStreamDuration: timeout}
		}
		return
	}
	a.Timeout = timeout
}

// rewrite replaces the matched prefix, or the whole path where the match was exact or by expression, literally: the prefix
// "/a" replaced by "/" makes "//b" of "/a/b".
func (b *routeBuilder) rewrite(a *routev3.RouteAction, r *networking.HTTPRewrite, match *networking.HTTPMatchRequest, path string) {
	if r == nil {
		return
	}
	if rx := r.GetUriRegexRewrite(); rx != nil {
		if b.regex(rx.GetMatch(), path+".uriRegexRewrite.match") && b.substitution(rx, path+".uriRegexRewrite.rewrite") {
			a.RegexRewrite = &matcherv3.RegexMatchAndSubstitute{Pattern: &matcherv3.RegexMatcher{Regex: rx.GetMatch()}, Substitution: rx.GetRewrite()}
		}
	} else if b.sendable(r.GetUri(), path+".uri") != "" {
		a.PrefixRewrite = r.GetUri()
		prefix := match.GetUri().GetPrefix()
		if prefix != "" && prefix[len(prefix)-1] != '/' && r.GetUri()[len(r.GetUri())-1] == '/' {
			b.notes.warn(path+".uri", "the prefix "+prefix+" replaced by "+r.GetUri()+" gives a path with two slashes",
				"end the prefix with a slash too, and match the path without it separately")
		}
	}
	if b.sendable(r.GetAuthority(), path+".authority") != "" {
		a.HostRewriteSpecifier = &routev3.RouteAction_HostRewriteLiteral{HostRewriteLiteral: r.GetAuthority()}
	}
}

// directResponse answers without any upstream.
func (b *routeBuilder) directResponse(d *networking.HTTPDirectResponse, path string) *routev3.DirectResponseAction {
	status := d.GetStatus()
	if status < 200 || status > 599 {
		b.notes.failAs(codes.SchemaError, path+".status", "Envoy answers with a status from 200 to 599 only; requests get 500", "for example status: 503")
		status = 500
	}
	out := &routev3.DirectResponseAction{Status: status}
	body := d.GetBody().GetBytes()
	if s := d.GetBody().GetString_(); s != "" {
		body = []byte(s)
	}
	if len(body) > DirectResponseLimit {
		b.notes.failAs(codes.SchemaError, path+".body", "the body is longer than 1 MB", "serve it from a workload")
		body = nil
	}
	if len(body) > 0 {
		out.Body = &corev3.DataSource{Specifier: &corev3.DataSource_InlineBytes{InlineBytes: body}}
		if d.GetBody().GetString_() != "" {
			out.Body.Specifier = &corev3.DataSource_InlineString{InlineString: string(body)}
		}
	}
	return out
}

// perRouteFilters configures the HTTP filters that a rule speaks of.
func (b *routeBuilder) perRouteFilters(r *routev3.Route, rule *networking.HTTPRoute, path string) {
	filters := map[string]*anypb.Any{}
	if f := b.fault(rule.GetFault(), path+".fault"); f != nil {
		filters[faultFilter] = pack(f)
	}
	if c := b.cors(rule.GetCorsPolicy(), path+".corsPolicy"); c != nil && b.in.Proxy != mesh.Proxyless {
		filters[corsFilter] = pack(c)
	}
	if len(filters) > 0 {
		r.TypedPerFilterConfig = filters
	}
}
