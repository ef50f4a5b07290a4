package workloads

import (
	"fmt"
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
				if ns.Key.Name != p.Config().SystemNamespace {
					judgeNamespace(p, ns)
				}
			}
		},
	}
}

func judgeNamespace(p *analyze.Pass, ns *config.Object) {
	labels := ns.Meta.Labels
	injection, injected := labels[inject.NamespaceLabel]
	revision, revised := labels[inject.RevisionLabel]
	if several := injectionLabels(labels); len(several) > 1 {
		p.Report(analyze.Finding{
			Code: codes.SeveralInjectionLabels, Object: ns, Field: "metadata.labels[" + several[1] + "]",
			Message: fmt.Sprintf("the namespace has the labels %s, and which one counts depends on the webhooks that are installed", strings.Join(several, " and ")),
			Fix:     "keep one of them",
		})
	}
	switch {
	case injected && injection != "", revised, labels[modeLabel] == "ambient":
	case byDefault(p, revision):
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

// byDefault reads enableNamespacesByDefault of the injector of a revision.
func byDefault(p *analyze.Pass, revision string) bool {
	values := injectorValues(p, revision)
	return values != nil && values.Webhook.EnableNamespacesByDefault
}

// labelEdit adds the label where the metadata is written in block style.
func labelEdit(ns *config.Object) []analyze.Edit {
	at, field, extra := ns.FieldPosition("metadata.name"), "name:", "labels:\n"
	if len(ns.Meta.Labels) > 0 {
		at, field, extra = ns.FieldPosition("metadata.labels"), "labels:", ""
	}
	line := ns.Line(at.Line)
	text := strings.TrimLeft(line, " ")
	if !strings.HasPrefix(text, field) || extra == "" && strings.TrimSpace(strings.TrimPrefix(text, field)) != "" {
		return nil
	}
	indent := line[:len(line)-len(text)]
	if extra == "" { // below "labels:", as far in as the first label
		at.Line++
		first := ns.Line(at.Line)
		indent = first[:len(first)-len(strings.TrimLeft(first, " "))]
	} else {
		extra = indent + extra
		indent += "  "
	}
	at.Column = 1
	return []analyze.Edit{{Position: at, New: extra + indent + inject.NamespaceLabel + ": enabled\n"}}
}
