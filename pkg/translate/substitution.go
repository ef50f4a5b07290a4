package translate

import (
	"regexp"
	"strconv"

	networking "istio.io/api/networking/v1alpha3"
)

// substitution reports whether every \N in the replacement stands for a group that the expression has: Envoy refuses others.
func (b *routeBuilder) substitution(r *networking.RegexRewrite, path string) bool {
	groups := regexp.MustCompile(r.GetMatch()).NumSubexp() // compiled before
	s := r.GetRewrite()
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			continue
		}
		i++
		if i == len(s) || s[i] != '\\' && (s[i] < '0' || s[i] > '9' || int(s[i]-'0') > groups) {
			b.notes.fail(path, "the replacement refers to a group that the expression does not have", "it has "+strconv.Itoa(groups)+"; write \\\\ for a backslash")
			return false
		}
	}
	return headerValue(s)
}
