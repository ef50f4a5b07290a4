package policies

import (
	"fmt"

	telemetry "istio.io/api/telemetry/v1alpha1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/translate"
)

func telemetries() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "telemetry-selectors",
		Doc:   "Telemetries that select no workload, or that contradict each other about one",
		Codes: []codes.Code{codes.ReferenceNotFound, codes.TelemetryConflict, codes.TelemetryDefaults},
		Kinds: workloadKinds(config.Telemetry, config.ConfigMap),
		Run: func(p *analyze.Pass) {
			selected := map[*analyze.Workload]*config.Object{}
			told := map[*config.Object]bool{}
			defaults := map[string][]*config.Object{}
			for _, o := range p.All(config.Telemetry) {
				switch {
				case targeted(o):
				case len(mesh.SelectorOf(o)) == 0:
					defaults[o.Key.Namespace] = append(defaults[o.Key.Namespace], o)
				default:
					selectsPods(p, o, selected, told)
				}
			}
			for _, list := range defaults {
				if len(list) < 2 {
					continue
				}
				for _, o := range list {
					other := list[0]
					if other == o {
						other = list[1]
					}
					p.Report(analyze.Finding{
						Code: codes.TelemetryDefaults, Object: o, Related: related(other, "the other one"),
						Message: fmt.Sprintf("%d Telemetries without a selector hold for the namespace %s, %s too: only one of them counts",
							len(list), o.Key.Namespace, other.Key.Name),
					})
				}
			}
		},
	}
}

// selectsPods notes what a Telemetry selects in its namespace. selected are the Telemetries found before, told those with a conflict.
func selectsPods(p *analyze.Pass, o *config.Object, selected map[*analyze.Workload]*config.Object, told map[*config.Object]bool) {
	list := analyze.AllWorkloads(p).Selected(o.Key.Namespace, mesh.SelectorOf(o))
	if len(list) == 0 {
		labels := text(mesh.SelectorOf(o))
		if !p.Knows(analyze.WorkloadKinds()...) {
			p.Open(codes.ReferenceNotFound, o, "a workload with the labels "+labels, config.Pod, config.Deployment)
			return
		}
		p.Report(analyze.Finding{
			Code: codes.ReferenceNotFound, Object: o, Field: "spec.selector.matchLabels",
			Message: "no workload in the namespace " + o.Key.Namespace + " has the labels " + labels + ": the Telemetry has no effect",
			Fix:     "correct the labels of the selector, or those of the pods",
		})
	}
	conflict := func(o, other *config.Object, w *analyze.Workload) {
		if told[o] {
			return
		}
		told[o] = true
		p.Report(analyze.Finding{
			Code: codes.TelemetryConflict, Object: o, Field: "spec.selector.matchLabels", Related: related(other, "the other Telemetry"),
			Message: "the Telemetry " + other.Key.Name + " also selects " + w.Object.Key.String() + ": which of them counts is not defined",
		})
	}
	for _, w := range list {
		other := selected[w]
		if other == nil {
			selected[w] = o
			continue
		}
		conflict(o, other, w)
		conflict(other, o, w)
	}
}

func related(o *config.Object, message string) []analyze.Related {
	return []analyze.Related{{Object: o.Key, Position: o.Position(), Message: message}}
}

func telemetryProviders() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "telemetry-providers",
		Doc:   "access logging of Telemetries that names no provider, where the mesh has no default one",
		Codes: []codes.Code{codes.TelemetryWithoutProvider},
		Kinds: []config.Kind{config.Telemetry, config.ConfigMap},
		Run: func(p *analyze.Pass) {
			if len(p.Config().Mesh.GetDefaultProviders().GetAccessLogging()) > 0 {
				return
			}
			for _, o := range p.All(config.Telemetry) {
				spec, _ := o.Spec.(*telemetry.Telemetry)
				for i, l := range spec.GetAccessLogging() {
					if l.GetDisabled().GetValue() || len(l.GetProviders()) > 0 {
						continue
					}
					if !p.Knows(config.ConfigMap) {
						p.Open(codes.TelemetryWithoutProvider, o, "the mesh's default providers", config.ConfigMap)
						break
					}
					p.Report(analyze.Finding{
						Code: codes.TelemetryWithoutProvider, Object: o, Field: fmt.Sprintf("spec.accessLogging[%d]", i),
						Message: "no provider is named, and the mesh's configuration has no default one: the entry has no effect",
					})
				}
			}
		},
	}
}

func telemetryExpressions() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "telemetry-expressions",
		Doc:   "values of tags and filters of logs that Envoy cannot evaluate",
		Codes: []codes.Code{codes.TelemetryTag, codes.SchemaError},
		Kinds: []config.Kind{config.Telemetry},
		Run:   func(p *analyze.Pass) { check(p, config.Telemetry, translate.CheckTelemetry) },
	}
}

// check reports what the translation finds wrong with each object of a kind by itself.
func check(p *analyze.Pass, kind config.Kind, problems func(*config.Object) []config.Problem) {
	for _, o := range p.All(kind) {
		if p.Broken(o) {
			continue
		}
		for _, problem := range problems(o) {
			p.ReportProblem(problem)
		}
	}
}
