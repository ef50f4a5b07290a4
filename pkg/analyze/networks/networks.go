// Package networks judges NetworkPolicies by what a mesh needs: name servers, the control plane, traffic between workloads, metrics. It
// decides itself what they let through, as https://kubernetes.io/docs/concepts/services-networking/network-policies/ defines it.
package networks

import (
	"slices"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
)

// Analyzers returns the analyzers of this package.
func Analyzers() []*analyze.Analyzer {
	return []*analyze.Analyzer{nameServers(), controlPlane(), isolation(), metrics(), disagreement()}
}

// kinds are those that decide what NetworkPolicies select and let through.
func kinds(more ...config.Kind) []config.Kind {
	out := append(append(analyze.WorkloadKinds(), config.NetworkPolicy, config.Namespace, config.ConfigMap), more...)
	slices.SortFunc(out, func(a, b config.Kind) int { return config.Key{Kind: a}.Compare(config.Key{Kind: b}) })
	return slices.Compact(out)
}
