package xds

import (
	"fmt"
	"maps"
	"testing"

	"github.com/meshctl/meshctl/pkg/config"
)

// policyObjects are policies that look up services: where keys, decisions, spans and access logs come from or go to.
func policyObjects() []string {
	var out []string
	for _, ns := range []string{"a", "istio-system"} {
		out = append(out,
			requestAuthentication(ns, "http://api.a.svc.cluster.local/keys")+requestAuthentication(ns, "https://ext.example.com:80/keys")+
				requestAuthentication(ns, "http://db.b.svc.cluster.local:8080/keys")+requestAuthentication(ns, ""),
			telemetryObject(ns, "collector", "grpc-log")+telemetryObject(ns, "spans", "tcp-log")+telemetryObject(ns, "missing", "file"),
			authorization(ns, "ask")+authorization(ns, "missing")+authorization(ns, "ask-grpc"),
		)
	}
	return out
}

func requestAuthentication(ns, uri string) string {
	return fmt.Sprintf(`
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: keys, namespace: %s}
spec: {jwtRules: [{issuer: someone, jwksUri: "%s"}]}
---`, ns, uri)
}

func telemetryObject(ns, tracing, log string) string {
	return fmt.Sprintf(`
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: records, namespace: %s}
spec: {tracing: [{providers: [{name: %s}]}], accessLogging: [{providers: [{name: %s}]}]}
---`, ns, tracing, log)
}

func authorization(ns, provider string) string {
	return fmt.Sprintf(`
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: outside, namespace: %s}
spec: {action: CUSTOM, provider: {name: %s}, rules: [{}]}
---`, ns, provider)
}

// providers is the mesh's configuration with providers at one port of the services or at another.
func providers(port int, more string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    extensionProviders:
    - {name: collector, zipkin: {service: web.b.svc.cluster.local, port: %[1]d}}
    - {name: spans, opentelemetry: {service: a/api.a.svc.cluster.local, port: %[1]d}}
    - {name: grpc-log, envoyHttpAls: {service: db.a.svc.cluster.local, port: %[1]d}}
    - {name: tcp-log, envoyTcpAls: {service: ext.example.com, port: %[1]d}}
    - {name: file, envoyFileAccessLog: {path: /dev/stdout}}
    - {name: ask, envoyExtAuthzHttp: {service: web.a.svc.cluster.local, port: %[1]d}}
    - {name: ask-grpc, envoyExtAuthzGrpc: {service: api.b.svc.cluster.local, port: %[1]d}}
    %[2]s
---`, port, more)
}

// TestPoliciesFollowServices walks through changes of policies and of what they look up only, so that these meet often.
func TestPoliciesFollowServices(t *testing.T) {
	pool := variants(t)
	maps.DeleteFunc(pool, func(key string, forms []*config.Object) bool {
		switch forms[0].Key.Kind {
		case config.Service, config.ServiceEntry, config.DestinationRule, config.Sidecar, config.ConfigMap, config.RequestAuthn, config.Telemetry, config.AuthzPolicy:
			return false
		}
		return true
	})
	for seed := range uint64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { walk(t, pool, proxies(), seed, 120) })
	}
}
