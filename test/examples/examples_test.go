// Package examples_test puts YAML as it is published, mistakes included, into a live mesh, and looks at what comes of it.
package examples_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const services = `
apiVersion: v1
kind: Service
metadata: {name: productpage, namespace: default}
spec: {selector: {app: productpage}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec: {selector: {app: reviews}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: ratings, namespace: default}
spec: {selector: {app: ratings}, ports: [{name: http, port: 80, targetPort: 8080}]}
`

// bookshop is a mesh of a few services with one client, sleep, and a gateway.
type bookshop struct {
	*meshtest.Mesh
	sleep, stranger, productpage, gateway *meshtest.Workload
	page                                  *meshtest.Program
}

func open(t *testing.T) *bookshop {
	m := &bookshop{Mesh: meshtest.New(t, map[string]string{"services.yaml": services})}
	for _, name := range []string{"productpage-v1", "reviews-v1", "reviews-v2", "reviews-v3", "ratings-v1"} {
		app, version, _ := strings.Cut(name, "-")
		program := meshtest.StartProgram(t, name)
		o := meshtest.Sidecar(name, "app="+app, "version="+version)
		o.Ports = program.Ports()
		w := m.Start(o)
		if app == "productpage" {
			m.productpage, m.page = w, program
		}
	}
	m.sleep, m.stranger = m.Start(meshtest.Sidecar("sleep")), m.Start(meshtest.Sidecar("stranger"))
	m.gateway = m.Start(meshtest.Gateway("edge"))
	m.Settle()
	return m
}

// example applies a published file.
func (m *bookshop) example(name string, test func(t *testing.T)) {
	m.T().Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".yaml"))
	if err != nil {
		m.T().Fatal(err)
	}
	m.Case(name, string(text), test)
}

// problem returns what is reported about a field.
func (m *bookshop) problem(t *testing.T, field string) adminapi.Problem {
	t.Helper()
	var found adminapi.Problem
	envoytest.Eventually(t, "a problem of "+field, func() error {
		all := m.Plane.Status().Problems
		for _, p := range all {
			if p.Field == field {
				found = p
				return nil
			}
		}
		return fmt.Errorf("only %+v", all)
	})
	return found
}

func (m *bookshop) silent(t *testing.T) {
	t.Helper()
	if all := m.Plane.Status().Problems; len(all) > 0 {
		t.Errorf("somebody complains: %+v", all)
	}
}

func (m *bookshop) get(from *meshtest.Workload, host string, status int, part string, headers ...string) {
	m.T().Helper()
	meshtest.Expect(m.T(), from.Client(), "http://"+host+"/", status, part, headers...)
}

func TestPublishedRoutes(t *testing.T) {
	m := open(t)
	m.example("06-canary-by-header", func(t *testing.T) {
		m.get(m.sleep, "productpage", 200, "reviews-v2 ", "end-user=jason")
		client := m.sleep.Client()
		meshtest.Share(t, 300, 0.1, func() bool {
			return meshtest.Get(t, client, "http://productpage/").Echo.Program == "reviews-v3"
		})
		m.silent(t)
	})
	m.example("07-load-balancers", func(t *testing.T) {
		if p := m.problem(t, "spec.trafficPolicy.loadBalancer.simple"); p.Code != string(codes.Deprecated) || p.Severity != "warning" {
			t.Errorf("%+v", p)
		}
		client := m.sleep.Client()
		seen := map[string]bool{}
		envoytest.Eventually(t, "all versions", func() error {
			seen[meshtest.Get(t, client, "http://reviews/").Echo.Program] = true
			if len(seen) < 3 {
				return fmt.Errorf("only %v", seen)
			}
			return nil
		})
	})
	m.example("08-timeout-and-retries", func(t *testing.T) {
		const retries = "cluster.outbound|80||ratings.default.svc.cluster.local.upstream_rq_retry"
		before := m.sleep.Stat(retries)
		m.get(m.sleep, "ratings", 500, "", "x-answer=500")
		if n := m.sleep.Stat(retries) - before; n < 3 {
			t.Errorf("tried again %d times, want 3", n)
		}
		m.silent(t)
	})
	m.example("15-canary-and-blue-green", func(t *testing.T) {
		m.get(m.sleep, "reviews", 200, "reviews-v2 ", "canary=true")
		client := m.sleep.Client()
		for range 30 {
			if got := meshtest.Get(t, client, "http://reviews/").Echo.Program; got == "reviews-v3" {
				t.Error("the younger VirtualService counts")
			}
		}
		if p := m.problem(t, "spec.hosts[0]"); p.Name != "blue-green-deployment" || !strings.Contains(p.Message, "canary-deployment") {
			t.Errorf("%+v", p)
		}
	})
	m.example("02-consecutive-errors", func(t *testing.T) {
		if p := m.problem(t, "spec.trafficPolicy.outlierDetection.consecutiveErrors"); p.Code != string(codes.Deprecated) {
			t.Errorf("%+v", p)
		}
		client := m.sleep.Client()
		const ejections = "cluster.outbound|80||productpage.default.svc.cluster.local.outlier_detection.ejections_enforced_consecutive_gateway_failure"
		for range 3 {
			meshtest.Get(t, client, "http://productpage/", "x-answer=503")
		}
		m.sleep.WaitStat(ejections, 1)
	})
	m.example("01-percent-weights", func(t *testing.T) {
		p := m.problem(t, "spec.http[0].route[0].weight")
		if p.Severity != "error" || p.Line != 8 || p.Column == 0 || !strings.Contains(p.Message+p.Fix, "80") || !strings.Contains(p.Message, "whole number") {
			t.Errorf("%+v", p)
		}
		m.problem(t, "metadata.name")
	})
	m.example("19-not-ours", m.silent)
	m.example("04-annotated-deployment", m.silent)
}

