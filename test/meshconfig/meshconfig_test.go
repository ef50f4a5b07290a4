package meshconfig_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

const webCluster = "cluster.outbound|80||web.default.svc.cluster.local."

func TestMeshConfig(t *testing.T) {
	r := start(t)
	r.Case("timeouts of connections", mesh("{connectTimeout: 3s, tcpKeepalive: {probes: 5, time: 60s, interval: 7s}, protocolDetectionTimeout: 4s}"), func(t *testing.T) {
		runs(t, r.client, clusters, `"connect_timeout": "3s"`, `"tcp_keepalive": {"keepalive_probes": 5, "keepalive_time": 60, "keepalive_interval": 7}`)
		runs(t, r.web, listeners, `"listener_filters_timeout": "4s"`)
		r.through(t, r.client, nil, is("x-none", "", answered))
	})
	r.Case("dnsRefreshRate", mesh("dnsRefreshRate: 17s")+`---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: named, namespace: default}
spec: {hosts: [named.example.com], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: localhost}]}
`, func(t *testing.T) { runs(t, r.client, clusters, `"dns_refresh_rate": "17s"`) })
	r.Case("defaultHttpRetryPolicy", mesh("defaultHttpRetryPolicy: {attempts: 3, retryOn: '503'}"), func(t *testing.T) {
		before := r.client.Stat(webCluster + "upstream_rq_retry")
		if a := r.get(t, "/fail"); a.Status != 503 || a.Echo.Header.Get("x-envoy-attempt-count") != "4" {
			t.Errorf("%d after %s attempts", a.Status, a.Echo.Header.Get("x-envoy-attempt-count"))
		}
		r.client.WaitStat(webCluster+"upstream_rq_retry", before+3)
	})
	r.Case("h2UpgradePolicy", mesh("h2UpgradePolicy: UPGRADE"), func(t *testing.T) {
		r.through(t, r.client, nil, is("x-none", "", answered))
		r.client.WaitStat(webCluster+"upstream_cx_http2_total", 1)
	})
	r.Case("enableAutoMtls", mesh("enableAutoMtls: false"), func(t *testing.T) {
		r.through(t, r.client, nil, is("x-forwarded-client-cert", "", echoed))
	})
	r.Case("cluster names", mesh("{outboundClusterStatName: 'to_%SERVICE%_%SERVICE_PORT_NAME%_%SERVICE_PORT%', inboundClusterStatName: 'at_%SERVICE_FQDN%_%TARGET_PORT%'}"), func(t *testing.T) {
		envoytest.Eventually(t, "statistics", func() error {
			r.get(t, "/")
			out := r.client.Stat("cluster.to_web.default_http_80.upstream_rq_200")
			if in := r.web.Stat("cluster.at_web.default.svc.cluster.local_8080.upstream_rq_200"); in == 0 || out == 0 {
				return fmt.Errorf("%d out, %d in", out, in)
			}
			return nil
		})
	})
	r.Case("defaultTrafficPolicy", mesh("defaultTrafficPolicy: {connectionPool: {tcp: {maxConnections: 77}}, outlierDetection: {consecutive5xxErrors: 78}}"), func(t *testing.T) {
		runs(t, r.client, clusters, `"max_connections": 77`, `"consecutive_5xx": 78`)
	})
	r.Case("defaultTrafficPolicy below a rule", mesh("defaultTrafficPolicy: {connectionPool: {tcp: {maxConnections: 77}, http: {maxRetries: 79}}, outlierDetection: {consecutive5xxErrors: 78}}")+`---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: default}
spec: {host: web, trafficPolicy: {connectionPool: {tcp: {maxConnections: 80}}}}
`, func(t *testing.T) {
		runs(t, r.client, clusters, `"max_connections": 80`, `"consecutive_5xx": 78`)
		if text := compact(string(r.client.Admin("/config_dump?resource=" + clusters))); strings.Contains(text, `"max_retries":79`) {
			t.Error("the rule's connectionPool does not replace the mesh's as a whole")
		}
	})
	r.Case("meshMTLS", mesh("meshMTLS: {minProtocolVersion: TLSV1_3}"), func(t *testing.T) {
		r.through(t, r.client, nil, is("x-none", "", answered))
		runs(t, r.web, listeners, `"tls_params": {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"`)
		runs(t, r.client, clusters, `"tls_minimum_protocol_version": "TLSv1_3"`)
	})
	r.Case("meshMTLS suites", mesh("meshMTLS: {cipherSuites: [ECDHE-ECDSA-AES256-GCM-SHA384]}"), func(t *testing.T) {
		r.through(t, r.client, nil, is("x-none", "", answered))
		runs(t, r.web, listeners, `"cipher_suites": ["ECDHE-ECDSA-AES256-GCM-SHA384"]`)
	})
	r.Case("tlsDefaults", mesh("tlsDefaults: {minProtocolVersion: TLSV1_3, ecdhCurves: [P-384, nonsense], cipherSuites: [ECDHE-RSA-AES256-GCM-SHA384]}")+`---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: default}
spec: {host: web, trafficPolicy: {tls: {mode: SIMPLE}}}
`, func(t *testing.T) {
		runs(t, r.client, clusters, `"tls_params": {"tls_minimum_protocol_version": "TLSv1_3", "cipher_suites": ["ECDHE-RSA-AES256-GCM-SHA384"], "ecdh_curves": ["P-384"]}`)
	})
	t.Run("access log", func(t *testing.T) { accessLog(t, r) })
	t.Run("visibility", func(t *testing.T) { visibility(t, r) })
	t.Run("path normalization", func(t *testing.T) { normalization(t, r) })
}

