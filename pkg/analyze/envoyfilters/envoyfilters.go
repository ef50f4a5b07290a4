// Package envoyfilters judges EnvoyFilters: by themselves, and by what they find in the configuration that is generated for the
// proxies that they are for.
package envoyfilters

import "github.com/meshctl/meshctl/pkg/analyze"

// Analyzers returns the analyzers of this package.
func Analyzers() []*analyze.Analyzer {
	return []*analyze.Analyzer{operations(), patches()}
}
