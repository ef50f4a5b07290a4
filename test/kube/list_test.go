package kube_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/source/kube"
)

func open(t *testing.T, o kube.Options, user string, groups ...string) *kube.Cluster {
	t.Helper()
	access, err := shared.Config(user, groups...)
	if err != nil {
		t.Fatal(err)
	}
	c, err := kube.New(access, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestListsPageByPage(t *testing.T) {
	const services = 2000
	var all strings.Builder
	for i := range services {
		fmt.Fprintf(&all, "---\napiVersion: v1\nkind: Service\nmetadata: {name: s%d, namespace: many}\nspec: {clusterIP: None, ports: [{name: http, port: 80}]}\n", i)
	}
	if err := shared.Apply(t.Context(), []byte("apiVersion: v1\nkind: Namespace\nmetadata: {name: many}\n"+all.String())); err != nil {
		t.Fatal(err)
	}
	pages := 0
	began := time.Now()
	listing, err := open(t, kube.Options{Page: 150, Progress: func(p kube.Progress) { pages++ }}, "admin", "system:masters").
		List(t.Context(), []config.Kind{config.Service, config.TrafficSplit, config.Sidecar})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d objects in %s", len(listing.Read.Objects), time.Since(began))
	found := map[config.Key]bool{}
	for _, o := range listing.Read.Objects {
		if found[o.Key] {
			t.Errorf("%s twice", o.Key)
		}
		found[o.Key] = true
	}
	for i := range services {
		if key := (config.Key{Kind: config.Service, Namespace: "many", Name: fmt.Sprintf("s%d", i)}); !found[key] {
			t.Fatalf("no %s", key)
		}
	}
	// There are no SMI definitions, and no Sidecars: both are known to be none.
	for kind, want := range map[config.Kind]int{config.Service: len(found), config.TrafficSplit: 0, config.Sidecar: 0} {
		if n, listed := listing.Listed[kind]; n != want || !listed {
			t.Errorf("%s: %d, %v", kind, n, listed)
		}
	}
	if len(listing.Missing)+len(listing.Read.Problems) > 0 || pages < services/150 {
		t.Errorf("missing %v, problems %v, %d pages", listing.Missing, listing.Read.Problems, pages)
	}
}

func TestEveryKindIsListed(t *testing.T) {
	listing, err := open(t, kube.Options{}, "admin", "system:masters").List(t.Context(), config.Kinds())
	if err != nil || len(listing.Missing) > 0 || len(listing.Listed) != len(config.Kinds()) {
		t.Errorf("%v, missing %v", err, listing.Missing)
	}
	// What the server itself makes is no problem.
	for _, p := range listing.Read.Problems {
		t.Errorf("%v", p)
	}
}

func TestDeadlineLeavesKindsOut(t *testing.T) {
	c := open(t, kube.Options{Parallel: 1}, "admin", "system:masters")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.List(ctx, []config.Kind{config.Service}); err == nil {
		t.Error("no error although nothing was asked")
	}
}
