package destinations_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/meshtest"
)

// placed is a DestinationRule for the server in a namespace. Those that are not ok ask the server for TLS, which it does not speak:
// what requests meet says which rule holds.
func placed(name, namespace, more string, ok bool) string {
	mode := "SIMPLE"
	if ok {
		mode = "ISTIO_MUTUAL"
	}
	return fmt.Sprintf("\n---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: %s, namespace: %s}\nspec: {%s trafficPolicy: {tls: {mode: %s}}}\n",
		name, namespace, more, mode)
}

func TestDestinationRule(t *testing.T) {
	s := newSuite(t)
	o := meshtest.Sidecar("elsewhere", "app=elsewhere")
	o.Namespace = "elsewhere"
	elsewhere := s.Start(o)
	const host = "host: server.default.svc.cluster.local,"
	holds := func(name, text string, here, there int) {
		s.Case(name, text, func(t *testing.T) {
			meshtest.Expect(t, s.client.Client(), "http://server.default/", here, "")
			meshtest.Expect(t, elsewhere.Client(), "http://server.default/", there, "")
		})
	}
	holds("of the service's namespace", placed("r", "default", host, false), 503, 503)
	holds("of the client's namespace first", placed("r", "default", host, false)+placed("r", "elsewhere", host, true), 503, 200)
	holds("of the root namespace last", placed("r", "istio-system", host, false)+placed("r", "default", host, true), 200, 200)
	holds("of the root namespace", placed("r", "istio-system", host, false), 503, 503)
	holds("a wildcard", placed("r", "default", `host: "*.default.svc.cluster.local",`, false), 503, 503)
	holds("a name before a wildcard", placed("w", "default", `host: "*.default.svc.cluster.local",`, false)+placed("r", "default", "host: server,", true), 200, 200)
	holds("exportTo", placed("r", "default", host+` exportTo: ["."],`, false), 503, 200)
	holds("exportTo others", placed("r", "default", host+` exportTo: ["elsewhere"],`, false), 200, 503)
	holds("workloadSelector", placed("r", "default", host+" workloadSelector: {matchLabels: {app: client}},", false), 503, 200)
	holds("workloadSelector of others", placed("r", "default", host+" workloadSelector: {matchLabels: {app: another}},", false), 200, 200)
	s.Case("subsets", subsets, func(t *testing.T) {
		client := s.client.Client()
		meshtest.Expect(t, client, "http://server/a", 200, "a GET")
		meshtest.Expect(t, client, "http://server/b", 503, "") // inherits TLS
		meshtest.Expect(t, client, "http://server/none", 503, "")
	})
	s.invalid()
}

const subsets = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: server, namespace: default}
spec:
  host: server
  trafficPolicy: {tls: {mode: SIMPLE}}
  subsets:
  - {name: a, labels: {version: a}, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}
  - {name: b, labels: {version: b}, trafficPolicy: {loadBalancer: {simple: RANDOM}}}
  - {name: none, labels: {version: none}, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: server, namespace: default}
spec:
  hosts: [server]
  http:
  - {match: [{uri: {prefix: /a}}], route: [{destination: {host: server, subset: a}}]}
  - {match: [{uri: {prefix: /b}}], route: [{destination: {host: server, subset: b}}]}
  - {route: [{destination: {host: server, subset: none}}]}
`

// invalid: what Istio or Envoy does not allow is a problem of its field, and no reason to refuse the rest.
func (s *suite) invalid() {
	for policy, field := range map[string]string{
		"loadBalancer: {consistentHash: {httpHeaderName: \"a b\"}}":                                      "loadBalancer.consistentHash.httpHeaderName",
		"loadBalancer: {consistentHash: {maglev: {tableSize: 65536}, httpHeaderName: x-user}}":           "loadBalancer.consistentHash.maglev.tableSize",
		"loadBalancer: {warmup: {duration: 0s, aggression: 0.1, minimumPercent: 200}}":                   "loadBalancer.warmup.minimumPercent",
		"loadBalancer: {localityLbSetting: {distribute: [{from: '*', to: {'r1/*': 50}}]}}":               "loadBalancer.localityLbSetting.distribute[0].to",
		"loadBalancer: {localityLbSetting: {failover: [{from: r1, to: r1}]}}":                            "loadBalancer.localityLbSetting.failover[0].to",
		"connectionPool: {tcp: {maxConnections: -1, connectTimeout: 0s, maxConnectionDuration: 0s}}":     "connectionPool.tcp.maxConnections",
		"connectionPool: {http: {http2KeepAlive: {interval: 1s}, idleTimeout: -1s, maxRetries: -1}}":     "connectionPool.http.http2KeepAlive.timeout",
		"outlierDetection: {interval: 0s, maxEjectionPercent: 300, outlierDetectionHttpErrorCodes: [7]}": "outlierDetection.maxEjectionPercent",
		"tls: {mode: MUTUAL}":             "tls",
		"retryBudget: {percent: 200}":     "retryBudget.percent",
		"tunnel: {targetHost: x}":         "tunnel.targetPort",
		"portLevelSettings: [{port: {}}]": "portLevelSettings[0].port.number",
	} {
		s.with("invalid "+field, "{"+policy+"}", func(t *testing.T) {
			want := "spec.trafficPolicy." + field
			for _, p := range s.Plane.Status().Problems {
				if p.Name == "server" && p.Field == want && p.Line > 0 && p.Fix != "" {
					if !strings.HasPrefix(field, "tls") {
						meshtest.Expect(t, s.client.Client(), "http://server/", 200, "")
					}
					return
				}
			}
			t.Errorf("no problem of %s: %v", want, s.Plane.Status().Problems)
		})
	}
}
