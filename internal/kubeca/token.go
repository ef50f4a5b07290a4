package kubeca

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	authentication "k8s.io/api/authentication/v1"
	"k8s.io/client-go/dynamic"

	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/internal/kubeobject"
)

const (
	// remember is how long a token that was good is not asked about again: an agent that fails to get a certificate tries again soon.
	remember = 10 * time.Second
	// mostRemembered bounds the memory of tokens.
	mostRemembered = 10000
	// maxToken bounds a token in bytes.
	maxToken = 16 << 10

	accountPrefix = "system:serviceaccount:"
)

// Tokens asks the API server who holds a service account token of audience ca.Audience
// (https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/). It implements ca.Authenticator; any
// number of goroutines may use it.
type Tokens struct {
	reviews     kubeobject.Objects[authentication.TokenReview]
	trustDomain string
	now         func() time.Time

	mu    sync.Mutex
	known map[[sha256.Size]byte]verdict
}

type verdict struct {
	id    ca.Identity
	until time.Time
}

// NewTokens returns the authenticator of a trust domain.
func NewTokens(client dynamic.Interface, trustDomain string) *Tokens {
	return &Tokens{
		reviews:     kubeobject.In[authentication.TokenReview](client, authentication.SchemeGroupVersion, ""),
		trustDomain: trustDomain, now: time.Now, known: map[[sha256.Size]byte]verdict{},
	}
}

// Authenticate implements ca.Authenticator.
func (t *Tokens) Authenticate(ctx context.Context, token string) (ca.Identity, error) {
	if token == "" || len(token) > maxToken {
		return ca.Identity{}, fmt.Errorf("the token has %d bytes: not one of a service account", len(token))
	}
	sum := sha256.Sum256([]byte(token))
	if id, ok := t.recall(sum); ok {
		return id, nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	review, err := t.reviews.Create(ctx, &authentication.TokenReview{
		Spec: authentication.TokenReviewSpec{Token: token, Audiences: []string{ca.Audience}},
	})
	if err != nil {
		return ca.Identity{}, fmt.Errorf("the API server could not be asked about the token: %w", withoutToken(err, token))
	}
	id, err := t.judge(review.Status)
	if err == nil {
		t.keep(sum, id)
	}
	return id, err
}

func (t *Tokens) judge(s authentication.TokenReviewStatus) (ca.Identity, error) {
	switch {
	case !s.Authenticated && s.Error != "":
		return ca.Identity{}, fmt.Errorf("the API server refuses the token: %s", clip(s.Error))
	case !s.Authenticated:
		return ca.Identity{}, errors.New("the API server refuses the token: it is not, or no longer, one of a service account of this cluster")
	case !slices.Contains(s.Audiences, ca.Audience):
		return ca.Identity{}, fmt.Errorf("the token is not for audience %q: project one with that audience", ca.Audience)
	}
	rest, ok := strings.CutPrefix(s.User.Username, accountPrefix)
	namespace, account, split := strings.Cut(rest, ":")
	if !ok || !split {
		return ca.Identity{}, fmt.Errorf("the token is of user %q, not of a service account", clip(s.User.Username))
	}
	id := ca.Identity{TrustDomain: t.trustDomain, Namespace: namespace, ServiceAccount: account}
	return id, id.Validate()
}

func (t *Tokens) recall(sum [sha256.Size]byte) (ca.Identity, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v, ok := t.known[sum]
	return v.id, ok && t.now().Before(v.until)
}

func (t *Tokens) keep(sum [sha256.Size]byte, id ca.Identity) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if len(t.known) >= mostRemembered {
		for k, v := range t.known {
			if !now.Before(v.until) {
				delete(t.known, k)
			}
		}
	}
	if len(t.known) < mostRemembered {
		t.known[sum] = verdict{id, now.Add(remember)}
	}
}

// withoutToken keeps the token out of an error, should the server quote it.
func withoutToken(err error, token string) error {
	if text := err.Error(); strings.Contains(text, token) {
		return errors.New(strings.ReplaceAll(text, token, "[token]"))
	}
	return err
}

// clip keeps foreign words short.
func clip(s string) string {
	const most = 200
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}
