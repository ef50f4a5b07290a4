// Package manifests holds what an installation is made of: Helm charts, profiles, and the definitions of Istio's resources, which are those
// of the module istio.io/api (Apache License 2.0, in charts/base/files).
package manifests

import "embed"

// FS holds charts/{base,istiod,gateway}, each a chart that Helm itself can install; profiles/*.yaml, each what a profile sets; and
// gateways.yaml, the values of an installation that no chart has.
//
//go:embed all:charts profiles gateways.yaml
var FS embed.FS

// CRDs is the path in FS of the definitions of Istio's resources: YAML documents, word for word those of the module.
const CRDs = "charts/base/files/crds.gen.yaml"
