package incluster

import (
	"slices"
	"testing"

	"github.com/meshctl/meshctl/pkg/config"
)

// TestConfigurationOfTags follows what a control plane sees of objects as they and the tags change.
func TestConfigurationOfTags(t *testing.T) {
	object := func(kind config.Kind, name, label string) *config.Object {
		o := &config.Object{Key: config.Key{Kind: kind, Namespace: "a", Name: name}}
		if label != "" {
			o.Meta.Labels = map[string]string{"istio.io/rev": label}
		}
		return o
	}
	seen := map[string]bool{}
	f := &revisionFilter{labelled: map[config.Key]*config.Object{}, emit: func(b config.Batch) {
		if b.Full {
			clear(seen)
		}
		for _, key := range b.Deletes {
			delete(seen, key.Name)
		}
		for _, o := range b.Upserts {
			seen[o.Key.Name] = true
		}
	}}
	names := func(mine ...string) { f.rename(func(name string) bool { return slices.Contains(mine, name) }) }
	check := func(step string, want ...string) {
		t.Helper()
		if len(seen) != len(want) || slices.ContainsFunc(want, func(name string) bool { return !seen[name] }) {
			t.Errorf("%s: %v, not %v", step, seen, want)
		}
	}
	f.mine = func(name string) bool { return name == "canary" }
	f.batch(config.Batch{Full: true, Upserts: []*config.Object{
		object(config.VirtualService, "all", ""), object(config.VirtualService, "own", "canary"), object(config.HTTPRoute, "tagged", "prod"),
		object(config.AuthzPolicy, "other", "stable"), object(config.Service, "service", "stable"), object(config.WorkloadEntry, "entry", "stable"),
	}})
	check("at first", "all", "own", "service", "entry")
	names("canary", "prod")
	check("the tag leads here", "all", "own", "service", "entry", "tagged")
	f.batch(config.Batch{Upserts: []*config.Object{object(config.VirtualService, "all", "stable"), object(config.AuthzPolicy, "other", "prod")}})
	check("labels change", "own", "service", "entry", "tagged", "other")
	f.batch(config.Batch{Deletes: []config.Key{object(config.HTTPRoute, "tagged", "").Key}})
	names("canary")
	check("the tag leads elsewhere", "own", "service", "entry")
	names("canary", "prod", "stable")
	check("what is gone stays so", "own", "service", "entry", "all", "other")
	f.batch(config.Batch{Full: true, Upserts: []*config.Object{object(config.VirtualService, "new", "")}})
	names("canary")
	names("canary", "prod")
	check("after a new start", "new")
}
