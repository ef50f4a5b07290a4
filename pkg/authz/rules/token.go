package rules

import (
	"slices"
	"strings"

	security "istio.io/api/security/v1beta1"
)

// FilledByTokens are the headers, in lower case and each once, that the rules of RequestAuthentications fill from verified tokens. What a
// client says in them is taken away, except where a rule looks for its token.
func FilledByTokens(list []*security.JWTRule) []string {
	places := map[string]bool{}
	var names []string
	for _, r := range list {
		for _, h := range r.GetFromHeaders() {
			places[strings.ToLower(h.GetName())] = true
		}
		if len(r.GetFromHeaders())+len(r.GetFromParams())+len(r.GetFromCookies()) == 0 {
			places["authorization"] = true
		}
		if len(r.GetFromCookies()) > 0 {
			places["cookie"] = true
		}
		names = append(names, strings.ToLower(r.GetOutputPayloadToHeader()))
		for _, c := range r.GetOutputClaimToHeaders() {
			names = append(names, strings.ToLower(c.GetHeader()))
		}
	}
	names = slices.DeleteFunc(names, func(n string) bool { return n == "" || places[n] })
	slices.Sort(names)
	return slices.Compact(names)
}