func accessLog(t *testing.T, r *rig) {
	log := func(name, config, want string) {
		r.Case(name, mesh(config), func(t *testing.T) {
			envoytest.Eventually(t, want, func() error {
				r.get(t, "/logged")
				if !strings.Contains(r.client.Log.String(), want) {
					return fmt.Errorf("not in the log")
				}
				return nil
			})
		})
	}
	log("accessLogFile", "accessLogFile: /dev/stdout", `"GET /logged HTTP/1.1" 200`)
	log("accessLogFormat", `{accessLogFile: /dev/stdout, accessLogFormat: "mine %REQ(:METHOD)% %RESPONSE_CODE%\n"}`, "mine GET 200")
	log("accessLogEncoding", "{accessLogFile: /dev/stdout, accessLogEncoding: JSON}", `"path":"/logged"`)
}

func visibility(t *testing.T, r *rig) {
	const elsewhere = `---
apiVersion: v1
kind: Service
metadata: {name: far, namespace: a}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: a}
spec: {hosts: [web.default.svc.cluster.local], http: [{directResponse: {status: 418}}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: far, namespace: a}
spec: {host: far.a.svc.cluster.local, trafficPolicy: {connectionPool: {tcp: {maxConnections: 81}}}}
`
	at := func(host string) func() (meshtest.Answer, error) {
		return func() (meshtest.Answer, error) {
			return meshtest.Try(r.client.Client(), meshtest.Request{URL: "http://" + host + "/"})
		}
	}
	wait := func(t *testing.T, ask func() (meshtest.Answer, error), status int) {
		t.Helper()
		envoytest.Eventually(t, fmt.Sprint(status), func() error {
			a, err := ask()
			if err == nil && a.Status != status {
				err = fmt.Errorf("%d", a.Status)
			}
			return err
		})
	}
	r.Case("public", mesh("outboundTrafficPolicy: {mode: REGISTRY_ONLY}")+elsewhere, func(t *testing.T) {
		wait(t, at("web"), http.StatusTeapot)
		runs(t, r.client, clusters, "outbound|80||far.a.svc.cluster.local", `"max_connections": 81`)
		wait(t, at("unknown.example.com"), http.StatusBadGateway)
	})
	r.Case("private", mesh("{outboundTrafficPolicy: {mode: REGISTRY_ONLY}, defaultServiceExportTo: [.], defaultVirtualServiceExportTo: [.], defaultDestinationRuleExportTo: [.]}")+elsewhere, func(t *testing.T) {
		wait(t, at("web"), http.StatusOK)
		wait(t, at("far.a"), http.StatusBadGateway)
	})
	r.Case("private rules", mesh("defaultDestinationRuleExportTo: [.]")+elsewhere, func(t *testing.T) {
		runs(t, r.client, clusters, "outbound|80||far.a.svc.cluster.local")
		if strings.Contains(compact(string(r.client.Admin("/config_dump?resource="+clusters))), `"max_connections":81`) {
			t.Error("the rule of namespace a holds for clients of default")
		}
	})
}

func normalization(t *testing.T, r *rig) {
	for kind, want := range map[string]string{
		"NONE": "/a/../b//c%2Fd", "BASE": "/b//c%2Fd", "MERGE_SLASHES": "/b/c%2Fd", "DECODE_AND_MERGE_SLASHES": "/b/c/d",
	} {
		r.Case(kind, mesh("pathNormalization: {normalization: "+kind+"}"), func(t *testing.T) {
			envoytest.Eventually(t, want, func() error {
				a, err := meshtest.Try(r.edge.ClientAt("gateway|8080"), meshtest.Request{URL: "http://www.example.com/a/../b//c%2Fd"})
				if err == nil && a.Echo.Path != want {
					err = fmt.Errorf("path %q (%d)", a.Echo.Path, a.Status)
				}
				return err
			})
		})
	}
}
