package rules

import (
	"slices"
	"strings"

	security "istio.io/api/security/v1beta1"
)

// plainKeys are the keys of conditions that are an attribute's name and no more.
var plainKeys = map[string]Attribute{
	"source.ip":              SourceIP,
	"remote.ip":              RemoteIP,
	"source.namespace":       Namespace,
	"source.serviceAccount":  ServiceAccount,
	"source.trustDomain":     TrustDomain,
	"source.principal":       Principal,
	"request.auth.principal": RequestPrincipal,
	"request.auth.audiences": Audiences,
	"request.auth.presenter": Presenter,
	"destination.ip":         DestinationIP,
	"destination.port":       DestinationPort,
	"connection.sni":         ServerName,
}

const (
	headerKey = "request.headers"
	claimKey  = "request.auth.claims"
	// filterKey is followed by the rest of the filter's name, which begins with "envoy.filters.", and a key in brackets.
	filterKey = "experimental."
)

func (r *reader) condition(at string, in *security.Condition) Constraint {
	c := Constraint{Values: in.GetValues(), NotValues: in.GetNotValues()}
	c.Attribute, c.Key = attributeOf(in.GetKey())
	if c.Attribute == Unknown {
		r.fail(at+".key", "\""+in.GetKey()+"\" is no attribute of a request"+r.skipped(), instead(in.GetKey()))
		c.Invalid = true
		return c
	}
	if len(c.Values) == 0 && len(c.NotValues) == 0 {
		r.fail(at, "a condition needs values or notValues"+r.skipped(), "")
		c.Invalid = true
	}
	c.Invalid = !r.supported(at+".key", c) || c.Invalid
	c.Invalid = !r.valid(at+".values", c.Attribute, c.Values) || c.Invalid
	c.Invalid = !r.valid(at+".notValues", c.Attribute, c.NotValues) || c.Invalid
	return r.qualified(c)
}

// attributeOf reads the key of a condition.
func attributeOf(key string) (Attribute, []string) {
	if a, ok := plainKeys[key]; ok {
		return a, nil
	}
	switch {
	case strings.HasPrefix(key, claimKey+"["):
		if path, ok := brackets(key[len(claimKey):]); ok {
			return Claim, path
		}
	case strings.HasPrefix(key, headerKey+"["):
		if name, ok := bracket(key[len(headerKey):]); ok && headerName(name) {
			return Header, []string{name}
		}
	case strings.HasPrefix(key, filterKey+"envoy.filters."):
		filter, rest, _ := strings.Cut(key[len(filterKey):], "[")
		if name, ok := bracket("[" + rest); ok && filter != "envoy.filters." {
			return FilterMetadata, []string{filter, name}
		}
	}
	return Unknown, nil
}

// bracket reads "[NAME]".
func bracket(s string) (string, bool) {
	inner, open := strings.CutPrefix(s, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	return inner, open && closed && inner != ""
}

// brackets reads "[A][B]...". Brackets within a name make the whole one name, as in Istio.
func brackets(s string) ([]string, bool) {
	whole, ok := bracket(s)
	if !ok {
		return nil, false
	}
	path := strings.Split(whole, "][")
	if strings.ContainsAny(strings.Join(path, ""), "[]") {
		return []string{whole}, true
	}
	return path, !slices.Contains(path, "")
}

// headerName reports whether a header can have the name: a token, or one of HTTP/2's pseudo headers.
func headerName(s string) bool {
	token := strings.TrimPrefix(s, ":")
	return token != "" && strings.IndexFunc(token, func(c rune) bool {
		alphanumeric := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		return !alphanumeric && !strings.ContainsRune("!#$%&'*+-.^_`|~", c)
	}) < 0
}

// instead says what to write in the place of keys that Istio had once, or that lack their brackets.
func instead(key string) string {
	switch {
	case key == "destination.namespace":
		return "put the policy into that namespace"
	case strings.HasPrefix(key, "destination.labels"):
		return "use spec.selector"
	case strings.HasPrefix(key, headerKey):
		return "write request.headers[NAME]"
	case strings.HasPrefix(key, claimKey):
		return "write request.auth.claims[NAME], of nested claims request.auth.claims[NAME][NAME]"
	case strings.HasPrefix(key, filterKey):
		return "write experimental.envoy.filters.FILTER[KEY]"
	}
	return "use a key of Istio's list of authorization policy conditions"
}
