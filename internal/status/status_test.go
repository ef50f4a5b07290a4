package status

import (
	"testing"

	"github.com/meshctl/meshctl/pkg/config"
)

func TestPlural(t *testing.T) {
	for kind, want := range map[string]string{
		"Gateway": "gateways", "VirtualService": "virtualservices", "AuthorizationPolicy": "authorizationpolicies", "GatewayClass": "gatewayclasses",
		"WorkloadEntry": "workloadentries", "ProxyConfig": "proxyconfigs", "Telemetry": "telemetries", "PeerAuthentication": "peerauthentications",
	} {
		if got := plural(kind); got != want {
			t.Errorf("%s: %s, want %s", kind, got, want)
		}
	}
}

func TestFieldsWithinAPath(t *testing.T) {
	for field, want := range map[string]bool{"spec.listeners[1]": true, "spec.listeners[1].tls": true, "spec.listeners[10]": false, "spec.listeners": false} {
		if got := len(errorsOf([]config.Problem{{Field: field, Severity: config.Error}}, "spec.listeners[1]")) == 1; got != want {
			t.Errorf("%s: %v", field, got)
		}
	}
}
