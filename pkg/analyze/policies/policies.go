// Package policies judges authentication, authorization and telemetry: what their objects select and refer to, and what they come to
// for the workloads that they hold for.
package policies

import "github.com/meshctl/meshctl/pkg/analyze"

// Analyzers returns the analyzers of this package.
func Analyzers() []*analyze.Analyzer {
	return []*analyze.Analyzer{
		workloads(), selectors(), references(),
		rulesOverlap(), rulesContradict(), allowNothing(), httpOnTCP(),
		plaintextCallers(),
		requestAuthentications(), tokens(), keyFetching(),
		telemetries(), telemetryProviders(), telemetryExpressions(),
		ambientSidecars(),
	}
}
