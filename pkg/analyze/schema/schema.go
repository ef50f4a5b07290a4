// Package schema reports what reading the configuration and resolving it found wrong.
package schema

import (
	"slices"
	"strings"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// Analyzers returns the analyzers of this package.
func Analyzers() []*analyze.Analyzer {
	return []*analyze.Analyzer{reading(), resolving()}
}

func reading() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "schema",
		Doc:   "what is no valid document: syntax, unknown kinds and fields, wrong values, objects defined twice",
		Codes: []codes.Code{codes.Deprecated, codes.SchemaError, codes.SchemaWarning, codes.Unreadable, codes.NameTaken, codes.UnknownField, codes.UnknownKind, codes.FieldIgnored},
		Run: func(p *analyze.Pass) {
			problems, _ := p.Problems()
			for _, problem := range problems {
				p.ReportProblem(problem)
			}
		},
	}
}

func resolving() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "resolution",
		Doc:   "what contradicts itself or the rest of the mesh, or refers to what does not exist, as the control plane finds it",
		Codes: []codes.Code{codes.Deprecated, codes.SchemaError, codes.SchemaWarning, codes.Unreadable, codes.UnknownField, codes.ReferenceNotFound, codes.VirtualServiceConflict, codes.WeightsOff, codes.FieldIgnored, codes.UnresolvedWarning, codes.UnresolvedError},
		Kinds: Kinds(),
		// What a problem rests on, it says itself; but all that is resolved depends on the mesh's configuration.
		Optional: slices.DeleteFunc(Kinds(), func(k config.Kind) bool { return k == config.ConfigMap }),
		Run: func(p *analyze.Pass) {
			p.Reads(Kinds()...)
			_, problems := p.Problems()
			for _, problem := range problems {
				if needs := needs(problem); len(needs) > 0 && !p.Knows(needs...) {
					what, _, _ := strings.Cut(problem.Message, ";") // what comes of it is not known either
					if o := p.Get(problem.Object); o != nil {
						p.Open(problem.Code, o, what, needs...)
					}
					continue
				}
				p.ReportProblem(problem)
			}
		},
	}
}

func needs(p config.Problem) []config.Kind {
	var out []config.Kind
	for _, kind := range p.Needs {
		if kind != (config.Kind{}) {
			out = append(out, kind)
		}
	}
	return out
}

// Kinds are those that the resolver judges.
func Kinds() []config.Kind {
	return []config.Kind{
		config.VirtualService, config.DestinationRule, config.Gateway, config.ServiceEntry, config.Sidecar, config.WorkloadEntry, config.WorkloadGroup,
		config.EnvoyFilter, config.ProxyConfig, config.WasmPlugin, config.TrafficExtension, config.Telemetry, config.PeerAuthn, config.RequestAuthn,
		config.AuthzPolicy, config.Service, config.Namespace, config.Pod, config.Secret, config.ConfigMap, config.Ingress, config.IngressClass,
		config.GatewayClass, config.K8sGateway, config.HTTPRoute, config.GRPCRoute, config.TCPRoute, config.TLSRoute, config.UDPRoute,
		config.ListenerSet, config.ReferenceGrant, config.BackendTLSPolicy, config.TrafficSplit, config.TrafficTarget, config.HTTPRouteGroup,
		config.SMITCPRoute, config.SMIUDPRoute,
	}
}
