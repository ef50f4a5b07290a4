package inject_test

import (
	"os"
	"slices"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/meshctl/meshctl/pkg/inject"
)

func configurations(t *testing.T) []*admissionv1.MutatingWebhookConfiguration {
	t.Helper()
	data, err := os.ReadFile("testdata/webhooks.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var list []*admissionv1.MutatingWebhookConfiguration
	if err := yaml.UnmarshalStrict(data, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestHooks(t *testing.T) {
	all := configurations(t)
	labelled := inject.Candidate{Namespace: "shop", NamespaceLabels: set{"istio-injection": "enabled"}}
	with := func(c inject.Candidate, change func(*inject.Candidate)) inject.Candidate {
		change(&c)
		return c
	}
	for name, c := range map[string]struct {
		inject.Candidate
		by     []string // configurations that inject
		reason string   // of the default one
	}{
		"the namespace injects": {labelled, []string{"istio-sidecar-injector"}, "namespace shop has label istio-injection=enabled and pod has none of the labels that exclude it"},
		"the pod refuses": {
			with(labelled, func(c *inject.Candidate) { c.Labels = set{"sidecar.istio.io/inject": "false"} }), nil,
			"pod has label sidecar.istio.io/inject=false, where pod label sidecar.istio.io/inject notin (false) is selected",
		},
		"the pod refuses by annotation": {
			with(labelled, func(c *inject.Candidate) { c.Annotations = set{"sidecar.istio.io/inject": "false"} }), nil,
			"the pod's annotation says sidecar.istio.io/inject=false",
		},
		"the host's network": {
			with(labelled, func(c *inject.Candidate) { c.HostNetwork = true }), nil,
			"the pod uses the host's network (spec.hostNetwork), where redirection would catch the whole node",
		},
		"the pod asks": {
			inject.Candidate{Namespace: "shop", Labels: set{"sidecar.istio.io/inject": "true"}}, []string{"istio-sidecar-injector"},
			"namespace shop has none of the labels that exclude it and pod has label sidecar.istio.io/inject=true",
		},
		"the annotation asks in vain": {
			inject.Candidate{Namespace: "shop", Annotations: set{"sidecar.istio.io/inject": "true"}}, nil,
			"namespace shop has no label istio-injection, where namespace label istio-injection in (enabled) is selected; the annotation sidecar.istio.io/inject is not seen by selectors: write it as a label, or label the namespace",
		},
		"a tag": {
			inject.Candidate{Namespace: "shop", NamespaceLabels: set{"istio.io/rev": "prod"}}, []string{"istio-revision-tag-prod"},
			"namespace shop has label istio.io/rev=prod, where namespace label istio.io/rev in (default) is selected",
		},
		"both labels": {
			inject.Candidate{Namespace: "shop", NamespaceLabels: set{"istio.io/rev": "prod", "istio-injection": "enabled"}}, []string{"istio-sidecar-injector"},
			"namespace shop has label istio-injection=enabled and pod has none of the labels that exclude it",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var by []string
			for _, h := range inject.Hooks(all, c.Candidate, func(string) inject.Policy { return inject.Policy{} }) {
				if h.Injected {
					by = append(by, h.Configuration)
				}
				if h.Configuration == "istio-sidecar-injector" && h.Reason != c.reason {
					t.Errorf("%s: %s\nwant %s", h.Webhook, h.Reason, c.reason)
				}
			}
			if !slices.Equal(by, c.by) {
				t.Errorf("injected by %v, want %v", by, c.by)
			}
		})
	}
	if inject.Injects(&admissionv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "istio-other"}}) {
		t.Error("takes any webhook for an injector's")
	}
}
