// Package translation reports what of routes Envoy cannot express, as the translation finds it. It makes the routes of each VirtualService
// once, not those of every proxy.
package translation

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"sync"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/translate"
)

// Analyzers returns the analyzers of this package.
func Analyzers() []*analyze.Analyzer { return []*analyze.Analyzer{routes()} }

func routes() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "translation",
		Doc:   "routes that Envoy cannot express, or not as they are meant",
		Codes: []codes.Code{codes.SchemaError, codes.UntranslatedPart, codes.UntranslatedError},
		Kinds: kinds(),
		Run: func(p *analyze.Pass) {
			p.Reads(kinds()...)
			told := map[place]bool{}
			for _, v := range p.Mesh().Virtuals() {
				if len(v.Spec.GetHosts()) == 0 || len(v.Spec.GetHttp()) == 0 { // delegates count where they are named
					continue
				}
				if !slices.ContainsFunc(v.Spec.GetHttp(), delicate) {
					continue
				}
				for _, problem := range virtualHost(p, v) {
					report(p, written(v, problem), told)
				}
			}
		},
	}
}

func kinds() []config.Kind {
	return append(analyze.ServiceKinds(), config.ConfigMap, config.VirtualService, config.HTTPRoute, config.GRPCRoute, config.Ingress, config.TrafficSplit)
}

type place struct {
	object config.Key
	field  string
}

var ruleField = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^spec\.http\[(\d+)\]`) })

// written makes a problem of a rule one of the object in which the rule is written: a delegate has rules of its own.
func written(v *mesh.Virtual, problem config.Problem) config.Problem {
	m := ruleField().FindStringSubmatch(problem.Field)
	if m == nil || problem.Object != v.Object.Key {
		return problem
	}
	i, err := strconv.Atoi(m[1])
	if err != nil || i >= len(v.Spec.GetHttp()) {
		return problem
	}
	origin := v.Rule(i)
	problem.Object = origin.Object.Key
	problem.Field = fmt.Sprintf("spec.http[%d]", origin.Index) + problem.Field[len(m[0]):]
	return problem
}

func report(p *analyze.Pass, problem config.Problem, told map[place]bool) {
	problem = p.Mesh().Attribute(problem)
	o := p.Get(problem.Object)
	at := place{problem.Object, problem.Field}
	if o == nil || p.Broken(o) || told[at] {
		return
	}
	told[at] = true
	problem.Position = o.FieldPosition(problem.Field)
	p.ReportProblem(problem)
}

// virtualHost makes the routes of a VirtualService for each port that its rules speak of, and for one that they do not.
func virtualHost(p *analyze.Pass, v *mesh.Virtual) []config.Problem {
	in := translate.VirtualHostInput{
		Config: p.Config(), Proxy: mesh.Sidecar, Name: v.Spec.GetHosts()[0], Virtual: []*mesh.VirtualService{v.VirtualService},
		Destinations: translate.Destinations([]*mesh.VirtualService{v.VirtualService}, nil, func(host string) *mesh.ScopedService {
			s := p.Mesh().Destination(v, host)
			if s == nil {
				return nil
			}
			return &mesh.ScopedService{Service: s, Ports: s.Ports}
		}),
	}
	if len(v.MeshHosts) == 0 {
		in.Proxy = mesh.Router
	}
	var out []config.Problem
	for _, port := range ports(v.Spec) {
		in.Port = mesh.Port{Number: port, Protocol: mesh.HTTP}
		_, problems := translate.VirtualHost(in)
		out = append(out, problems...)
	}
	return out
}

func ports(spec *networking.VirtualService) []uint32 {
	out := []uint32{80}
	for _, rule := range spec.GetHttp() {
		for _, m := range rule.GetMatch() {
			if n := m.GetPort(); n != 0 && !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	return out
}
