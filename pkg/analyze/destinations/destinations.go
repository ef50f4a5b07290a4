// Package destinations judges where requests go: DestinationRules and ServiceEntries, against the services and workloads
// that they are about.
package destinations

import "github.com/meshctl/meshctl/pkg/analyze"

// Analyzers returns the analyzers of this package.
func Analyzers() []*analyze.Analyzer {
	return []*analyze.Analyzer{
		ruleAuthorities(), ruleHost(), ruleSubsets(), ruleTLS(), ruleEjection(), rulePrecedence(),
		entryAddresses(), entryProtocols(), meshScoping(),
	}
}
