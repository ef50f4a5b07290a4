package ca

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

const (
	// Audience of the tokens that buy a certificate, as Istio's.
	Audience = "istio-ca"
	// DefaultTokenTTL is the life of a join token whose issuer names none.
	DefaultTokenTTL = time.Hour

	tokenFile     = "token-key"
	tokenKeySize  = 32
	tokenIssuer   = "meshctl"
	subjectPrefix = "system:serviceaccount:"
	// maxToken bounds a token in bytes; Kubernetes' have about 1 KiB.
	maxToken = 8 << 10
	// jwtHeader is the only header that is accepted: no algorithm is ever taken from a token.
	jwtHeader = `{"alg":"HS256","typ":"JWT"}`
)

// Authenticator proves who holds a bearer token. Tokens is one; Kubernetes' TokenReview can be another.
type Authenticator interface {
	// Authenticate returns the identity that a token proves. Its error says why it does not, without quoting it.
	Authenticate(ctx context.Context, token string) (Identity, error)
}

// Tokens issues and verifies join tokens: JWTs (RFC 7519) signed with HMAC-SHA256 under a key in the state directory,
// with audience "istio-ca" and the subject of a Kubernetes service account. Issuer and verifier are the same party,
// which is what a symmetric key is for.
type Tokens struct {
	key         PrivateKey
	trustDomain string
	now         func() time.Time
}

type claims struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  audience `json:"aud"`
	ID        string   `json:"jti"`
	IssuedAt  int64    `json:"iat"`
	NotBefore int64    `json:"nbf"`
	Expires   int64    `json:"exp"`
}

// OpenTokens returns the tokens of the mesh whose state is in store; the key is made at the first call. Of the options
// TrustDomain and Now are used.
func OpenTokens(store *Store, o Options) (*Tokens, error) {
	o = o.withDefaults()
	key, err := store.Read(tokenFile)
	if errors.Is(err, fs.ErrNotExist) {
		key = make([]byte, tokenKeySize)
		_, _ = rand.Read(key) // never fails
		if err = store.Create(tokenFile, key); errors.Is(err, fs.ErrExist) {
			key, err = store.Read(tokenFile)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("key of join tokens: %w", err)
	}
	if len(key) != tokenKeySize {
		return nil, fmt.Errorf("key of join tokens %s has %d bytes, not %d: remove it for a new one (tokens issued before end)", store.Path(tokenFile), len(key), tokenKeySize)
	}
	return &Tokens{key: NewPrivateKey(key), trustDomain: o.TrustDomain, now: o.Now}, nil
}

// Issue returns a token with which a workload gets its first certificate as a service account. A ttl of zero or less
// means DefaultTokenTTL.
func (t *Tokens) Issue(namespace, serviceAccount string, ttl time.Duration) (string, error) {
	id := Identity{TrustDomain: t.trustDomain, Namespace: namespace, ServiceAccount: serviceAccount}
	if err := id.Validate(); err != nil {
		return "", fmt.Errorf("join token: %w", err)
	}
	if ttl <= 0 {
		ttl = DefaultTokenTTL
	}
	now := t.now()
	body, err := json.Marshal(claims{
		Issuer: tokenIssuer, Subject: id.Subject(), Audience: audience{Audience}, ID: rand.Text(),
		IssuedAt: now.Unix(), NotBefore: now.Add(-ClockSkew).Unix(), Expires: now.Add(ttl).Unix(),
	})
	if err != nil {
		return "", err
	}
	signed := encode64([]byte(jwtHeader)) + "." + encode64(body)
	return signed + "." + encode64(t.mac(signed)), nil
}

// Authenticate is Verify.
func (t *Tokens) Authenticate(_ context.Context, token string) (Identity, error) {
	return t.Verify(token)
}

// Verify returns the identity that a token of this mesh proves.
func (t *Tokens) Verify(token string) (Identity, error) {
	c, err := t.claims(token)
	if err != nil {
		return Identity{}, fmt.Errorf("join token: %w", err)
	}
	now := t.now()
	expires := time.Unix(c.Expires, 0)
	switch {
	case !now.Before(expires):
		return Identity{}, fmt.Errorf("join token: expired at %s, ask for a new one", expires.UTC().Format(time.RFC3339))
	case now.Before(time.Unix(c.NotBefore, 0)):
		return Identity{}, errors.New("join token: not valid yet, check the clocks of the two machines")
	case c.Issuer != tokenIssuer || !c.Audience.has(Audience):
		return Identity{}, fmt.Errorf("join token: not issued by this mesh for audience %q", Audience)
	}
	namespace, account, ok := strings.Cut(strings.TrimPrefix(c.Subject, subjectPrefix), ":")
	id := Identity{TrustDomain: t.trustDomain, Namespace: namespace, ServiceAccount: account}
	if !ok || c.Subject != id.Subject() || id.Validate() != nil {
		return Identity{}, fmt.Errorf("join token: subject %q is not a service account", clip(c.Subject))
	}
	return id, nil
}

// claims returns what a token with a good signature says.
func (t *Tokens) claims(token string) (claims, error) {
	var c claims
	if len(token) > maxToken {
		return c, fmt.Errorf("has %d bytes, more than %d", len(token), maxToken)
	}
	signed, signature, ok := cutLast(token, ".")
	header, body, ok2 := strings.Cut(signed, ".")
	if !ok || !ok2 || strings.Contains(body, ".") {
		return c, errors.New("is not a JWT (three parts with dots between)")
	}
	mac, err := decode64(signature)
	if err != nil || header != encode64([]byte(jwtHeader)) || !hmac.Equal(mac, t.mac(signed)) {
		return c, errors.New("was not signed by this mesh (was its state directory removed since?)")
	}
	raw, err := decode64(body)
	if err != nil {
		return c, errors.New("has a body that is not base64url")
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return c, errors.New("has a body that is not the JSON of a JWT")
	}
	return c, nil
}

func (t *Tokens) mac(signed string) []byte {
	h := hmac.New(sha256.New, t.key.Reveal())
	h.Write([]byte(signed))
	return h.Sum(nil)
}

// audience is one string or a list in JSON (RFC 7519 section 4.1.3).
type audience []string

func (a *audience) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(a))
}

func (a audience) has(want string) bool {
	for _, s := range a {
		if s == want {
			return true
		}
	}
	return false
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

func encode64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func decode64(s string) ([]byte, error) { return base64.RawURLEncoding.Strict().DecodeString(s) }
