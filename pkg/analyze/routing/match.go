package routing

import (
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/translate"
)

// origin is where a match wants traffic to come from.
type origin struct {
	gateways  []string
	labels    map[string]string
	namespace string
	port      uint32
}

// covers reports whether all traffic of l comes from where o wants it.
func (o origin) covers(l origin) bool {
	if o.port != 0 && o.port != l.port || o.namespace != "" && o.namespace != l.namespace {
		return false
	}
	for k, v := range o.labels {
		if got, ok := l.labels[k]; !ok || got != v {
			return false
		}
	}
	return !slices.ContainsFunc(l.gateways, func(g string) bool { return !slices.Contains(o.gateways, g) })
}

// request is one match of an HTTP rule as the proxy evaluates it.
type request struct {
	origin
	uri, method, authority, scheme pattern
	// The patterns of values that must be there, by name: anyValue asks only that there is one.
	headers, query map[string]pattern
	// The patterns that values must not match, by name: anyValue asks that there is none. What is missing counts as empty for the others.
	without map[string]pattern
}

// requestOf reads a match of a VirtualService that is bound to some gateways; ok is false when the proxy leaves it out.
func requestOf(m *networking.HTTPMatchRequest, bound []string) (out request, ok bool) {
	out.origin = origin{gateways: m.GetGateways(), labels: m.GetSourceLabels(), namespace: m.GetSourceNamespace(), port: m.GetPort()}
	if len(out.gateways) == 0 {
		out.gateways = bound
	}
	for _, part := range []struct {
		to   *pattern
		from *networking.StringMatch
		fold bool
	}{{&out.uri, m.GetUri(), m.GetIgnoreUriCase()}, {&out.method, m.GetMethod(), false}, {&out.authority, m.GetAuthority(), false}, {&out.scheme, m.GetScheme(), false}} {
		if *part.to, ok = patternOf(part.from, part.fold); !ok {
			return out, false
		}
	}
	if out.uri.kind == beginning && out.uri.text == "/" { // as every path does
		out.uri = pattern{}
	}
	if out.headers, ok = patternsOf(m.GetHeaders(), headerName); !ok {
		return out, false
	}
	if out.without, ok = patternsOf(m.GetWithoutHeaders(), headerName); !ok {
		return out, false
	}
	out.query, ok = patternsOf(m.GetQueryParams(), func(name string) (string, bool) { return name, name != "" })
	return out, ok
}

// headerName returns the name by which a header is found; ok is false for those that the API ignores.
func headerName(name string) (string, bool) {
	switch {
	case translate.IsClaim(name):
		return name, true
	case name == "uri" || name == "scheme" || name == "method" || name == "authority":
		return "", false
	}
	return strings.ToLower(name), true
}

func patternsOf(list map[string]*networking.StringMatch, key func(string) (string, bool)) (map[string]pattern, bool) {
	var out map[string]pattern
	for name, m := range list {
		name, counts := key(name)
		if !counts {
			continue
		}
		p, ok := patternOf(m, false)
		if !ok {
			return nil, false
		}
		if out == nil {
			out = map[string]pattern{}
		}
		out[name] = p
	}
	return out, true
}

// all reports whether every request of its origins matches.
func (r *request) all() bool {
	return r.uri.kind == anyValue && r.method.kind == anyValue && r.authority.kind == anyValue && r.scheme.kind == anyValue &&
		len(r.headers)+len(r.query)+len(r.without) == 0
}

// covers reports whether r is known to match every request that l matches.
func (r *request) covers(l *request) bool {
	if !r.uri.covers(l.uri) || !r.origin.covers(l.origin) || !r.method.covers(l.method) || !r.authority.covers(l.authority) || !r.scheme.covers(l.scheme) {
		return false
	}
	for name, p := range r.headers {
		if q, ok := l.headers[name]; !ok || !p.covers(q) {
			return false
		}
	}
	for name, p := range r.query {
		if q, ok := l.query[name]; !ok || !p.covers(q) {
			return false
		}
	}
	for name, p := range r.without {
		if !l.excludes(name, p) {
			return false
		}
	}
	return true
}

// excludes reports whether no request that r matches has a header that matches p.
func (r *request) excludes(name string, p pattern) bool {
	if q, ok := r.headers[name]; ok && q.kind == exactly && p.kind != anyValue && !p.takes(q.text) && !translate.IsClaim(name) {
		return true // a claim may be a list with other values, too
	}
	q, ok := r.without[name]
	switch {
	case !ok:
		return false
	case q.kind == anyValue: // the header is missing, which counts as empty
		return p.kind == anyValue || !p.takes("")
	default:
		return p.kind != anyValue && q.covers(p)
	}
}
