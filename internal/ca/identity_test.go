package ca

import (
	"strings"
	"testing"
)

func TestIdentity(t *testing.T) {
	const id = "spiffe://cluster.local/ns/default/sa/bookinfo-reviews"
	if got := reviews.String(); got != id {
		t.Errorf("String() = %q", got)
	}
	if got, err := Parse(id); err != nil || got != reviews {
		t.Errorf("Parse = %+v, %v", got, err)
	}
	if got := reviews.Subject(); got != "system:serviceaccount:default:bookinfo-reviews" {
		t.Errorf("Subject() = %q", got)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, in := range []string{
		"", "spiffe://", "spiffe://cluster.local", "https://cluster.local/ns/a/sa/b",
		"spiffe://cluster.local/ns/a/sa/", "spiffe://cluster.local/ns//sa/b", "spiffe:///ns/a/sa/b",
		"spiffe://cluster.local/ns/a/sa/b/c", "spiffe://cluster.local/ns/a/sa/b?x=1", "spiffe://cluster.local/ns/a/sa/b#x",
		"spiffe://cluster.local/ns/a%2Fb/sa/c", "spiffe://CLUSTER.local/ns/a/sa/b", "spiffe://cluster.local:80/ns/a/sa/b",
		"spiffe://u@cluster.local/ns/a/sa/b", "spiffe://cluster.local/ns/../sa/b", "spiffe://cluster.local/sa/a/ns/b",
		"spiffe://cluster.local/ns/" + strings.Repeat("a", 64) + "/sa/b",
	} {
		if got, err := Parse(in); err == nil {
			t.Errorf("Parse(%q) = %+v, want an error", in, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("spiffe://cluster.local/ns/default/sa/reviews")
	f.Add("spiffe://a/ns/%2e%2e/sa/b")
	f.Fuzz(func(t *testing.T, in string) {
		id, err := Parse(in)
		if err == nil && (id.String() != in || id.uri().String() != in) {
			t.Errorf("Parse(%q) = %q, as URI %q", in, id, id.uri())
		}
	})
}
