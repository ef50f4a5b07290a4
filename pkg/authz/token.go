package authz

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	security "istio.io/api/security/v1beta1"

	"github.com/meshctl/meshctl/pkg/authz/rules"
	"github.com/meshctl/meshctl/pkg/config"
)

// tokenRule is one rule of a RequestAuthentication.
type tokenRule struct {
	key   config.Key
	field string
	*security.JWTRule
}

// failure is why a token was refused.
type failure struct {
	tokenRule
	status int
}

func tokenRules(o *config.Object) (out []tokenRule) {
	spec, ok := o.Spec.(*security.RequestAuthentication)
	if !ok {
		return nil
	}
	for i, r := range spec.GetJwtRules() {
		out = append(out, tokenRule{o.Key, fmt.Sprintf("spec.jwtRules[%d]", i), r})
	}
	return out
}

// skew is how far Envoy's clock and that of a token's issuer may be apart.
const skew = time.Minute

// authenticate verifies the tokens of a request and notes the claims. A request without a token is none of its business; the token of one
// rule must be valid where any rule looks for tokens and finds some. CORS preflights carry none (Envoy, JwtAuthentication).
func (p *Policies) authenticate(f *facts) (*failure, string) {
	if f.HTTP == nil || len(p.tokens) == 0 || f.preflight() {
		return nil, ""
	}
	var failed *failure
	var reason string
	for _, r := range p.tokens {
		claims, status, err := r.verify(f, p)
		switch {
		case err != nil && failed == nil:
			failed, reason = &failure{r, status}, err.Error()
		case err == nil && claims != nil:
			r.accept(f, claims)
			return nil, ""
		}
	}
	return failed, reason
}

func (f *facts) preflight() bool {
	origin, method := f.headers["origin"], f.headers["access-control-request-method"]
	return f.HTTP.Method == "OPTIONS" && origin != "" && method != ""
}

// withoutForgedClaims takes away the headers that only the proxy fills, as it does before anything else.
func (p *Policies) withoutForgedClaims(f *facts) {
	var list []*security.JWTRule
	for _, r := range p.tokens {
		list = append(list, r.JWTRule)
	}
	for _, name := range rules.FilledByTokens(list) {
		delete(f.headers, name)
	}
}

// verify returns the claims of the token that a rule finds; none is no error.
func (r tokenRule) verify(f *facts, p *Policies) (claims map[string]any, status int, err error) {
	for _, raw := range r.find(f) {
		claims, err = ParseToken(raw)
		if err == nil {
			status, err = r.valid(claims, f.Now)
		}
		if err == nil && slices.Contains(f.HTTP.Forged, raw) {
			err = errors.New("the signature of the token is wrong")
		}
		if err != nil {
			return nil, cmp.Or(status, statusUnauthenticated), err
		}
	}
	if claims == nil && f.HTTP.Claims != nil && r.expects(f.HTTP.Claims, p) {
		claims = f.HTTP.Claims
		if status, err = r.valid(claims, f.Now); err != nil {
			return nil, status, err
		}
	}
	return claims, 0, nil
}

// expects reports whether claims that come without a token stand where the rule looks: the rules of their issuer look, or else all.
func (r tokenRule) expects(claims map[string]any, p *Policies) bool {
	issuer, _ := claims["iss"].(string)
	return r.GetIssuer() == issuer || !slices.ContainsFunc(p.tokens, func(r tokenRule) bool { return r.GetIssuer() == issuer })
}

func (r tokenRule) valid(claims map[string]any, now time.Time) (int, error) {
	if r.GetIssuer() == "" {
		return statusUnauthenticated, errors.New("the rule names no issuer, so no token is valid")
	}
	if issuer, _ := claims["iss"].(string); issuer != "" && issuer != r.GetIssuer() {
		return statusUnauthenticated, fmt.Errorf("the token's issuer is %q, not %q", issuer, r.GetIssuer())
	}
	if !now.IsZero() {
		if begin, ok := instant(claims["nbf"]); ok && now.Add(skew).Before(begin) {
			return statusUnauthenticated, fmt.Errorf("the token is not valid before %s", begin.UTC().Format(time.RFC3339))
		}
		if end, ok := instant(claims["exp"]); ok && now.Add(-skew).After(end) {
			return statusUnauthenticated, fmt.Errorf("the token expired at %s", end.UTC().Format(time.RFC3339))
		}
	}
	if len(r.GetAudiences()) == 0 {
		return 0, nil
	}
	given := audiences(claims["aud"])
	for _, want := range r.GetAudiences() {
		if slices.Contains(given, audience(want)) {
			return 0, nil
		}
	}
	return statusForbidden, fmt.Errorf("the token's audience is %q, the rule wants one of %q", given, r.GetAudiences())
}

func instant(v any) (time.Time, bool) {
	seconds, ok := v.(float64)
	return time.Unix(int64(seconds), 0), ok && seconds > 0
}

