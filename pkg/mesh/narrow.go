package mesh

import (
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/internal/digest"
	"github.com/meshctl/meshctl/pkg/config"
)

// source is where traffic enters the mesh's routing: at a sidecar of a workload, or at a gateway.
type source struct {
	gateway   string // "mesh" or "namespace/name"
	namespace string
	labels    map[string]string
}

// admits reports whether a match concerns traffic of the source.
func (s source) admits(m origin) bool {
	if list := m.GetGateways(); len(list) > 0 {
		found := false
		for _, g := range list {
			found = found || g == s.gateway
		}
		if !found {
			return false
		}
	}
	if n := m.GetSourceNamespace(); n != "" && n != s.namespace {
		return false
	}
	return Selects(m.GetSourceLabels(), s.labels)
}

// narrow returns the VirtualService as it holds for traffic of one source: matches that ask for another source are gone, with
// the routes that have no other match, and what is left asks for none. It returns nil when no route is left, so
// that the service is served as if there were no VirtualService.
func (v *virtual) narrow(from source) *VirtualService {
	if !v.ByOrigin {
		return &v.VirtualService
	}
	var kept []bool
	keep := func(m origin) bool {
		ok := from.admits(m)
		kept = append(kept, ok)
		return ok
	}
	spec := &networking.VirtualService{Hosts: v.Spec.Hosts, Gateways: v.Spec.Gateways, ExportTo: v.Spec.ExportTo}
	for _, r := range v.Spec.Http {
		if matches, ok := admitted(r.Match, keep, plainHTTP); ok {
			r = shallow(r)
			r.Match = matches
			spec.Http = append(spec.Http, r)
		}
	}
	for _, r := range v.Spec.Tls {
		if matches, ok := admitted(r.Match, keep, plainTLS); ok {
			spec.Tls = append(spec.Tls, &networking.TLSRoute{Match: matches, Route: r.Route})
		}
	}
	for _, r := range v.Spec.Tcp {
		if matches, ok := admitted(r.Match, keep, plainTCP); ok {
			spec.Tcp = append(spec.Tcp, &networking.TCPRoute{Match: matches, Route: r.Route})
		}
	}
	if len(spec.Http)+len(spec.Tls)+len(spec.Tcp) == 0 {
		return nil
	}
	out := v.VirtualService
	out.Spec = spec
	out.Digest = digest.Of(struct {
		Whole config.Digest
		Kept  []bool
	}{v.Digest, kept})
	return &out
}

// admitted filters a route's matches; a route without matches stays, one that loses all of them goes.
func admitted[M origin](list []M, keep func(origin) bool, plain func(M) M) ([]M, bool) {
	if len(list) == 0 {
		return nil, true
	}
	var out []M
	for _, m := range list {
		if keep(m) {
			out = append(out, plain(m))
		}
	}
	return out, len(out) > 0
}

// shallow copies a route; the parts are shared and not changed.
func shallow(r *networking.HTTPRoute) *networking.HTTPRoute {
	out := &networking.HTTPRoute{}
	Override(out, r)
	return out
}

func plainHTTP(m *networking.HTTPMatchRequest) *networking.HTTPMatchRequest {
	out := &networking.HTTPMatchRequest{}
	Override(out, m)
	out.Gateways, out.SourceLabels, out.SourceNamespace = nil, nil, ""
	return out
}

func plainTLS(m *networking.TLSMatchAttributes) *networking.TLSMatchAttributes {
	out := &networking.TLSMatchAttributes{}
	Override(out, m)
	out.Gateways, out.SourceLabels, out.SourceNamespace = nil, nil, ""
	return out
}

func plainTCP(m *networking.L4MatchAttributes) *networking.L4MatchAttributes {
	out := &networking.L4MatchAttributes{}
	Override(out, m)
	out.Gateways, out.SourceLabels, out.SourceNamespace = nil, nil, ""
	return out
}
