// Package telemetry_test looks at the spans and access logs that live Envoys write when the mesh's configuration and Telemetry objects ask for
// them.
package telemetry_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const web = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}, {name: tcp, port: 7000}]}
`

// collector is a service of the mesh that is an address of this machine.
func collector(name, protocol string, port int) string {
	return fmt.Sprintf(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: %[1]s, namespace: istio-system}
spec: {hosts: [%[1]s.istio-system.svc.cluster.local], location: MESH_EXTERNAL, resolution: STATIC, ports: [{number: 9999, name: %[2]s, protocol: %[2]s}],
  endpoints: [{address: 127.0.0.1, ports: {%[2]s: %[3]d}}]}
---`, name, protocol, port)
}

// meshConfig flushes spans one by one.
func meshConfig(more string) string {
	return `
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    defaultConfig:
      runtimeValues: {tracing.zipkin.min_flush_spans: "1", tracing.opentelemetry.min_flush_spans: "1", tracing.opentelemetry.flush_interval_ms: "50"}
` + strings.TrimPrefix(more, "\n")
}

// telemetry is a Telemetry object of the mesh, a namespace or a workload.
func telemetry(namespace, name, spec string) string {
	return fmt.Sprintf("apiVersion: telemetry.istio.io/v1\nkind: Telemetry\nmetadata: {name: %s, namespace: %s}\nspec: %s\n---\n", name, namespace, spec)
}

// rig is a client, a server and collectors.
type rig struct {
	*meshtest.Mesh
	client, server *meshtest.Workload
	zipkin, otlp   records
	zipkinPort     int
}

func newRig(t *testing.T, config string) *rig {
	r := &rig{}
	r.zipkinPort = zipkin(t, &r.zipkin)
	r.Mesh = meshtest.New(t, map[string]string{
		"web.yaml": web, "mesh.yaml": meshConfig(strings.ReplaceAll(config, "ZIPKIN", fmt.Sprint(r.zipkinPort))),
		"collectors.yaml": collector("zipkin", "http", r.zipkinPort) + collector("otlp", "grpc", otlp(t, &r.otlp)),
	})
	program := meshtest.StartProgram(t, "web")
	o := meshtest.Sidecar("web", "app=web", "version=v3")
	o.Ports = program.Ports()
	r.server = r.Start(o)
	r.client = r.Start(meshtest.Sidecar("client"))
	r.Settle()
	return r
}

// until sends requests until what is looked for is there: what changed reaches Envoy's connections one by one.
func (r *rig) until(what func() error, headers ...string) {
	r.T().Helper()
	client := r.client.Client()
	envoytest.Eventually(r.T(), "a record", func() error {
		if _, err := meshtest.Try(client, meshtest.Request{URL: "http://web/", Headers: headers}); err != nil {
			return err
		}
		return what()
	})
}

func (r *rig) span(parts ...string) {
	r.T().Helper()
	r.until(func() error { return r.zipkin.find(parts...) }, "x-id=7", "user-agent=test")
}

const meshTracing = `
      tracing:
        zipkin: {address: "127.0.0.1:ZIPKIN"}
        sampling: 100
        maxPathTagLength: 3
        customTags:
          fixed: {literal: {value: yes}}
          header: {header: {name: x-id, defaultValue: none}}
          variable: {environment: {name: CANONICAL_REVISION, defaultValue: none}}
`

// TestMeshConfigTracing: an address in the configuration of all proxies is enough.
func TestMeshConfigTracing(t *testing.T) {
	r := newRig(t, meshTracing)
	r.span(`"kind":"CLIENT"`, `"serviceName":"client.default"`, `/api/v2/spans`)
	r.span(`"kind":"SERVER"`, `"serviceName":"web.default"`, `"istio.canonical_service":"web"`, `"istio.canonical_revision":"v3"`, `"istio.namespace":"default"`,
		`"fixed":"yes"`, `"header":"7"`, `"variable":"v3"`, `"name":"web.default.svc.cluster.local:80/*"`)
	r.Case("off for a namespace", telemetry("default", "off", "{tracing: [{disableSpanReporting: true}]}"), func(*testing.T) {
		r.nothing(&r.zipkin)
	})
}

