package incluster_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/meshctl/meshctl/samples/addons/grafana"
	"github.com/meshctl/meshctl/test/servers"
)

// TestPrometheusOfTheSamples: the Prometheus of samples/addons scrapes whoever says by annotations that it is to be scraped, and the dashboard of the
// control plane has its numbers. Debian's Prometheus knows no Kubernetes: what discovery would find is in a file, with the labels that
// https://prometheus.io/docs/prometheus/latest/configuration/configuration/#kubernetes_sd_config documents.
func TestPrometheusOfTheSamples(t *testing.T) {
	namespace(t, client(t), "observed")
	meshd := start(t, "observed", "a")
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/stats/prometheus" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, "# TYPE istio_requests_total counter\nistio_requests_total{app=\"its own\"} 7\n")
	}))
	t.Cleanup(proxy.Close)
	annotated := func(address, path string) map[string]string {
		_, port, _ := net.SplitHostPort(address)
		return map[string]string{"scrape": "true", "port": port, "path": path}
	}
	address := proxy.Listener.Addr().String()
	p := servers.StartPrometheus(t, scrapeConfig(t,
		pod{"istio-system", "istiod-1", "istiod", "Running", annotated(meshd.monitoring, "")},
		pod{"shop", "cart-1", "cart", "Running", annotated(address, "/stats/prometheus")},
		pod{"shop", "quiet", "quiet", "Running", nil},
		pod{"shop", "over", "over", "Succeeded", annotated(address, "/stats/prometheus")},
	))
	eventually(t, "both pods", func() error {
		up, err := p.Query(`sum by (namespace, pod, app) (up)`, time.Now())
		if err != nil {
			return err
		}
		got := map[string]float64{}
		for _, one := range up {
			got[one.Labels["namespace"]+"/"+one.Labels["pod"]+" "+one.Labels["app"]] = one.Value
		}
		if len(got) != 2 || got["istio-system/istiod-1 istiod"] != 1 || got["shop/cart-1 cart"] != 1 { // 2 if each port were a target
			return fmt.Errorf("%v", got)
		}
		return nil
	})
	for _, expression := range []string{`istio_requests_total{pod="cart-1", namespace="shop"} == 7`, `sum(pilot_ready) == 1`, `pilot_info`, `process_resident_memory_bytes{app="istiod"}`, `go_goroutines{app="istiod", pod="istiod-1"}`} {
		eventually(t, expression, func() error { return some(p, expression) })
	}
	for _, d := range grafana.Dashboards() {
		for _, expression := range d.Queries() { // whether there is anything or not, they are understood
			if _, err := p.Query(strings.NewReplacer("$__rate_interval", "1m", "$", "").Replace(expression), time.Now()); err != nil {
				t.Errorf("%s: %v", d.Title, err)
			}
		}
	}
}

func some(p *servers.Prometheus, expression string) error {
	found, err := p.Query(expression, time.Now())
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("nothing")
	}
	return err
}

// pod is one at 127.0.0.1. Its annotations are those that begin with prometheus.io/.
type pod struct {
	namespace, name, app, phase string
	annotations                 map[string]string
}

// targets are what discovery makes of a pod with two ports.
func (p pod) targets() []map[string]any {
	var out []map[string]any
	for _, port := range []string{"8080", "8081"} {
		const meta = "__meta_kubernetes_"
		labels := map[string]string{
			meta + "namespace": p.namespace, meta + "pod_name": p.name, meta + "pod_label_app": p.app, meta + "pod_phase": p.phase, meta + "pod_ip": "127.0.0.1",
			meta + "pod_container_port_number": port,
		}
		for name, value := range p.annotations {
			if value != "" {
				labels[meta+"pod_annotation_prometheus_io_"+name] = value
			}
		}
		out = append(out, map[string]any{"targets": []string{"127.0.0.1:" + port}, "labels": labels})
	}
	return out
}

// scrapeConfig is that of samples/addons, which finds pods and is less patient.
func scrapeConfig(t *testing.T, pods ...pod) string {
	t.Helper()
	manifest, err := os.ReadFile("../../samples/addons/prometheus.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var targets []map[string]any
	for _, p := range pods {
		targets = append(targets, p.targets()...)
	}
	found, err := json.Marshal(targets)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pods.json")
	if err := os.WriteFile(file, found, 0o600); err != nil {
		t.Fatal(err)
	}
	for document := range strings.SplitSeq(string(manifest), "\n---\n") {
		var object corev1.ConfigMap
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			t.Fatal(err)
		}
		config := object.Data["prometheus.yml"]
		if object.Kind != "ConfigMap" || config == "" {
			continue
		}
		const discovery = "kubernetes_sd_configs:\n  - role: pod"
		if strings.Count(config, discovery) != 1 {
			t.Fatalf("pods are discovered in another way:\n%s", config)
		}
		return strings.NewReplacer("scrape_interval: 15s", "scrape_interval: 500ms", discovery, "file_sd_configs: [{files: ["+file+"]}]").Replace(config)
	}
	t.Fatal("no configuration")
	return ""
}

// TestAddonsAreAccepted: an API server takes every object of samples/addons.
func TestAddonsAreAccepted(t *testing.T) {
	namespace(t, client(t), "istio-system")
	files, err := filepath.Glob("../../samples/addons/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(len(files), err)
	}
	for _, file := range files {
		manifest, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := shared.Apply(t.Context(), manifest); err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
		}
	}
}
