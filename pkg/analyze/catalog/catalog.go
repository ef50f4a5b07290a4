// Package catalog is the list of all analyzers.
package catalog

import (
	"slices"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/analyze/destinations"
	"github.com/meshctl/meshctl/pkg/analyze/envoyfilters"
	"github.com/meshctl/meshctl/pkg/analyze/gateways"
	"github.com/meshctl/meshctl/pkg/analyze/networks"
	"github.com/meshctl/meshctl/pkg/analyze/policies"
	"github.com/meshctl/meshctl/pkg/analyze/routing"
	"github.com/meshctl/meshctl/pkg/analyze/schema"
	"github.com/meshctl/meshctl/pkg/analyze/translation"
	"github.com/meshctl/meshctl/pkg/analyze/workloads"
)

// All returns every analyzer, by subject.
func All() []*analyze.Analyzer {
	return slices.Concat(
		schema.Analyzers(),
		translation.Analyzers(),
		destinations.Analyzers(),
		envoyfilters.Analyzers(),
		workloads.Analyzers(),
		routing.Analyzers(),
		gateways.Analyzers(),
		policies.Analyzers(),
		networks.Analyzers(),
	)
}