// nothing waits until a request leaves no record: connections that were there before drain first.
func (r *rig) nothing(in *records) {
	r.T().Helper()
	client := r.client.Client()
	envoytest.Eventually(r.T(), "silence", func() error {
		in.clear()
		for range 20 {
			if _, err := meshtest.Try(client, meshtest.Request{URL: "http://web/"}); err != nil {
				return err
			}
		}
		if in.find() == nil {
			return fmt.Errorf("still recorded")
		}
		return nil
	})
}

const providers = `
      tracing: {sampling: 100}
    extensionProviders:
    - {name: zipkin, zipkin: {service: zipkin.istio-system.svc.cluster.local, port: 9999, path: /spans, timeout: 3s, headers: [{name: x-key, value: secret}], traceContextOption: USE_B3_WITH_W3C_PROPAGATION}}
    - {name: otel, opentelemetry: {service: istio-system/otlp.istio-system.svc.cluster.local, port: 9999, grpc: {timeout: 2s, initialMetadata: [{name: x-key, value: secret}]}, resourceDetectors: {environment: {}}}}
    - {name: zipkin64, zipkin: {service: zipkin.istio-system.svc.cluster.local, port: 9999, enable64bitTraceId: true, maxTagLength: 1}}
    - {name: otelhttp, opentelemetry: {service: zipkin.istio-system.svc.cluster.local, port: 9999, maxTagLength: 7, serviceAttributeEnrichment: OTEL_SEMANTIC_CONVENTIONS, http: {path: /v1/traces, timeout: 3s, headers: [{name: x-key, value: secret}]}}}
    - {name: sky, skywalking: {service: otlp.istio-system.svc.cluster.local, port: 9999, accessToken: token}}
    - {name: dog, datadog: {service: zipkin.istio-system.svc.cluster.local, port: 9999, maxTagLength: 8}}
    - {name: dynatrace, opentelemetry: {service: otlp.istio-system.svc.cluster.local, port: 9999, resourceDetectors: {dynatrace: {}}, dynatraceSampler: {tenant: abc, clusterId: 7, rootSpansPerMinute: 60, httpService: {service: zipkin.istio-system.svc.cluster.local, port: 9999, http: {path: /sampling, timeout: 3s}}}}}
    - {name: lost, zipkin: {service: nobody.example.com, port: 9411}}
    - {name: json, envoyFileAccessLog: {path: /dev/stdout, logFormat: {labels: {who: "%REQ(X-ID)%", code: "%RESPONSE_CODE%"}}}}
    - {name: text, envoyFileAccessLog: {path: /dev/stdout, logFormat: {text: "TEXT %REQ(X-ID)% %RESPONSE_CODE%\n"}}}
    - {name: als, envoyHttpAls: {service: otlp.istio-system.svc.cluster.local, port: 9999, logName: mylog, additionalRequestHeadersToLog: [x-id]}}
    - {name: tcp, envoyTcpAls: {service: otlp.istio-system.svc.cluster.local, port: 9999, logName: mytcp}}
    - {name: otellog, envoyOtelAls: {service: otlp.istio-system.svc.cluster.local, port: 9999, logName: myotel, logFormat: {text: "BODY %REQ(X-ID)%", labels: {code: "%RESPONSE_CODE%"}}}}
`

const names = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: names, namespace: default}
spec:
  hosts: [web]
  http:
  - {match: [{uri: {exact: /one}}], route: [{destination: {host: web}}]}
  - {match: [{uri: {prefix: /some/}}], route: [{destination: {host: web}}]}
  - {match: [{uri: {regex: "/[0-9]+"}}], route: [{destination: {host: web}}]}
  - {route: [{destination: {host: web}, weight: 50}, {destination: {host: web, port: {number: 80}}, weight: 50}]}
