package workloads

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/inject"
)

const modeLabel = "istio.io/dataplane-mode"

func namespaceInjection() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "namespace-injection",
		Doc:   "namespaces whose pods get no proxy, or by more than one rule",
		Codes: []codes.Code{codes.NotInjected, codes.SeveralInjectionLabels, codes.InjectedByDefault},
		Kinds: []config.Kind{config.Namespace, config.ConfigMap},
		Run: func(p *analyze.Pass) {
			for _, ns := range p.All(config.Namespace) {
				if ns.Key.Name != p.Config().SystemNamespace && !inject.IgnoredNamespace(ns.Key.Name) {
					judgeNamespace(p, ns)
				}
			}
		},
	}
}

func judgeNamespace(p *analyze.Pass, ns *config.Object) {
	labels := ns.Meta.Labels
	injection, injected := labels[inject.NamespaceLabel]
	_, revised := labels[inject.RevisionLabel]
	if several := injectionLabels(labels); len(several) > 1 {
		p.Report(analyze.Finding{
			Code: codes.SeveralInjectionLabels, Object: ns, Field: "metadata.labels[" + several[1] + "]",
			Message: fmt.Sprintf("the namespace has the labels %s, and only %s counts: it excludes the others", strings.Join(several, " and "), several[0]),
			Fix:     "keep the one that is meant",
		})
	}
	switch {
	case injected && injection != "", revised, labels[modeLabel] == "ambient":
	case analyze.Injectors(p)[inject.ConfigMapOf("")].Policy.ByDefault:
		p.Report(analyze.Finding{
			Code: codes.InjectedByDefault, Object: ns, Field: "metadata.name",
			Message: "the namespace has no label, and the injector gives a proxy to the pods of such namespaces",
			Fix:     "label it istio-injection: enabled to say that this is meant, or disabled",
		})
	default:
		p.Report(analyze.Finding{
			Code: codes.NotInjected, Object: ns, Field: "metadata.name",
			Message: "pods of this namespace get no proxy, unless they ask for one themselves",
			Fix:     "label it istio-injection: enabled, or istio-injection: disabled to say that this is meant",
			Edits:   labelEdit(ns),
		})
	}
}

// injectionLabels lists the labels that each put the namespace's pods into a mesh. "disabled" takes precedence over all.
func injectionLabels(labels map[string]string) []string {
	injection, injected := labels[inject.NamespaceLabel]
	if injected && injection != "enabled" {
		return nil
	}
	var out []string
	for _, name := range []string{inject.NamespaceLabel, inject.RevisionLabel, modeLabel} {
		if _, ok := labels[name]; ok {
			out = append(out, name)
		}
	}
	return out
}

// labelEdit adds the label where the metadata is written in block style.
func labelEdit(ns *config.Object) []analyze.Edit {
	const label = inject.NamespaceLabel + ": enabled\n"
	metadata := ns.FieldPosition("metadata")
	if withoutComment(ns.Line(metadata.Line)) != "metadata:" {
		return nil
	}
	at, written := ns.FieldPosition("metadata.name"), ns.FieldPosition("metadata.labels")
	if len(ns.Meta.Labels) == 0 {
		line := ns.Line(at.Line)
		indent := indentation(line)
		if written != metadata || !strings.HasPrefix(line[len(indent):], "name:") {
			return nil
		}
		at.Column = 1
		return []analyze.Edit{{Position: at, New: indent + "labels:\n" + indent + "  " + label}}
	}
	if withoutComment(ns.Line(written.Line)) != "labels:" {
		return nil
	}
	first := ns.FieldPosition("metadata.labels[" + slices.MinFunc(slices.Collect(maps.Keys(ns.Meta.Labels)), func(a, b string) int {
		return cmp.Compare(ns.FieldPosition("metadata.labels["+a+"]").Line, ns.FieldPosition("metadata.labels["+b+"]").Line)
	}) + "]")
	indent := indentation(ns.Line(first.Line))
	first.Column = 1
	return []analyze.Edit{{Position: first, New: indent + label}}
}

func indentation(line string) string { return line[:len(line)-len(strings.TrimLeft(line, " "))] }

func withoutComment(line string) string {
	text, _, _ := strings.Cut(line, " #")
	return strings.TrimSpace(text)
}
