package authz

import (
	"encoding/json"
	"strings"

	"github.com/meshctl/meshctl/pkg/authz/rules"
)

// claimPath is where a constraint looks in the verified token.
func claimPath(c rules.Constraint) []string {
	switch c.Attribute {
	case rules.Audiences:
		return []string{"aud"}
	case rules.Presenter:
		return []string{"azp"}
	}
	return c.Key
}

func lookup(claims map[string]any, path []string) (any, bool) {
	var at any = claims
	for _, name := range path {
		object, ok := at.(map[string]any)
		if !ok {
			return nil, false
		}
		if at, ok = object[name]; !ok {
			return nil, false
		}
	}
	return at, claims != nil
}

// matchesClaim matches a string, or one string of a list; claims of other types match nothing.
func matchesClaim(value string, claim any) bool {
	switch claim := claim.(type) {
	case string:
		return rules.Matches(value, claim)
	case []any:
		for _, one := range claim {
			if s, ok := one.(string); ok && rules.Matches(value, s) {
				return true
			}
		}
	}
	return false
}

func render(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	text, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(text)
}

func (f *facts) requestPrincipal() (string, bool) {
	iss, ok1 := f.claims["iss"].(string)
	sub, ok2 := f.claims["sub"].(string)
	return iss + "/" + sub, ok1 && ok2
}

// requestPrincipalTest matches issuer and subject of the verified token with "ISS/SUB"; issuers have slashes. A wildcard stands at the
// beginning of the issuer or at the end of the subject; without a slash it stands for the other part too.
func requestPrincipalTest(value string) test {
	at := strings.LastIndexByte(value, '/')
	begins, ends := strings.HasPrefix(value, "*"), strings.HasSuffix(value, "*")
	matchIss, matchSub := rules.Matches, rules.Matches
	iss, sub := value, ""
	switch {
	case value == "*":
		sub = "*"
	case at < 0 && begins:
		iss, sub = "*", value
	case at < 0 && ends:
		sub = "*"
	case at < 0:
		matchIss, matchSub = equal, equal
	case begins:
		iss, sub, matchSub = value[:at], value[at+1:], equal
	default:
		iss, sub, matchIss = value[:at], value[at+1:], equal
	}
	return func(f *facts) bool {
		gotIss, ok1 := f.claims["iss"].(string)
		gotSub, ok2 := f.claims["sub"].(string)
		return ok1 && ok2 && matchIss(iss, gotIss) && matchSub(sub, gotSub)
	}
}

func equal(value, text string) bool { return value == text }
