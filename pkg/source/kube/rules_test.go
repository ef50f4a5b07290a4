package kube_test

import (
	"slices"
	"testing"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/source/kube"
)

func TestResource(t *testing.T) {
	for kind, want := range map[string]string{
		"Gateway": "gateways", "VirtualService": "virtualservices", "AuthorizationPolicy": "authorizationpolicies", "GatewayClass": "gatewayclasses",
		"WorkloadEntry": "workloadentries", "ProxyConfig": "proxyconfigs", "Telemetry": "telemetries", "PeerAuthentication": "peerauthentications",
		"Ingress": "ingresses", "EndpointSlice": "endpointslices", "BackendTLSPolicy": "backendtlspolicies",
	} {
		if got := kube.Resource(config.Kind{Name: kind}); got != want {
			t.Errorf("%s: %s, want %s", kind, got, want)
		}
	}
}

func TestRules(t *testing.T) {
	rules := kube.Rules([]config.Kind{config.Service, config.Gateway, config.Pod, config.Service})
	if len(rules) != 3 || !slices.Equal(rules[0].Resources, []string{"pods", "services"}) || rules[1].APIGroups[0] != "apiextensions.k8s.io" ||
		!slices.Equal(rules[2].Verbs, []string{"get", "list", "watch"}) {
		t.Errorf("got %v", rules)
	}
}
