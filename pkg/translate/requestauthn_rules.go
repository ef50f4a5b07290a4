package translate

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"google.golang.org/protobuf/proto"
	security "istio.io/api/security/v1beta1"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// jwtRules are the rules of all RequestAuthentications of a workload by issuer, as Istio orders them. A rule whose keys cannot be had
// stays, and refuses every token.
func jwtRules(authns mesh.Attached, lookup Lookup) ([]JWTRule, []config.Problem) {
	notes := &problems{}
	var out []JWTRule
	for _, o := range authns {
		spec, ok := o.Spec.(*security.RequestAuthentication)
		if !ok {
			continue
		}
		notes.object = o.Key
		for i, given := range spec.GetJwtRules() {
			path := field("spec.jwtRules", i)
			r := JWTRule{Rule: proto.CloneOf(given), From: o.Key}
			cleanJWTRule(r.Rule, path, notes)
			r.Cluster = keysCluster(r.Rule, path, lookup, notes)
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b JWTRule) int { return strings.Compare(a.Rule.GetIssuer(), b.Rule.GetIssuer()) })
	return out, notes.list
}

// cleanJWTRule takes out what Envoy would refuse.
func cleanJWTRule(r *security.JWTRule, path string, notes *problems) {
	named := func(name, at string) bool {
		if !settable(name) {
			notes.failAs(codes.SchemaError, at, strconv.Quote(name)+" is not the name of a header", "use letters, digits and hyphens")
			return false
		}
		return true
	}
	fillable := func(name, at string) bool {
		if reservedHeader(name) {
			notes.failAs(codes.SchemaError, at, strconv.Quote(name)+" says how the request is read, so no claim can be in it", "use a header of your own, for example x-jwt-claim")
			return false
		}
		return named(name, at)
	}
	filled := func(name string, list []string) []string {
		for i, s := range list {
			if s == "" {
				notes.failAs(codes.SchemaError, field(path+"."+name, i), "the value is empty; it is left out", "remove it")
			}
		}
		return slices.DeleteFunc(list, func(s string) bool { return s == "" })
	}
	located := len(r.FromHeaders)+len(r.FromParams)+len(r.FromCookies) > 0
	r.Audiences, r.FromParams, r.FromCookies = filled("audiences", r.Audiences), filled("fromParams", r.FromParams), filled("fromCookies", r.FromCookies)
	var headers []*security.JWTHeader
	for i, h := range r.FromHeaders {
		if named(h.GetName(), field(path+".fromHeaders", i)+".name") {
			headers = append(headers, h)
		}
	}
	r.FromHeaders = headers
	if located && len(r.FromHeaders)+len(r.FromParams)+len(r.FromCookies) == 0 {
		notes.failAs(codes.SchemaError, path, "no place is left where the token could be; the default places count", "correct fromHeaders, fromParams or fromCookies")
	}
	if h := r.OutputPayloadToHeader; h != "" && !fillable(h, path+".outputPayloadToHeader") {
		r.OutputPayloadToHeader = ""
	}
	var claims []*security.ClaimToHeader
	for i, c := range r.OutputClaimToHeaders {
		at := field(path+".outputClaimToHeaders", i)
		if c.GetClaim() == "" {
			notes.failAs(codes.SchemaError, at+".claim", "no claim is named", "name the claim, a nested one with dots")
		} else if fillable(c.GetHeader(), at+".header") {
			claims = append(claims, c)
		}
	}
	r.OutputClaimToHeaders = claims
	if d := r.Timeout; d != nil && !positive(d) {
		notes.failAs(codes.SchemaError, path+".timeout", "a timeout is more than 0", "for example 5s")
		r.Timeout = nil
	}
}

// reservedHeader reports whether a header frames the request or names its host.
func reservedHeader(name string) bool {
	return slices.Contains([]string{"host", "connection", "content-length", "transfer-encoding", "upgrade", "te"}, strings.ToLower(name))
}

