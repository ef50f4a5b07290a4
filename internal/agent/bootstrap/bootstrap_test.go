package bootstrap_test

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meshctl/meshctl/internal/agent/bootstrap"
	"github.com/meshctl/meshctl/internal/envoytest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func sidecar() bootstrap.Input {
	return bootstrap.Input{
		Node: bootstrap.Node{
			Type: bootstrap.TypeSidecar, Address: "127.0.0.1", Name: "reviews-v1", Namespace: "default",
			ServiceAccount: "bookinfo-reviews", Labels: map[string]string{"app": "reviews", "version": "v1"},
			Mode: bootstrap.ModeNone, Locality: "eu/eu-1/rack-2", Workload: "reviews", Version: "test",
		},
		XDS:     bootstrap.Server{Host: "127.0.0.1", Port: 15012, Name: "istiod.istio-system.svc"},
		SDSPath: "/run/mesh/sds.sock",
	}
}

func inputs() map[string]bootstrap.Input {
	pod := sidecar()
	pod.Node.Mode, pod.Node.Address = bootstrap.ModeRedirect, "10.0.0.7"
	pod.Node.IPs = []string{"10.0.0.7", "fd00::7"}
	pod.Node.ClusterID, pod.Node.MeshID, pod.Node.Network = "Kubernetes", "cluster.local", "net1"
	pod.Node.ProxyConfig = map[string]any{"concurrency": 2}
	pod.Node.Annotations = map[string]string{"proxy.istio.io/config": "concurrency: 2"}
	pod.Node.Metadata = map[string]string{"FOO": "bar", "NAME": "forged"}
	pod.Runtime = map[string]any{"meshctl.number": 7.5, "meshctl.flag": true, "meshctl.text": "x"}
	pod.XDS.Host = "istiod.istio-system.svc"
	pod.AdminPort, pod.StatusPort, pod.HealthPort, pod.PrometheusPort = 15000, 15020, 15021, 15090
	pod.Stats = bootstrap.Stats{
		Matcher: bootstrap.Matcher{Prefixes: []string{"cluster.outbound", "server"}, Regexps: []string{`.*upstream_rq_time.*`}},
		Buckets: map[string][]float64{"istio": {1, 5, 10}},
		Statsd:  netip.MustParseAddrPort("127.0.0.1:8125"),
	}
	router := sidecar()
	router.Node = bootstrap.Node{
		Type: bootstrap.TypeRouter, Address: "127.0.0.1", Name: "ingressgateway", Namespace: "istio-system",
		ServiceAccount: "ingressgateway", Labels: map[string]string{"istio": "ingressgateway"}, Mode: bootstrap.ModeNone,
	}
	router.XDS.Plaintext = true
	return map[string]bootstrap.Input{"sidecar-explicit": sidecar(), "sidecar-redirected": pod, "router-plaintext": router}
}

func TestRenderGolden(t *testing.T) {
	for name, in := range inputs() {
		got, err := bootstrap.Render(in)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", name+".json")
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s differs (go test -update rewrites it):\n%s", file, diff)
		}
	}
}

func TestEnvoyAcceptsBootstrap(t *testing.T) {
	for name, in := range inputs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc, err := bootstrap.Render(in)
			if err != nil {
				t.Fatal(err)
			}
			envoytest.Validate(t, doc)
		})
	}
}

func TestNodeID(t *testing.T) {
	if got, want := sidecar().Node.ID(), "sidecar~127.0.0.1~reviews-v1.default~default.svc.cluster.local"; got != want {
		t.Errorf("ID() = %q, want %q", got, want)
	}
}
