package envoyfilter

import (
	"slices"

	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	networking "istio.io/api/networking/v1alpha3"
)

// Types of the filters by which filterClass finds its place.
func authenticates(f *hcmv3.HttpFilter) bool {
	return f.GetTypedConfig().MessageName() == "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication"
}

func authorizes(f *hcmv3.HttpFilter) bool {
	switch f.GetTypedConfig().MessageName() {
	case "envoy.extensions.filters.http.rbac.v3.RBAC", "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz":
		return true
	}
	return false
}

// placeOf returns where ADD puts an HTTP filter: before the router, and thereby before what counts requests, or after what
// authenticates or authorizes them. Where nothing authorizes, it is after what authenticates, and at last the front.
func (e *listenerEdit) placeOf(filters []*hcmv3.HttpFilter) int {
	switch e.patch.class {
	case networking.EnvoyFilter_Patch_AUTHN:
		return e.afterClass(filters, authenticates)
	case networking.EnvoyFilter_Patch_AUTHZ:
		return e.afterClass(filters, func(f *hcmv3.HttpFilter) bool { return authenticates(f) || authorizes(f) })
	}
	return endOf(filters, terminalHTTP)
}

// afterClass is behind the last filter of a class and behind those that earlier patches placed there.
func (e *listenerEdit) afterClass(filters []*hcmv3.HttpFilter, is func(*hcmv3.HttpFilter) bool) int {
	at := 0
	for i, f := range filters {
		if is(f) || slices.Contains(e.earlier, f.GetName()) {
			at = i + 1
		}
	}
	return min(at, endOf(filters, terminalHTTP))
}

// placedBefore lists the names of the filters that patches before one placed by its class, or by one that comes before it.
func (g *Program) placedBefore(p *Patch) []string {
	var out []string
	for _, other := range g.listeners {
		if other == p {
			break
		}
		value, ok := other.value.(*hcmv3.HttpFilter)
		if ok && other.operation == networking.EnvoyFilter_Patch_ADD && other.class != networking.EnvoyFilter_Patch_UNSPECIFIED && other.class <= p.class {
			out = append(out, value.GetName())
		}
	}
	return out
}

// endOf returns the place before the filter that ends a chain.
func endOf[F typed](filters []F, terminal func(F) bool) int {
	if i := slices.IndexFunc(filters, terminal); i >= 0 {
		return i
	}
	return len(filters)
}