// noIssuer stands for an issuer that is missing: no token names it.
const noIssuer = "no issuer"

// keysCluster finds out where the keys of a rule come from: empty for the rule itself.
func keysCluster(r *security.JWTRule, path string, lookup Lookup, notes *problems) string {
	refuseAs := func(code config.Code, at, message, fix string) string {
		notes.failAs(code, at, message+"; every token that the rule is for is refused", fix)
		r.Jwks, r.JwksUri = "", "http://"+BlackHoleCluster+"/"
		return BlackHoleCluster
	}
	refuse := func(at, message, fix string) string { return refuseAs(codes.SchemaError, at, message, fix) }
	switch {
	case r.GetIssuer() == "": // of whom Envoy would take any
		r.Issuer = noIssuer
		return refuse(path+".issuer", "the rule names no issuer", "write the issuer: the tokens' claim iss")
	case r.GetJwks() != "":
		if r.GetJwksUri() != "" {
			notes.warn(path+".jwksUri", "jwks is given as well, and only that counts", "remove one of the two")
		}
		if err := usableKeys(r.GetJwks()); err != "" {
			return refuse(path+".jwks", err, `write a JSON Web Key Set: {"keys": [...]} (RFC 7517)`)
		}
		return ""
	case r.GetJwksUri() == "":
		return refuseAs(codes.UntranslatedError, path, "neither jwks nor jwksUri is given, and proxies do not look up OpenID metadata",
			"write jwksUri: the issuer publishes it as jwks_uri under "+strings.TrimSuffix(r.GetIssuer(), "/")+"/.well-known/openid-configuration")
	}
	at, ok := keysAddress(r.GetJwksUri())
	if !ok {
		return refuse(path+".jwksUri", strconv.Quote(r.GetJwksUri())+" is not an http or https URL", "write the URL under which the issuer publishes its keys")
	}
	s := lookup(at.host)
	if s == nil || s.PortNumber(at.port) == nil {
		return at.clusterName()
	}
	if at.tls && policyFor(s.Rule, at.port, "").tls == nil {
		if InlineEndpoints(s.Service) || s.Resolution == mesh.Passthrough { // DNS knows the host
			return at.clusterName()
		}
		notes.warn(path+".jwksUri", "it is https, and no DestinationRule makes the proxy speak TLS to "+at.host, "add a DestinationRule with trafficPolicy.tls.mode: SIMPLE")
	}
	return ClusterName(at.host, at.port, "")
}

// fetchesKeys reports whether a RequestAuthentication names keys that are to be fetched.
func fetchesKeys(o *config.Object) bool {
	spec, _ := o.Spec.(*security.RequestAuthentication)
	return slices.ContainsFunc(spec.GetJwtRules(), func(r *security.JWTRule) bool { return r.GetJwks() == "" && r.GetJwksUri() != "" })
}

// noKeys is what is wrong with an empty key set.
const noKeys = "it has no usable key"

// usableKeys returns what is wrong with a key set: Envoy wants JSON with at least one key that it knows.
func usableKeys(text string) string {
	set := jose.JSONWebKeySet{}
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		return "it is no key set: " + err.Error()
	}
	if !slices.ContainsFunc(set.Keys, func(k jose.JSONWebKey) bool { return k.Valid() }) {
		return noKeys
	}
	return ""
}

// keysEndpoint is where keys are fetched.
type keysEndpoint struct {
	host string
	port uint32
	tls  bool
}

func keysAddress(uri string) (keysEndpoint, bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
		return keysEndpoint{}, false
	}
	out := keysEndpoint{host: strings.ToLower(u.Hostname()), port: 80, tls: u.Scheme == "https"}
	if out.tls {
		out.port = 443
	}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return keysEndpoint{}, false
		}
		out.port = uint32(n)
	}
	return out, addressable(out.host, true)
}