`

func TestTracing(t *testing.T) {
	r := newRig(t, providers)
	all := func(spec string) string { return telemetry("istio-system", "all", spec) }
	r.Case("zipkin", all("{tracing: [{providers: [{name: zipkin}]}]}"), func(t *testing.T) {
		r.span(`"kind":"CLIENT"`, "/spans", "x-key: secret")
		request := meshtest.Request{URL: "http://web/", Headers: []string{"traceparent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}
		meshtest.Await(t, r.client.Client(), request, func(a meshtest.Answer) error {
			if got := a.Echo.Header.Get("x-b3-traceid"); got != "0af7651916cd43dd8448eb211c80319c" || !strings.Contains(a.Echo.Header.Get("traceparent"), got) {
				return fmt.Errorf("the trace does not go on: %v", a.Echo.Header)
			}
			return nil
		})
	})
	r.Case("opentelemetry", all("{tracing: [{providers: [{name: otel}]}]}"), func(*testing.T) {
		r.until(func() error { return r.otlp.find(`"resourceSpans"`, `"stringValue":"web.default"`, "SPAN_KIND_SERVER") })
		r.until(func() error {
			return r.otlp.find(`"resourceSpans"`, `"stringValue":"client.default"`, "SPAN_KIND_CLIENT")
		})
	})
	r.Case("levels", all("{tracing: [{providers: [{name: zipkin}], randomSamplingPercentage: 0, customTags: {level: {literal: {value: mesh}}}}]}")+
		telemetry("default", "space", "{tracing: [{randomSamplingPercentage: 100, customTags: {level: {literal: {value: namespace}}, said: {formatter: {value: '%REQ(X-ID)%'}}}}]}")+
		telemetry("default", "workload", "{selector: {matchLabels: {app: web}}, tracing: [{enableIstioTags: false, customTags: {level: {header: {name: x-id}}}}]}"), func(*testing.T) {
		r.span(`"kind":"CLIENT"`, `"level":"namespace"`, `"said":"7"`, `"istio.namespace":"default"`)
		r.span(`"kind":"SERVER"`, `"level":"7"`)
	})
	r.Case("clients only", all("{tracing: [{providers: [{name: zipkin}]}, {match: {mode: SERVER}, disableSpanReporting: true}]}"), func(t *testing.T) {
		r.span(`"kind":"CLIENT"`)
		if traced := strings.Contains(string(r.server.Admin("/config_dump")), "envoy.tracers.zipkin"); !traced {
			t.Error("the server's own requests are not traced")
		}
	})
	r.Case("other settings", all("{tracing: [{providers: [{name: zipkin64}]}]}")+telemetry("default", "otel", "{selector: {matchLabels: {app: web}}, tracing: [{providers: [{name: otelhttp}]}]}"), func(*testing.T) {
		r.until(func() error { return r.zipkin.find(`"kind":"CLIENT"`, `/api/v2/spans`, `"http.url":"http://web/"`) })
		r.until(func() error { return r.zipkin.find("asked POST /v1/traces") })
	})
	r.Case("other tracers", all("{tracing: [{providers: [{name: sky}]}]}")+telemetry("default", "web", "{selector: {matchLabels: {app: web}}, tracing: [{providers: [{name: dog}]}]}")+
		telemetry("default", "client", "{selector: {matchLabels: {app: client}}, tracing: [{match: {mode: SERVER}, providers: [{name: dynatrace}]}]}"), func(*testing.T) {
		r.until(func() error { return r.otlp.find("called /skywalking.v3.TraceSegmentReportService/collect as [token]") })
		r.until(func() error { return r.zipkin.find("asked POST /v0.4/traces") })
	})
	r.Case("a sampler", all("{tracing: [{providers: [{name: dynatrace}]}]}"), func(*testing.T) {
		r.until(func() error { return r.zipkin.find("asked GET /sampling") })
		r.until(func() error { return r.otlp.find(`"resourceSpans"`, "sampling") })
	})
	r.Case("a share", all("{tracing: [{providers: [{name: zipkin}], randomSamplingPercentage: 30}]}"), func(t *testing.T) {
		client := r.client.Client()
		meshtest.Await(t, client, meshtest.Request{URL: "http://web/"}, func(a meshtest.Answer) error {
			if a.Echo.Header.Get("x-b3-sampled") != "0" { // all, or none, were traced before
				return fmt.Errorf("traced")
			}
			return nil
		})
		meshtest.Share(t, 400, 0.3, func() bool { return meshtest.Get(t, client, "http://web/").Echo.Header.Get("x-b3-sampled") == "1" })
	})
	r.Case("names", all("{tracing: [{providers: [{name: zipkin}]}]}")+names, func(t *testing.T) {
		for path, name := range map[string]string{
			"/one": "web.default.svc.cluster.local:80/one", "/some/x": "web.default.svc.cluster.local:80/some/*", "/7": "web.default.svc.cluster.local:80/[0-9]+", "/other": "names:80/*",
		} {
			client := r.client.Client()
			envoytest.Eventually(t, name, func() error {
				_, err := meshtest.Try(client, meshtest.Request{URL: "http://web" + path})
				return errors.Join(err, r.zipkin.find(`"kind":"CLIENT"`, `"name":"`+name+`"`), r.zipkin.find(`"kind":"SERVER"`, `"name":"`+name+`"`))
			})
		}
	})
	r.Case("no propagation", all("{tracing: [{providers: [{name: zipkin}], disableContextPropagation: true, useRequestIdForTraceSampling: false}]}"), func(t *testing.T) {
		meshtest.Await(t, r.client.Client(), meshtest.Request{URL: "http://web/"}, func(a meshtest.Answer) error {
			if got := a.Echo.Header.Get("x-b3-traceid"); got != "" {
				return fmt.Errorf("the trace goes on: %s", got)
			}
			return nil
		})
	})
	for what, spec := range map[string]string{
		"is not defined": "{tracing: [{providers: [{name: unknown}]}]}", "is not visible": "{tracing: [{providers: [{name: lost}]}]}",
		"does not trace": "{tracing: [{providers: [{name: als}]}]}", "the tag is left out": "{tracing: [{providers: [{name: zipkin}], customTags: {x: {formatter: {value: '%NONSENSE%'}}}}]}",
	} {
		r.Case(what, all(spec), func(t *testing.T) {
			if r.Problem(what) == "" {
				t.Errorf("nobody says so: %v", r.Plane.Status().Problems)
			}
			meshtest.Expect(t, r.client.Client(), "http://web/", 200, "")
		})
	}
}

func TestAccessLogs(t *testing.T) {
	r := newRig(t, providers)
	all := func(spec string) string { return telemetry("istio-system", "all", spec) }
	logged := func(parts ...string) func() error {
		return func() error {
			for line := range strings.Lines(r.server.Log.String()) {
				found := true
				for _, p := range parts {
					found = found && strings.Contains(line, p)
				}
				if found {
					return nil
				}
			}
			return fmt.Errorf("no line with %q", parts)
		}
	}
	r.Case("the default provider", all("{accessLogging: [{providers: [{name: envoy}]}]}"), func(*testing.T) {
		r.until(logged(`"GET / HTTP/`, "inbound|8080||"))
	})
	r.Case("labels", all("{accessLogging: [{providers: [{name: json}]}]}"), func(*testing.T) {
		r.until(logged(`"who":"labels"`, `"code":200`), "x-id=labels")
	})
	r.Case("a filter", all("{accessLogging: [{providers: [{name: text}], filter: {expression: 'response.code >= 400'}}]}"), func(t *testing.T) {
		r.until(logged("TEXT bad 503"), "x-id=bad", "x-answer=503")
		if err := logged("TEXT good")(); err == nil {
			t.Error("what the filter excludes is logged")
		}
		client := r.client.Client()
		for range 5 {
			meshtest.Expect(t, client, "http://web/", 200, "", "x-id=good")
		}
		r.until(logged("TEXT worse 503"), "x-id=worse", "x-answer=503")
		if err := logged("TEXT good")(); err == nil {
			t.Error("what the filter excludes is logged")
		}
	})
	r.Case("grpc", all("{accessLogging: [{providers: [{name: als}]}]}"), func(*testing.T) {
		r.until(func() error { return r.otlp.find(`"mylog"`, `"x-id":"als"`) }, "x-id=als")
	})
	r.Case("grpc, connections", all("{accessLogging: [{providers: [{name: tcp}]}]}"), func(t *testing.T) {
		envoytest.Eventually(t, "a record", func() error {
			conn := meshtest.Connect(t, r.client.Local("web.default.svc.cluster.local", 7000))
			_, err := meshtest.Greeting(conn)
			conn.Close()
			if err != nil {
				return err
			}
			return r.otlp.find(`"mytcp"`)
		})
	})
	r.Case("opentelemetry", all("{accessLogging: [{providers: [{name: otellog}]}]}"), func(*testing.T) {
		r.until(func() error { return r.otlp.find(`"BODY otel"`, `"code"`, `"200"`, "myotel") }, "x-id=otel")
	})
	r.Case("clients only", all("{accessLogging: [{providers: [{name: text}], match: {mode: CLIENT}}]}"), func(*testing.T) {
		r.until(func() error {
			if !strings.Contains(r.client.Log.String(), "TEXT client 200") {
				return fmt.Errorf("the client logs nothing")
			}
			return nil
		}, "x-id=client")
	})
	r.Case("levels", all("{accessLogging: [{providers: [{name: json}]}]}")+telemetry("default", "space", "{accessLogging: [{providers: [{name: text}]}]}")+
		telemetry("default", "workload", "{selector: {matchLabels: {app: web}}, accessLogging: [{providers: [{name: als}]}]}"), func(t *testing.T) {
		r.until(func() error { return r.otlp.find(`"httpLogs"`, `"x-id":"levels"`) }, "x-id=levels")
		r.until(func() error {
			if !strings.Contains(r.client.Log.String(), "TEXT levels 200") {
				return fmt.Errorf("the client does not log as its namespace does")
			}
			return nil
		}, "x-id=levels")
		if strings.Contains(r.client.Log.String(), `"who":"levels"`) || logged("TEXT levels")() == nil {
			t.Error("what a nearer object replaces is still there")
		}
	})
	r.Case("turned off below", all("{accessLogging: [{providers: [{name: als}]}]}")+telemetry("default", "off", "{accessLogging: [{disabled: true}]}"), func(*testing.T) {
		r.nothing(&r.otlp)
	})
	for what, spec := range map[string]string{
		"is not defined": "{accessLogging: [{providers: [{name: unknown}]}]}", "writes no access log": "{accessLogging: [{providers: [{name: zipkin}]}]}",
		"it is no CEL expression": "{accessLogging: [{providers: [{name: text}], filter: {expression: 'response.code >'}}]}",
		"it calls the function":   "{accessLogging: [{providers: [{name: text}], filter: {expression: 'nonsense(response.code)'}}]}",
	} {
		r.Case(what, all(spec), func(t *testing.T) {
			if r.Problem(what) == "" {
				t.Errorf("nobody says so: %v", r.Plane.Status().Problems)
			}
			meshtest.Expect(t, r.client.Client(), "http://web/", 200, "")
		})
	}
}