func TestPublishedPolicies(t *testing.T) {
	m := open(t)
	post := func(from *meshtest.Workload, status int, headers ...string) {
		m.T().Helper()
		request := meshtest.Request{Method: http.MethodPost, URL: "http://productpage/", Headers: headers}
		meshtest.Await(m.T(), from.Client(), request, func(a meshtest.Answer) error {
			if a.Status != status {
				return fmt.Errorf("want %d", status)
			}
			return nil
		})
	}
	m.example("03-allow-sleep", func(t *testing.T) {
		m.get(m.sleep, "productpage", 200, "")
		m.get(m.sleep, "ratings", 200, "")
		post(m.sleep, 403)
		m.get(m.stranger, "productpage", 403, "RBAC: access denied")
		m.silent(t)
	})
	m.example("10-viewer", func(*testing.T) {
		m.get(m.stranger, "productpage", 200, "")
		post(m.sleep, 403)
		post(m.stranger, 200, "user-agent=Mozilla/5.0")
	})
	m.example("09-strict", func(t *testing.T) {
		m.get(m.sleep, "productpage", 200, "")
		address := fmt.Sprintf("http://127.0.0.1:%d/", m.productpage.Port("inbound|8080"))
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: envoytest.Timeout}
		envoytest.Eventually(t, "plaintext to be refused", func() error {
			if a, err := meshtest.Try(client, meshtest.Request{URL: address}); err == nil {
				return fmt.Errorf("answered with %d", a.Status)
			}
			return nil
		})
		m.silent(t)
	})
	m.example("11-remote-keys", func(*testing.T) {
		m.get(m.sleep, "productpage", 200, "")
		m.get(m.sleep, "productpage", 401, "", "authorization=Bearer eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2FjY291bnRzLmV4YW1wbGUuY29tIiwiYXVkIjoicHJvZHVjdHBhZ2Utc2VydmljZSJ9.c2ln")
	})
}

func TestPublishedExtensions(t *testing.T) {
	m := open(t)
	m.example("13-metric-tags", func(t *testing.T) {
		for tag, meant := range map[string]string{"request_id": "request.id", "user_id": "request.headers['user-id']"} {
			if p := m.problem(t, "spec.metrics[1].overrides[0].tagOverrides["+tag+"].value"); !strings.Contains(p.Fix, meant) || p.Line == 0 {
				t.Errorf("%+v", p)
			}
		}
		m.get(m.sleep, "productpage", 200, "")
	})
	m.example("14-access-log-patch", func(t *testing.T) {
		found := ""
		for _, p := range m.Plane.Status().Problems {
			if p.Kind == config.EnvoyFilter.Name && p.Line > 0 {
				found += p.Message + " " + p.Fix + "\n"
			}
		}
		if !strings.Contains(found, "NETWORK_FILTER") {
			t.Errorf("nobody says what to write instead: %s", found)
		}
		m.get(m.sleep, "productpage", 200, "")
		if strings.Contains(m.productpage.Log.String(), "PATCHED") {
			t.Error("the patch has an effect")
		}
	})
	m.example("14-access-log-patch-corrected", func(t *testing.T) {
		envoytest.Eventually(t, "a line in the log", func() error {
			meshtest.Get(t, m.sleep.Client(), "http://productpage/")
			if !strings.Contains(m.productpage.Log.String(), "PATCHED GET 200") {
				return fmt.Errorf("none")
			}
			return nil
		})
		m.silent(t)
	})
	m.example("18-https-gateway", func(t *testing.T) {
		client, url := m.gateway.ClientOf(&http.Transport{}), fmt.Sprintf("http://127.0.0.1:%d/", m.gateway.Port("gateway|80"))
		meshtest.Await(t, client, meshtest.Request{URL: url, Host: "api.company.com"}, func(a meshtest.Answer) error {
			if a.Status != 200 {
				return fmt.Errorf("want 200")
			}
			return nil
		})
		if p := m.problem(t, "spec.servers[1].tls.credentialName"); !strings.Contains(p.Message, "api-tls-secret") {
			t.Errorf("%+v", p)
		}
	})
}

// TestPublishedMeshConfig: settings that count from a proxy's start.
func TestPublishedMeshConfig(t *testing.T) {
	spans := make(chan string, 1)
	port := zipkin(t, spans)
	proxies, err := os.ReadFile("testdata/16-proxy-config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m := meshtest.New(t, map[string]string{"services.yaml": services, "proxies.yaml": string(proxies), "mesh.yaml": fmt.Sprintf(`
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    defaultConfig:
      proxyStatsMatcher:
        inclusionRegexps: [".*outlier_detection.*", ".*circuit_breaker.*", ".*upstream_rq_retry.*", ".*_cx_.*"]
      tracing:
        zipkin: {address: "127.0.0.1:%d"}
        sampling: 100.0
`, port)})
	program := meshtest.StartProgram(t, "productpage-v1")
	o := meshtest.Sidecar("productpage-v1", "app=productpage", "version=v1")
	o.Ports = program.Ports()
	o.Concurrency = meshtest.Configured
	m.Start(o)
	o = meshtest.Sidecar("sleep")
	o.Concurrency = meshtest.Configured
	sleep := m.Start(o)
	m.Settle()
	client := sleep.Client()
	envoytest.Eventually(t, "a span", func() error {
		if _, err := meshtest.Try(client, meshtest.Request{URL: "http://productpage/"}); err != nil {
			return err
		}
		select {
		case <-spans:
			return nil
		default:
			return fmt.Errorf("none")
		}
	})
	if text := string(sleep.Admin("/server_info")); !strings.Contains(text, `"concurrency": 2`) {
		t.Errorf("want two threads: %.3000s", text)
	}
}
