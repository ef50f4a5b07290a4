package meshconfig_test

import (
	"testing"

	"github.com/meshctl/meshctl/internal/meshtest"
)

func TestRedirected(t *testing.T) {
	meshtest.InPods(t, map[string]string{"services.yaml": services}, func(p *meshtest.Pods) {
		web, client := p.Pod(meshtest.Sidecar("web")), p.Pod(meshtest.Sidecar("client"))
		web.Serve()
		p.Case("LOCALHOST", mesh("inboundTrafficPolicy: {mode: LOCALHOST}"), func(t *testing.T) {
			runs(t, web.Workload, clusters, `"socket_address": {"address": "127.0.0.1", "port_value": 8080}`)
			meshtest.Expect(t, client.ClientTo("10.99.0.1:80"), "http://web/", 200, "web GET /")
		})
		p.Case("PASSTHROUGH", mesh("inboundTrafficPolicy: {mode: PASSTHROUGH}"), func(t *testing.T) {
			meshtest.Expect(t, client.ClientTo("10.99.0.1:80"), "http://web/", 200, "web GET /")
		})
		p.Case("headers", mesh("defaultConfig: {proxyHeaders: {attemptCount: {disabled: true}}}"), func(t *testing.T) {
			meshtest.Await(t, client.ClientTo("10.99.0.1:80"), meshtest.Request{URL: "http://web/"}, is("x-envoy-attempt-count", "", echoed))
		})
	})
}
