package kube

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshctl/meshctl/pkg/config"
)

// A Secret that came without content, because nothing named it, and is put into the store after a Gateway has named it, is read: nobody else
// would ever ask for it.
func TestNamedBetweenComingAndBeingPut(t *testing.T) {
	chosen := newChoice()
	s := newStore(config.Secret, newFeed(nil), chosen)
	var fetched []string
	s.fetch = func(key config.Key) { fetched = append(fetched, key.Name) }
	chosen.add(s)
	item := func(name string) *item {
		return &item{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, ResourceVersion: "1"}}
	}
	chosen.note(config.Key{Kind: config.Gateway, Namespace: "default", Name: "entry"}, []string{"one"})
	if err := s.Replace([]any{item("one"), item("two")}, "1"); err != nil {
		t.Fatal(err)
	}
	if want := []string{"one"}; !slices.Equal(fetched, want) {
		t.Errorf("fetched %v, want %v", fetched, want)
	}
	chosen.note(config.Key{Kind: config.Gateway, Namespace: "default", Name: "other"}, []string{"two"})
	if want := []string{"one", "two"}; !slices.Equal(fetched, want) {
		t.Errorf("fetched %v, want %v", fetched, want)
	}
}
