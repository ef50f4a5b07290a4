package status

import (
	"maps"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/source/kube"
)

// Rules are the permissions, in the whole cluster, that a Writer needs for a mesh of some kinds: one rule for each API group.
func Rules(kinds []config.Kind) []rbacv1.PolicyRule {
	resources := map[string][]string{}
	for _, k := range kinds {
		if hasStatus(k) {
			resources[k.Group] = append(resources[k.Group], kube.Resource(k)+"/status")
		}
	}
	var out []rbacv1.PolicyRule
	for _, group := range slices.Sorted(maps.Keys(resources)) {
		slices.Sort(resources[group])
		out = append(out, rbacv1.PolicyRule{APIGroups: []string{group}, Resources: resources[group], Verbs: []string{"patch"}})
	}
	return out
}

// hasStatus reports whether objects of a kind are told what became of them.
func hasStatus(kind config.Kind) bool {
	switch kind {
	case config.GatewayClass, config.K8sGateway, config.HTTPRoute, config.GRPCRoute, config.TCPRoute, config.TLSRoute, config.Ingress:
		return true
	}
	return strings.HasSuffix(kind.Group, ".istio.io")
}
