package kube

import (
	"maps"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/meshctl/meshctl/pkg/config"
)

// Rules are the permissions, in the whole cluster, that Watch needs for some kinds: one rule for each API group, in order of their names.
func Rules(kinds []config.Kind) []rbacv1.PolicyRule {
	resources := map[string][]string{"apiextensions.k8s.io": {Resource(config.CustomResourceDefinition)}}
	for _, k := range kinds {
		if name := Resource(k); !slices.Contains(resources[k.Group], name) {
			resources[k.Group] = append(resources[k.Group], name)
		}
	}
	var out []rbacv1.PolicyRule
	for _, group := range slices.Sorted(maps.Keys(resources)) {
		slices.Sort(resources[group])
		out = append(out, rbacv1.PolicyRule{APIGroups: []string{group}, Resources: resources[group], Verbs: []string{"get", "list", "watch"}})
	}
	return out
}

// Resource is the resource of a kind, its name in paths and in roles, by the rules of English that the names of Kubernetes follow.
func Resource(kind config.Kind) string {
	name := strings.ToLower(kind.Name)
	switch {
	case strings.HasSuffix(name, "s"):
		return name + "es"
	case strings.HasSuffix(name, "y") && !strings.HasSuffix(name, "ay") && !strings.HasSuffix(name, "ey"):
		return strings.TrimSuffix(name, "y") + "ies"
	}
	return name + "s"
}
