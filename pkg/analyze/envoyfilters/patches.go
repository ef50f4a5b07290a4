package envoyfilters

import (
	"fmt"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/xds"
)

func patches() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "envoyfilter-patches",
		Doc:   "patches that find nothing in the generated configuration, that Envoy would refuse, or that exclude each other",
		Codes: []codes.Code{codes.PatchMatchesNothing, codes.SchemaError, codes.SchemaWarning, codes.UntranslatedError},
		Kinds: append(analyze.ProxyKinds(), config.EnvoyFilter),
		Run: func(p *analyze.Pass) {
			filters := p.All(config.EnvoyFilter)
			if len(filters) == 0 {
				return
			}
			g := &generation{pass: p, catalog: xds.NewCatalog(p.Mesh()), filters: filters, tried: map[config.Key]bool{}}
			problems := g.run()
			for _, problem := range problems {
				switch problem.Code {
				case codes.WrongAdd, codes.WrongReplace, codes.WrongRemove: // said by envoyfilter-operations
					continue
				}
				o := p.Get(problem.Object)
				if o == nil || p.Broken(o) {
					continue
				}
				problem.Position = o.FieldPosition(problem.Field)
				p.ReportProblem(problem)
			}
			for _, o := range filters {
				if spec, ok := o.Spec.(*networking.EnvoyFilter); ok && !g.tried[o.Key] && generated(spec) {
					p.Open(codes.PatchMatchesNothing, o, "a workload with a proxy for which the EnvoyFilter holds", append(analyze.WorkloadKinds(), config.Namespace)...)
				}
			}
		},
	}
}

// generated reports whether any patch is for what is generated, and not for what proxies start with.
func generated(spec *networking.EnvoyFilter) bool {
	for _, patch := range spec.GetConfigPatches() {
		if a := patch.GetApplyTo(); a != networking.EnvoyFilter_BOOTSTRAP && a != networking.EnvoyFilter_EXTENSION_CONFIG && a != networking.EnvoyFilter_INVALID {
			return true
		}
	}
	return false
}

// generation makes the configuration of the proxies that EnvoyFilters hold for.
type generation struct {
	pass    *analyze.Pass
	catalog *xds.Catalog
	filters []*config.Object
	tried   map[config.Key]bool // EnvoyFilters that hold for a proxy
}

// run generates for one proxy of every view first. Further proxies of the same views, which differ in what only they serve, are
// looked at while some patch has found nothing.
func (g *generation) run() []config.Problem {
	proxies := analyze.AllProxies(g.pass)
	for _, w := range proxies.Scopes {
		g.join(w)
	}
	problems := g.catalog.FilterProblems()
	for n, rest := 16, proxies.Others; len(rest) > 0 && g.mayMatchElsewhere(problems); n *= 2 {
		n = min(n, len(rest))
		for _, w := range rest[:n] {
			g.join(w)
		}
		rest, problems = rest[n:], g.catalog.FilterProblems()
	}
	return problems
}

func (g *generation) join(w *analyze.Workload) {
	proxy := w.Proxy()
	holds := g.pass.Mesh().Attached(config.EnvoyFilter, proxy)
	if len(holds) == 0 {
		return
	}
	for _, o := range holds {
		g.tried[o.Key] = true
	}
	g.catalog.Join(proxy)
}

// mayMatchElsewhere reports whether a patch that found nothing is for what is a proxy's own.
func (g *generation) mayMatchElsewhere(problems []config.Problem) bool {
	for _, p := range problems {
		if p.Code != codes.PatchMatchesNothing {
			continue
		}
		o := g.pass.Get(p.Object)
		if o == nil {
			continue
		}
		for i, patch := range o.Spec.(*networking.EnvoyFilter).GetConfigPatches() {
			if strings.HasPrefix(p.Field, fmt.Sprintf("spec.configPatches[%d].", i)) && patch.GetMatch().GetContext() != networking.EnvoyFilter_SIDECAR_OUTBOUND {
				return true
			}
		}
	}
	return false
}
