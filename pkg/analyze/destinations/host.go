package destinations

import (
	"fmt"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

func ruleHost() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "destinationrule-host",
		Doc:   "DestinationRules for hosts that are no service",
		Codes: []codes.Code{codes.RuleWithoutService},
		Kinds: ruleKinds(),
		Run: func(p *analyze.Pass) {
			hosts := hostNames.Of(p)
			for _, r := range rules.Of(p) {
				if slices.ContainsFunc(r.Services, r.sees(p)) || r.withinWildcard(p) {
					continue
				}
				if makers := mesh.HostKinds(r.Reach.Host, p.Config().DomainSuffix); !p.Knows(makers...) {
					p.Open(codes.RuleWithoutService, r.Object, "a service with the host "+r.Reach.Host, makers...)
					continue
				}
				f := analyze.Finding{
					Code: codes.RuleWithoutService, Object: r.Object, Field: "spec.host",
					Message: fmt.Sprintf("no service has the host %s: the rule has no effect", r.Reach.Host),
				}
				if len(r.Services) > 0 {
					f.Message = fmt.Sprintf("%s is not exported to any namespace for which the rule counts: it has no effect", r.Services[0].From)
					f.Fix = "export the service to " + r.Key.Namespace + ", or move the rule beside it"
				} else if near := config.Nearest(r.Reach.Host, hosts); near != "" && !r.Reach.Wildcard() {
					f.Fix = "write host: " + near + ", or create the service"
				}
				p.Report(f)
			}
		},
	}
}

var hostNames = analyze.NewFact(func(p *analyze.Pass) []string {
	var out []string
	for _, s := range p.Services() {
		if len(out) == 0 || out[len(out)-1] != s.Host {
			out = append(out, s.Host)
		}
	}
	return out
})

// sees reports whether a service can be seen from a namespace in which the rule counts.
func (r *rule) sees(p *analyze.Pass) func(*mesh.Service) bool {
	return func(s *mesh.Service) bool {
		return s.Visibility.Public || r.Key.Namespace == p.Config().Mesh.GetRootNamespace() ||
			s.Visibility.In(r.Key.Namespace) || slices.ContainsFunc(r.Reach.Visibility.Namespaces, s.Visibility.In)
	}
}

// withinWildcard reports whether a service with a wildcard host covers the rule's.
func (r *rule) withinWildcard(p *analyze.Pass) bool {
	for _, s := range wildcardServices.Of(p) {
		if strings.HasSuffix(strings.TrimPrefix(r.Reach.Host, "*"), s.Host[1:]) && r.sees(p)(s) {
			return true
		}
	}
	return false
}

var wildcardServices = analyze.NewFact(func(p *analyze.Pass) []*mesh.Service {
	var out []*mesh.Service
	for _, s := range p.Services() {
		if strings.HasPrefix(s.Host, "*") {
			out = append(out, s)
		}
	}
	return out
})