// TestAddressTracing: an address may mean a service of the mesh, another tracer, or be spoken to over TLS.
func TestAddressTracing(t *testing.T) {
	r := newRig(t, "\n      tracing: {zipkin: {address: 'zipkin.istio-system:9999'}, sampling: 100, enableIstioTags: false}\n")
	r.span(`"kind":"CLIENT"`)
	if r.zipkin.find("istio.namespace") == nil {
		t.Error("Istio's tags are there although they are turned off")
	}
	change := func(name, config string, test func(t *testing.T)) {
		r.Subtest(name, func(t *testing.T) {
			r.Write("mesh.yaml", meshConfig(config))
			r.Settle()
			r.zipkin.clear()
			test(t)
		})
	}
	change("the old form", "\n      zipkinAddress: 'zipkin.istio-system:9999'\n    extensionProviders: []\n", func(*testing.T) {
		r.span(`"kind":"CLIENT"`, `"istio.namespace":"default"`)
	})
	change("datadog", "\n      tracing: {datadog: {address: 'zipkin.istio-system:9999'}, sampling: 100}\n", func(*testing.T) {
		r.until(func() error { return r.zipkin.find("asked POST /v0.4/traces") })
	})
	change("tls", fmt.Sprintf("\n      tracing: {zipkin: {address: '127.0.0.1:%d'}, tlsSettings: {mode: SIMPLE}, sampling: 100}\n", r.zipkinPort), func(t *testing.T) {
		cluster := fmt.Sprintf("cluster.tracing|127.0.0.1_%d.upstream_cx_connect_fail", r.zipkinPort)
		r.until(func() error {
			if r.client.Stat(cluster) == 0 && r.client.Stat(strings.Replace(cluster, "upstream_cx_connect_fail", "ssl.connection_error", 1)) == 0 {
				return fmt.Errorf("plaintext was good enough")
			}
			return nil
		})
	})
	change("default providers", providers+"\n    defaultProviders: {tracing: [zipkin], accessLogging: [text]}\n", func(*testing.T) {
		r.span(`"kind":"CLIENT"`, "/spans")
		r.until(func() error {
			if !strings.Contains(r.client.Log.String(), "TEXT default 200") {
				return fmt.Errorf("nothing is logged")
			}
			return nil
		}, "x-id=default")
	})
	change("an address that is none", "\n      tracing: {zipkin: {address: nonsense}}\n", func(t *testing.T) {
		if r.Problem("is not HOST:PORT") == "" {
			t.Errorf("nobody says so: %v", r.Plane.Status().Problems)
		}
	})
}

