package meshconfig_test

import (
	"encoding/json"
	"fmt"
	"net"
	"testing"

	"github.com/meshctl/meshctl/internal/meshtest"
)

// The agent starts Envoy as the ProxyConfig resources say.
func TestProxyConfigResource(t *testing.T) {
	m := meshtest.New(t, map[string]string{"services.yaml": services, "proxyconfig.yaml": `
apiVersion: networking.istio.io/v1beta1
kind: ProxyConfig
metadata: {name: all, namespace: istio-system}
spec: {concurrency: 3, environmentVariables: {ISTIO_META_COLOUR: red}}
---
apiVersion: networking.istio.io/v1beta1
kind: ProxyConfig
metadata: {name: web, namespace: default}
spec: {selector: {matchLabels: {app: web}}, concurrency: 1}
`})
	for name, want := range map[string]int{"web": 1, "client": 3} {
		o := meshtest.Sidecar(name)
		o.Concurrency = meshtest.Configured
		w := m.Start(o)
		var info struct {
			Options struct {
				Concurrency int `json:"concurrency"`
			} `json:"command_line_options"`
			Node struct {
				Metadata map[string]any `json:"metadata"`
			} `json:"node"`
		}
		if err := json.Unmarshal(w.Admin("/server_info"), &info); err != nil {
			t.Fatal(err)
		}
		if info.Options.Concurrency != want || info.Node.Metadata["COLOUR"] != "red" {
			t.Errorf("%s: concurrency %d, COLOUR %v; want %d, red", name, info.Options.Concurrency, info.Node.Metadata["COLOUR"], want)
		}
	}
}

// In the explicit mode proxyHttpPort is where the HTTP proxy of programs listens, when nobody else does.
func TestProxyHTTPPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := meshtest.ListenPort(l)
	l.Close()
	m := meshtest.New(t, map[string]string{"services.yaml": services, "mesh.yaml": mesh(fmt.Sprintf("proxyHttpPort: %d", port))})
	if got := m.Start(meshtest.Sidecar("client")).Port("http_proxy"); got != port {
		t.Errorf("the proxy listens at %d, not %d", got, port)
	}
}
