package gateways

import (
	"fmt"
	"strings"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// bundleVersion is the annotation by which the Gateway API says of which release a definition is.
const bundleVersion = "gateway.networking.k8s.io/bundle-version"

// oldestRelease is the first release of the Gateway API whose definition of a kind Istio reads.
func oldestRelease(definition string) (r release, ok bool) {
	switch definition {
	case "grpcroutes.gateway.networking.k8s.io":
		return release{1, 1, 0}, true
	case "backendtlspolicies.gateway.networking.k8s.io":
		return release{1, 4, 0}, true
	case "tlsroutes.gateway.networking.k8s.io":
		return release{1, 5, 0}, true
	case "tcproutes.gateway.networking.k8s.io":
		return release{1, 6, 0}, true
	}
	return release{}, false
}

func definitions() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "gateway-api-version",
		Doc:   "definitions of the Gateway API that are older than what Istio reads",
		Codes: []codes.Code{codes.OldGatewayAPI},
		Kinds: []config.Kind{config.CustomResourceDefinition},
		Run: func(p *analyze.Pass) {
			for _, o := range p.All(config.CustomResourceDefinition) {
				oldest, known := oldestRelease(o.Key.Name)
				written := o.Meta.Annotations[bundleVersion]
				got, ok := parseRelease(written)
				if !known || !ok || !got.before(oldest) {
					continue
				}
				p.Report(analyze.Finding{
					Code: codes.OldGatewayAPI, Object: o, Field: "metadata.annotations[" + bundleVersion + "]",
					Message: fmt.Sprintf("is of the Gateway API %s, and Istio reads this kind from v%s on; objects of the kind are left out", written, oldest),
					Fix:     fmt.Sprintf("install the definitions of the Gateway API v%s or later", oldest),
				})
			}
		},
	}
}

// release is a version: major, minor, patch.
type release [3]int

func (r release) String() string { return fmt.Sprintf("%d.%d.%d", r[0], r[1], r[2]) }

func (r release) before(o release) bool {
	for i := range r {
		if r[i] != o[i] {
			return r[i] < o[i]
		}
	}
	return false
}

// parseRelease reads "v1.4.0"; what follows a dash or plus makes no difference.
func parseRelease(s string) (r release, ok bool) {
	s, _, _ = strings.Cut(strings.TrimPrefix(s, "v"), "+")
	s, _, _ = strings.Cut(s, "-")
	n, err := fmt.Sscanf(s, "%d.%d.%d", &r[0], &r[1], &r[2])
	return r, err == nil && n == len(r)
}