// TestGatewayTelemetry: a gateway is told of by target references.
func TestGatewayTelemetry(t *testing.T) {
	r := newRig(t, providers)
	gateway := r.Start(meshtest.Gateway("edge", "istio=ingressgateway", "gateway.networking.k8s.io/gateway-name=edge"))
	r.Write("edge.yaml", `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: istio-system}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge, namespace: istio-system}
spec: {hosts: ["*"], gateways: [edge], http: [{route: [{destination: {host: web.default.svc.cluster.local, port: {number: 80}}}]}]}
`)
	for name, target := range map[string]string{"targetRef": "targetRef: {%s}", "targetRefs": "targetRefs: [{%s}]"} {
		spec := fmt.Sprintf("{"+target+", tracing: [{providers: [{name: zipkin}]}]}", "group: gateway.networking.k8s.io, kind: Gateway, name: edge")
		r.Case(name, telemetry("istio-system", "edge", spec), func(t *testing.T) {
			r.zipkin.clear()
			client, url := gateway.ClientOf(&http.Transport{}), fmt.Sprintf("http://127.0.0.1:%d/", gateway.Port("gateway|80"))
			envoytest.Eventually(t, "a span", func() error {
				if _, err := meshtest.Try(client, meshtest.Request{URL: url}); err != nil {
					return err
				}
				return r.zipkin.find(`"kind":"SERVER"`, `"serviceName"`)
			})
			r.until(func() error { return nil })
			if r.zipkin.find(`"serviceName":"client.default"`) == nil {
				t.Error("sidecars trace, too")
			}
		})
	}
}
