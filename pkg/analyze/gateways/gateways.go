// Package gateways judges how traffic enters the mesh: Gateways and their proxies, the Gateway API, Ingresses, and the certificates
// that they serve with.
package gateways

import "github.com/meshctl/meshctl/pkg/analyze"

// Analyzers returns the analyzers of this package.
func Analyzers() []*analyze.Analyzer {
	return []*analyze.Analyzer{
		selectors(), ports(), conflicts(), credentialsOf(), sharedCertificates(), internalGateways(), subsets(), policySelectors(), conditions(),
		definitions(),
	}
}
