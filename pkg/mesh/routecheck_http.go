package mesh

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
)

// http checks one rule for requests.
func (c *routeCheck) http(field string, r *networking.HTTPRoute) {
	c.outcome(field, r)
	for i, m := range r.Match {
		c.match(fmt.Sprintf("%s.match[%d]", field, i), m)
	}
	for i, d := range r.Route {
		c.destination(fmt.Sprintf("%s.route[%d]", field, i), d.GetDestination(), d.GetWeight())
	}
	c.redirect(field+".redirect", r)
	c.rewrite(field+".rewrite", r.Rewrite)
	c.duration(field+".timeout", r.Timeout, 0, "write for example 5s")
	c.retries(field+".retries", r.Retries)
	c.fault(field+".fault", r.Fault)
	c.mirrors(field, r)
	c.duration(field+".corsPolicy.maxAge", r.GetCorsPolicy().GetMaxAge(), 0, "write for example 24h")
}

// outcome checks that a rule says one thing of what becomes of requests.
func (c *routeCheck) outcome(field string, r *networking.HTTPRoute) {
	var says []string
	for _, o := range []struct {
		name string
		set  bool
	}{{"delegate", r.Delegate != nil}, {"redirect", r.Redirect != nil}, {"directResponse", r.DirectResponse != nil}, {"route", len(r.Route) > 0}} {
		if o.set {
			says = append(says, o.name)
		}
	}
	if len(says) == 0 {
		c.fail(field, "the rule says nothing of what becomes of requests; they get 503", "add route, redirect, directResponse or delegate")
		return
	}
	for _, other := range says[1:] {
		c.fail(field+"."+other, fmt.Sprintf("a rule cannot have both %s and %s; %s is left out", says[0], other, other), "split the rule in two, or remove one of them")
	}
	if says[0] != "redirect" && says[0] != "directResponse" {
		return
	}
	if r.Rewrite != nil {
		c.refuse(field+".rewrite", "there is nothing to rewrite beside "+says[0]+"; it has no effect", "remove it")
	}
	if r.Fault != nil {
		c.refuse(field+".fault", "Istio refuses faults beside "+says[0], "remove one of the two")
	}
}

func (c *routeCheck) match(field string, m *networking.HTTPMatchRequest) {
	c.origin(field, m)
	c.port(field+".port", m.GetPort())
	if len(c.spec.Hosts) > 0 && (len(c.spec.Gateways) == 0 || slices.Contains(c.spec.Gateways, meshGateway)) {
		c.claims(field+".headers", m.Headers)
		c.claims(field+".withoutHeaders", m.WithoutHeaders)
	}
	for _, name := range []string{"uri", "scheme", "method", "authority"} { // Istio documents that these are no headers
		for _, list := range []struct {
			field   string
			headers map[string]*networking.StringMatch
		}{{"headers", m.Headers}, {"withoutHeaders", m.WithoutHeaders}} {
			if _, there := list.headers[name]; there {
				c.warn(field+"."+list.field+"."+name, name+" is not looked for among headers; it has no effect", "use "+field[strings.LastIndexByte(field, '.')+1:]+"."+name)
			}
		}
	}
	if _, there := m.QueryParams[""]; there {
		c.warn(field+".queryParams", "a parameter without a name has no effect", "give its name")
	}
	if _, regex := m.GetUri().GetMatchType().(*networking.StringMatch_Regex); regex && m.IgnoreUriCase {
		c.warn(field+".ignoreUriCase", "regular expressions have their own way to ignore case; it has no effect", "begin the expression with (?i)")
	}
}

// ClaimPrefix begins the "headers" of a match that look at a claim of the request's token (Istio, "JWT claim based routing").
const ClaimPrefix = "@request.auth.claims"

// claims checks the headers of a VirtualService for sidecars.
func (c *routeCheck) claims(field string, headers map[string]*networking.StringMatch) {
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if len(name) > len(ClaimPrefix) && strings.EqualFold(name[:len(ClaimPrefix)], ClaimPrefix) {
			c.refuse(field+"["+name+"]", "claims decide about routes only at gateways, where the token is known before the route is chosen; Istio refuses the object",
				"bind the VirtualService to Gateways only")
		}
	}
}