func audiences(v any) (out []string) {
	switch v := v.(type) {
	case string:
		return []string{audience(v)}
	case []any:
		for _, one := range v {
			if s, ok := one.(string); ok {
				out = append(out, audience(s))
			}
		}
	}
	return out
}

// audience leaves the scheme and the last slash out, as Envoy does.
func audience(s string) string {
	s, https := strings.CutPrefix(s, "https://")
	if !https {
		s = strings.TrimPrefix(s, "http://")
	}
	return strings.TrimSuffix(s, "/")
}

// accept makes a verified token's claims facts, and changes the request as the proxy does.
func (r tokenRule) accept(f *facts, claims map[string]any) {
	f.claims = normalizedClaims(claims, r.GetSpaceDelimitedClaims())
	if !r.GetForwardOriginalToken() {
		for _, h := range r.headers() {
			if _, found := f.tokenIn(h); found {
				delete(f.headers, strings.ToLower(h.GetName()))
			}
		}
	}
	if name := r.GetOutputPayloadToHeader(); name != "" {
		if payload, err := json.Marshal(claims); err == nil {
			f.headers[strings.ToLower(name)] = base64.RawURLEncoding.EncodeToString(payload)
		}
	}
	for _, c := range r.GetOutputClaimToHeaders() {
		v, _ := lookup(claims, strings.Split(c.GetClaim(), "."))
		if text, ok := headerValue(v); ok {
			f.headers[strings.ToLower(c.GetHeader())] = text
		}
	}
}

func headerValue(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, v != ""
	case bool:
		return strconv.FormatBool(v), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	}
	return "", false
}

// normalizedClaims splits the claims that are lists separated by blanks.
func normalizedClaims(claims map[string]any, spaced []string) map[string]any {
	out := map[string]any{}
	for name, v := range claims {
		if s, ok := v.(string); ok && (name == "scope" || name == "permission" || slices.Contains(spaced, name)) {
			var list []any
			for _, word := range strings.Fields(s) {
				list = append(list, word)
			}
			v = list
		}
		out[name] = v
	}
	return out
}

// headers are where the rule looks for tokens besides parameters and cookies.
func (r tokenRule) headers() []*security.JWTHeader {
	if r.standard() {
		return []*security.JWTHeader{{Name: "authorization", Prefix: "Bearer "}}
	}
	return r.GetFromHeaders()
}

// standard: the rule names no place.
func (r tokenRule) standard() bool {
	return len(r.GetFromHeaders())+len(r.GetFromParams())+len(r.GetFromCookies()) == 0
}

// find returns the tokens where the rule looks.
func (r tokenRule) find(f *facts) (out []string) {
	for _, h := range r.headers() {
		if token, ok := f.tokenIn(h); ok {
			out = append(out, token)
		}
	}
	params := r.GetFromParams()
	if r.standard() {
		params = []string{"access_token"}
	}
	_, query, _ := strings.Cut(f.path, "?")
	for _, name := range params {
		if token, ok := param(query, name); ok {
			out = append(out, token)
		}
	}
	for _, name := range r.GetFromCookies() {
		if token, ok := cookie(f.headers["cookie"], name); ok {
			out = append(out, token)
		}
	}
	return out
}

const tokenCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

// tokenIn takes a token out of a header: the characters of a token after the prefix.
func (f *facts) tokenIn(h *security.JWTHeader) (string, bool) {
	value, ok := f.headers[strings.ToLower(h.GetName())]
	if !ok {
		return "", false
	}
	if h.GetPrefix() == "" {
		return value, true
	}
	_, after, found := strings.Cut(value, h.GetPrefix())
	if !found {
		return "", false
	}
	start := strings.IndexAny(after, tokenCharacters)
	if start < 0 {
		return value, true
	}
	after = after[start:]
	if end := strings.IndexFunc(after, func(c rune) bool { return !strings.ContainsRune(tokenCharacters, c) }); end >= 0 {
		after = after[:end]
	}
	return after, true
}

func param(query, name string) (string, bool) {
	for _, part := range strings.Split(query, "&") {
		if k, v, _ := strings.Cut(part, "="); k == name {
			if plain, err := url.PathUnescape(v); err == nil {
				v = plain
			}
			return v, true
		}
	}
	return "", false
}

func cookie(header, name string) (string, bool) {
	for _, part := range strings.Split(header, ";") {
		if k, v, ok := strings.Cut(strings.TrimSpace(part), "="); ok && k == name {
			return strings.Trim(v, `"`), true
		}
	}
	return "", false
}

// ParseToken returns the claims of a JWT without verifying its signature.
func ParseToken(raw string) (map[string]any, error) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return nil, errors.New("the token is not a JWT: it does not have three parts")
	}
	var header struct{ Alg string }
	var claims map[string]any
	for i, into := range []any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return nil, errors.New("the token is not a JWT: its parts are not base64url")
		}
		if err := json.Unmarshal(text, into); err != nil {
			return nil, errors.New("the token is not a JWT: its parts are not JSON objects")
		}
	}
	if claims == nil {
		return nil, errors.New("the token has no claims")
	}
	return claims, nil
}
