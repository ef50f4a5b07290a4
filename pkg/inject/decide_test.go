package inject_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshctl/meshctl/pkg/inject"
)

type set = map[string]string

func TestDecide(t *testing.T) {
	enabled, disabled, canary := set{"istio-injection": "enabled"}, set{"istio-injection": "disabled"}, set{"istio.io/rev": "canary"}
	yes, no := set{"sidecar.istio.io/inject": "true"}, set{"sidecar.istio.io/inject": "false"}
	for name, c := range map[string]struct {
		inject.Candidate
		want bool
	}{
		"nobody says anything":                           {inject.Candidate{}, false},
		"the namespace injects":                          {inject.Candidate{NamespaceLabels: enabled}, true},
		"the namespace excludes":                         {inject.Candidate{NamespaceLabels: disabled}, false},
		"the namespace has a revision":                   {inject.Candidate{NamespaceLabels: canary}, true},
		"the namespace has an empty revision":            {inject.Candidate{NamespaceLabels: set{"istio.io/rev": ""}, Labels: yes}, false},
		"the namespace's label is empty":                 {inject.Candidate{NamespaceLabels: set{"istio-injection": ""}, Labels: yes}, false},
		"the namespace's label is misspelt":              {inject.Candidate{NamespaceLabels: set{"istio-injection": "true"}}, false},
		"the namespace is ambient":                       {inject.Candidate{NamespaceLabels: set{"istio.io/dataplane-mode": "ambient"}}, false},
		"injection comes before the revision":            {inject.Candidate{NamespaceLabels: set{"istio-injection": "disabled", "istio.io/rev": "canary"}}, false},
		"the pod refuses by label":                       {inject.Candidate{NamespaceLabels: enabled, Labels: no}, false},
		"the pod refuses by annotation":                  {inject.Candidate{NamespaceLabels: enabled, Annotations: no}, false},
		"the pod asks by label":                          {inject.Candidate{Labels: yes}, true},
		"the pod asks by annotation":                     {inject.Candidate{Annotations: yes}, true},
		"the pod asks in vain":                           {inject.Candidate{NamespaceLabels: disabled, Labels: yes}, false},
		"the pod has a revision":                         {inject.Candidate{Labels: set{"istio.io/rev": "canary"}}, true},
		"the pod has a revision and refuses":             {inject.Candidate{Labels: set{"istio.io/rev": "canary", "sidecar.istio.io/inject": "false"}}, false},
		"the label comes before the annotation":          {inject.Candidate{NamespaceLabels: enabled, Labels: yes, Annotations: no}, true},
		"the label comes before the annotation, refuses": {inject.Candidate{Labels: no, Annotations: yes}, false},
		"a label of another value hides the annotation":  {inject.Candidate{NamespaceLabels: enabled, Labels: set{"sidecar.istio.io/inject": "maybe"}, Annotations: no}, true},
		"other spellings say nothing":                    {inject.Candidate{NamespaceLabels: enabled, Labels: set{"sidecar.istio.io/inject": "False"}}, true},
		"other spellings do not ask":                     {inject.Candidate{Labels: set{"sidecar.istio.io/inject": "yes"}}, false},
		"the host's network":                             {inject.Candidate{NamespaceLabels: enabled, Labels: yes, HostNetwork: true}, false},
		"a namespace of Kubernetes":                      {inject.Candidate{Namespace: "kube-system", NamespaceLabels: enabled, Labels: yes}, false},
		"leases of nodes":                                {inject.Candidate{Namespace: "kube-node-lease", NamespaceLabels: enabled}, false},
		"local storage":                                  {inject.Candidate{Namespace: "local-path-storage", NamespaceLabels: enabled}, false},
		"what is public":                                 {inject.Candidate{Namespace: "kube-public", NamespaceLabels: enabled}, false},
	} {
		if got := inject.Decide(c.Candidate, inject.Policy{}); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestWhatIsDeployedForGatewaysHasItsProxy(t *testing.T) {
	labels := set{"sidecar.istio.io/inject": "false", "gateway.istio.io/managed": "istio.io-gateway-controller", "gateway.networking.k8s.io/gateway-name": "edge"}
	v := inject.Explain(inject.Candidate{Namespace: "shop", Labels: labels}, inject.Policy{ByDefault: true})
	if v.Inject || v.Reason != "the control plane deploys it for Gateway edge, with the proxy in it" || !inject.Deployed(labels) {
		t.Errorf("%+v", v)
	}
}

func TestDecideByPolicy(t *testing.T) {
	builder := []metav1.LabelSelector{{}, {MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "build", Operator: metav1.LabelSelectorOpExists}}}}
	never, always := inject.Policy{Never: builder}, inject.Policy{Disabled: true, Always: builder}
	enabled := set{"istio-injection": "enabled"}
	build, asking := set{"build": "1"}, set{"build": "1", "sidecar.istio.io/inject": "true"}
	for name, c := range map[string]struct {
		inject.Candidate
		inject.Policy
		want bool
	}{
		"by default":                          {inject.Candidate{Namespace: "shop"}, inject.Policy{ByDefault: true}, true},
		"by default, but not here":            {inject.Candidate{NamespaceLabels: set{"istio-injection": "disabled"}}, inject.Policy{ByDefault: true}, false},
		"by default, but not this one":        {inject.Candidate{Labels: set{"sidecar.istio.io/inject": "false"}}, inject.Policy{ByDefault: true}, false},
		"by default, but not Kubernetes' own": {inject.Candidate{Namespace: "kube-system"}, inject.Policy{ByDefault: true}, false},
		"never":                               {inject.Candidate{NamespaceLabels: enabled, Labels: build}, never, false},
		"never, but for those that ask":       {inject.Candidate{NamespaceLabels: enabled, Labels: asking}, never, true},
		"never, but for others":               {inject.Candidate{NamespaceLabels: enabled, Labels: set{"app": "a"}}, never, true},
		"disabled":                            {inject.Candidate{NamespaceLabels: enabled}, always, false},
		"disabled, but asked for":             {inject.Candidate{NamespaceLabels: enabled, Labels: set{"sidecar.istio.io/inject": "true"}}, always, true},
		"disabled, but always":                {inject.Candidate{NamespaceLabels: enabled, Labels: build}, always, true},
		"always, but only where selected":     {inject.Candidate{Labels: build}, always, false},
		"never comes before always":           {inject.Candidate{NamespaceLabels: enabled, Labels: build}, inject.Policy{Never: builder, Always: builder}, false},
	} {
		if got := inject.Decide(c.Candidate, c.Policy); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