func (c *routeCheck) redirect(field string, rule *networking.HTTPRoute) {
	r := rule.Redirect
	if r == nil {
		return
	}
	if r.Uri == "" && r.Authority == "" && r.Scheme == "" && r.PrefixRewrite == "" && r.RedirectPort == nil {
		c.fail(field, "the redirect leads to where the request already is", "set uri, prefixRewrite, authority, scheme or port")
	}
	if code := r.RedirectCode; code != 0 && (code < 300 || code > 399) {
		c.refuse(field+".redirectCode", fmt.Sprintf("%d is no redirect", code), "use 301, 302, 303, 307 or 308")
	}
	if r.Scheme != "" && r.Scheme != "http" && r.Scheme != "https" {
		c.refuse(field+".scheme", fmt.Sprintf("Istio refuses the scheme %q", r.Scheme), "write http or https")
	}
	if r.Uri != "" && r.PrefixRewrite != "" {
		c.fail(field+".uri", "uri and prefixRewrite exclude each other; uri is left out", "remove one of them")
	}
	if p, ok := r.RedirectPort.(*networking.HTTPRedirect_Port); ok && (p.Port == 0 || p.Port > math.MaxUint16) {
		c.fail(field+".port", fmt.Sprintf("port %d is not between 1 and 65535; it is left out", p.Port), "for example 8443")
	}
	if r.PrefixRewrite == "" {
		return
	}
	const message, fix = "there is a match without a prefix, of whose paths all is replaced", "match uri.prefix, or use uri"
	whole := func(m *networking.HTTPMatchRequest) bool { return m.GetUri().GetPrefix() == "" }
	switch {
	case slices.ContainsFunc(rule.Match, func(m *networking.HTTPMatchRequest) bool { return m.GetUri() != nil && whole(m) }):
		c.refuse(field+".prefixRewrite", message, fix)
	case len(rule.Match) == 0 || slices.ContainsFunc(rule.Match, whole):
		c.warn(field+".prefixRewrite", message, fix)
	}
}

func (c *routeCheck) rewrite(field string, r *networking.HTTPRewrite) {
	if r == nil {
		return
	}
	if r.Uri == "" && r.Authority == "" && r.UriRegexRewrite == nil {
		c.fail(field, "the rewrite changes nothing", "set uri, uriRegexRewrite or authority")
	}
	if r.Uri != "" && r.UriRegexRewrite != nil {
		c.fail(field+".uri", "uri and uriRegexRewrite exclude each other; uri is left out", "remove one of them")
	}
}

func (c *routeCheck) retries(field string, r *networking.HTTPRetry) {
	if r == nil {
		return
	}
	if r.Attempts < 0 {
		c.fail(field+".attempts", fmt.Sprintf("%d is less than 0; there are no retries", r.Attempts), "write 0 or more")
	} else if r.Attempts == 0 && (r.RetryOn != "" || r.PerTryTimeout != nil || r.Backoff != nil || r.RetryRemoteLocalities != nil || r.RetryIgnorePreviousHosts != nil) {
		c.refuse(field+".attempts", "without attempts there are no retries, and the other settings have no effect", "set attempts, for example to 2")
	}
	c.duration(field+".perTryTimeout", r.PerTryTimeout, 1, "write for example 2s")
	c.duration(field+".backoff", r.Backoff, 1, "write for example 25ms")
}

func (c *routeCheck) fault(field string, f *networking.HTTPFaultInjection) {
	if f == nil {
		return
	}
	if f.Delay == nil && f.Abort == nil {
		c.fail(field, "a fault is a delay or an abort; there is neither", "add delay or abort")
	}
	c.deprecated(field+".delay.percent", f.GetDelay().GetPercent() > 0, fmt.Sprintf("percentage: {value: %d}", f.GetDelay().GetPercent())) //nolint:staticcheck // users' files have it
	c.percent(field+".delay.percentage", f.GetDelay().GetPercentage())
	c.percent(field+".abort.percentage", f.GetAbort().GetPercentage())
	if old := f.GetDelay().GetPercent(); old < 0 || old > 100 { //nolint:staticcheck // users' files have it
		c.fail(field+".delay.percent", fmt.Sprintf("%d is not between 0 and 100", old), "write percentage: {value: 50}")
	}
}

func (c *routeCheck) mirrors(field string, r *networking.HTTPRoute) {
	if r.Mirror != nil {
		c.target(field+".mirror", r.Mirror)
		if len(r.Mirrors) > 0 {
			c.fail(field+".mirror", "mirror and mirrors exclude each other; mirror is left out", "move it into mirrors")
		}
	}
	for i, m := range r.Mirrors {
		at := fmt.Sprintf("%s.mirrors[%d]", field, i)
		c.target(at+".destination", m.GetDestination())
		c.percent(at+".percentage", m.GetPercentage())
	}
	c.percent(field+".mirrorPercentage", r.MirrorPercentage)
	if r.GetMirrorPercent() != nil { //nolint:staticcheck // users' files have it
		c.question(field+".mirrorPercent", "is deprecated; it still has its effect", "use mirrorPercentage")
	}
	if old := r.GetMirrorPercent().GetValue(); old > 100 { //nolint:staticcheck // users' files have it
		c.fail(field+".mirrorPercent", fmt.Sprintf("%d is not between 0 and 100; all is mirrored", old), "write mirrorPercentage: {value: 50}")
	}
	if r.Mirror == nil && len(r.Mirrors) == 0 && (r.MirrorPercentage != nil || r.GetMirrorPercent() != nil) { //nolint:staticcheck // users' files have it
		c.warn(field, "there is a share of requests to mirror and no mirror", "add mirrors")
	}
}

func (c *routeCheck) percent(field string, p *networking.Percent) {
	if p != nil && !Percentage(p.GetValue()) {
		c.fail(field+".value", fmt.Sprintf("%v is not between 0 and 100; the nearest of the two holds", p.GetValue()), "write for example 50")
	}
}
