package ca

import (
	"fmt"
	"net/url"
	"strings"
)

// DefaultTrustDomain is the trust domain where none is configured, as in Istio.
const DefaultTrustDomain = "cluster.local"

// Identity is who a workload is: a service account of a namespace in a trust domain.
type Identity struct {
	TrustDomain, Namespace, ServiceAccount string
}

// String returns the SPIFFE ID, "spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT".
func (i Identity) String() string {
	return "spiffe://" + i.TrustDomain + "/ns/" + i.Namespace + "/sa/" + i.ServiceAccount
}

// Subject returns the identity as Kubernetes names it in tokens, "system:serviceaccount:NAMESPACE:SERVICE-ACCOUNT".
func (i Identity) Subject() string {
	return subjectPrefix + i.Namespace + ":" + i.ServiceAccount
}

// Validate reports which part of the identity is missing or cannot stand in a SPIFFE ID.
func (i Identity) Validate() error {
	for _, part := range [...]struct {
		what, value, also string
		limit             int
	}{
		{"trust domain", i.TrustDomain, "._-", 255},
		{"namespace", i.Namespace, "-", 63},
		{"service account", i.ServiceAccount, ".-", 253},
	} {
		if err := checkName(part.value, part.also, part.limit); err != nil {
			return fmt.Errorf("%s %q %w", part.what, clip(part.value), err)
		}
	}
	return nil
}

// Parse reads a SPIFFE ID in the form that String writes; everything else, a query or an escaped path included, is
// an error.
func Parse(id string) (Identity, error) {
	rest, ok := strings.CutPrefix(id, "spiffe://")
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 5 || parts[1] != "ns" || parts[3] != "sa" {
		return Identity{}, fmt.Errorf("%q is not a workload's SPIFFE ID (want spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT)", clip(id))
	}
	out := Identity{TrustDomain: parts[0], Namespace: parts[2], ServiceAccount: parts[4]}
	if err := out.Validate(); err != nil {
		return Identity{}, fmt.Errorf("SPIFFE ID %q: %w", clip(id), err)
	}
	return out, nil
}

// uri is the identity as a certificate's subject alternative name; the identity must be valid.
func (i Identity) uri() *url.URL {
	return &url.URL{Scheme: "spiffe", Host: i.TrustDomain, Path: "/ns/" + i.Namespace + "/sa/" + i.ServiceAccount}
}

func checkName(name, also string, limit int) error {
	if name == "" {
		return fmt.Errorf("is missing")
	}
	if len(name) > limit {
		return fmt.Errorf("has %d characters, more than %d", len(name), limit)
	}
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && strings.IndexByte(also, c) < 0 {
			return fmt.Errorf("may only have lower case letters, digits and %q", also)
		}
	}
	if strings.IndexByte(also, name[0]) >= 0 || strings.IndexByte(also, name[len(name)-1]) >= 0 {
		return fmt.Errorf("must start and end with a letter or digit")
	}
	return nil
}

// clip keeps foreign input short in messages.
func clip(s string) string {
	const limit = 80
	if len(s) > limit {
		return s[:limit] + "..."
	}
	return s
}
