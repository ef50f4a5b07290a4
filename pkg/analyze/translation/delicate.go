package translation

import (
	"maps"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
)

// delicate reports whether a rule has anything in it that Envoy may be unable to express. Most rules have not, and to make their
// routes would take most of the time.
func delicate(r *networking.HTTPRoute) bool {
	if r.GetFault() != nil || r.GetHeaders() != nil || r.GetRedirect() != nil || r.GetDirectResponse() != nil || r.GetRewrite() != nil ||
		r.GetCorsPolicy() != nil || r.GetRetries().GetRetryOn() != "" {
		return true
	}
	weights := int32(0)
	for _, d := range r.GetRoute() {
		if d.GetHeaders() != nil {
			return true
		}
		weights += d.GetWeight()
	}
	if len(r.GetRoute()) > 1 && weights == 0 {
		return true
	}
	for _, m := range r.GetMatch() {
		for _, s := range []*networking.StringMatch{m.GetUri(), m.GetScheme(), m.GetMethod(), m.GetAuthority()} {
			if regular(s) {
				return true
			}
		}
		for _, list := range []map[string]*networking.StringMatch{m.GetHeaders(), m.GetWithoutHeaders(), m.GetQueryParams()} {
			for s := range maps.Values(list) {
				if regular(s) {
					return true
				}
			}
		}
		for _, list := range []map[string]*networking.StringMatch{m.GetHeaders(), m.GetWithoutHeaders()} {
			for name := range list {
				if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || name == "" {
					return true
				}
			}
		}
	}
	return false
}

func regular(s *networking.StringMatch) bool {
	_, is := s.GetMatchType().(*networking.StringMatch_Regex)
	return is
}
