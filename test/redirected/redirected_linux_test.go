// Package redirected_test runs the mesh as in pods: network namespaces whose traffic the kernel redirects to live Envoys, by the rules
// of mesh-agent. It needs root; everything that it makes is inside a network namespace of its own.
package redirected_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

const services = `
apiVersion: v1
kind: Service
metadata: {name: server, namespace: default}
spec: {clusterIP: 10.99.0.1, selector: {app: server}, ports: [{name: http, port: 80, targetPort: 8080}, {name: tcp, port: 7000}]}
---
apiVersion: v1
kind: Service
metadata: {name: unnamed, namespace: default}
spec: {clusterIP: 10.99.0.2, selector: {app: server}, ports: [{name: one, port: 8200, targetPort: 8080}, {name: two, port: 8300, targetPort: 7000}]}
---
apiVersion: v1
kind: Service
metadata: {name: headless, namespace: default}
spec: {clusterIP: None, selector: {app: server}, ports: [{name: tcp, port: 7100}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: server, namespace: default}
spec: {host: server, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}
`

const strict = `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: default}
spec: {mtls: {mode: STRICT}}
`

const split = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: server, namespace: default}
spec:
  hosts: [server]
  http: [{route: [{destination: {host: server, subset: v1}, weight: 75}, {destination: {host: server, subset: v2}, weight: 25}]}]
`

const registryOnly = `
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "outboundTrafficPolicy: {mode: REGISTRY_ONLY}"}
`

const clientID = "URI=spiffe://cluster.local/ns/default/sa/client"

func TestRedirected(t *testing.T) {
	meshtest.InPods(t, map[string]string{"services.yaml": services}, redirected)
}

func redirected(m *meshtest.Pods) {
	server := func(version string) *meshtest.Pod {
		o := meshtest.Sidecar("server-"+version, "app=server", "version="+version)
		o.ServiceAccount = "server"
		return m.Pod(o)
	}
	v1, v2 := server("v1"), server("v2")
	client, stranger := m.Pod(meshtest.Sidecar("client")), m.Stranger("stranger")
	for _, p := range []*meshtest.Pod{v1, v2, stranger} {
		program := p.Serve()
		program.ServeTCP(m.T(), p.Listen(7100))
		program.ServeTCP(m.T(), p.Listen(9100)) // which no Service names
		if p == stranger {
			program.ServeHTTP(p.Listen(80))
		}
	}
	m.Settle()

	m.Subtest("a service by its address, with mutual TLS", func(t *testing.T) {
		expect(t, client.ClientTo("10.99.0.1:80"), "http://server/x", 200, "server-v1 GET /x", clientID)
		expect(t, client.ClientTo("10.99.0.1:80"), "http://10.99.0.1/x", 200, "server-v2 GET /x", clientID)
	})
	m.Subtest("TCP", func(t *testing.T) {
		says(t, client, "10.99.0.1:7000", "server-v1", "server-v2")
	})
	m.Subtest("a headless service by the address of a pod", func(t *testing.T) {
		says(t, client, v1.Address+":7100", "server-v1")
		says(t, client, v2.Address+":7100", "server-v2")
	})
	m.Subtest("the protocol of a port without a telling name", func(t *testing.T) {
		expect(t, client.ClientTo("10.99.0.2:8200"), "http://unnamed:8200/auto", 200, "server-v1 GET /auto", clientID)
		says(t, client, "10.99.0.2:8300", "server-v1", "server-v2")
	})
	m.Subtest("plaintext from outside the mesh", func(t *testing.T) {
		anonymous(t, stranger.ClientTo(v1.Address+":8080"), "http://server/plain", "server-v1 GET /plain")
		says(t, stranger, v1.Address+":7000", "server-v1")
	})
	m.Subtest("destinations outside the mesh", func(t *testing.T) {
		anonymous(t, client.ClientTo(stranger.Address+":8080"), "http://stranger/out", "stranger GET /out")
		anonymous(t, client.ClientTo(stranger.Address+":80"), "http://stranger/out", "stranger GET /out")
		says(t, client, stranger.Address+":7000", "stranger")
	})
	m.Subtest("a server that speaks first, without mutual TLS", func(t *testing.T) {
		m.Write("disabled.yaml", strings.Replace(strict, "STRICT", "DISABLE", 1))
		m.Settle()
		for _, port := range []string{":7000", ":9100"} {
			envoytest.Eventually(t, "a greeting", func() error {
				conn, err := stranger.Dial(v1.Address + port)
				if err != nil {
					return err
				}
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(time.Second))
				if name, err := meshtest.Greeting(conn); err != nil || name != "server-v1" {
					return fmt.Errorf("greeted by %q: %w", name, err)
				}
				return nil
			})
		}
		m.Remove("disabled.yaml")
		m.Settle()
	})
	m.Subtest("STRICT", func(t *testing.T) {
		m.Write("strict.yaml", strict)
		m.Settle()
		refuses(t, stranger, v1.Address+":8080")
		refuses(t, stranger, v1.Address+":7000")
		expect(t, client.ClientTo("10.99.0.1:80"), "http://server/strict", 200, " /strict", clientID)
		says(t, client, "10.99.0.1:7000", "server-v1", "server-v2")
		says(t, client, v1.Address+":7100", "server-v1")
	})
	m.Subtest("weights", func(t *testing.T) {
		m.Write("split.yaml", split)
		m.Settle()
		meshtest.Share(t, 400, 0.25, func() bool {
			return meshtest.Get(t, client.ClientTo("10.99.0.1:80"), "http://server/").Echo.Program == "server-v2"
		})
	})
	m.Subtest("REGISTRY_ONLY", func(t *testing.T) {
		m.Write("mesh.yaml", registryOnly)
		m.Settle()
		expect(t, client.ClientTo(stranger.Address+":80"), "http://stranger/out", 502, "") // HTTP is known on port 80
		refuses(t, client, stranger.Address+":8080")
		refuses(t, client, stranger.Address+":7000")
		expect(t, client.ClientTo("10.99.0.1:80"), "http://server/in", 200, " /in", clientID)
	})
}

// expect waits for an answer with all parts.
func expect(t *testing.T, client *http.Client, target string, status int, parts ...string) {
	t.Helper()
	meshtest.Await(t, client, meshtest.Request{URL: target}, func(a meshtest.Answer) error {
		if a.Status != status {
			return fmt.Errorf("want %d", status)
		}
		for _, part := range parts {
			if !strings.Contains(a.Body, part) {
				return fmt.Errorf("want %q in it", part)
			}
		}
		return nil
	})
}

// anonymous waits for an answer of a program that saw no client certificate.
func anonymous(t *testing.T, client *http.Client, target, part string) {
	t.Helper()
	a := meshtest.Expect(t, client, target, 200, part)
	if caller := a.Echo.Header.Get("x-forwarded-client-cert"); caller != "" {
		t.Errorf("%s: the caller is %q", target, caller)
	}
}

// line sends a line and returns the answer.
func line(p *meshtest.Pod, address string) (string, error) {
	conn, err := p.Dial(address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(envoytest.Timeout))
	if _, err := io.WriteString(conn, "hello, who is there?\n"); err != nil {
		return "", err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(answer), err
}

// says waits until each of the names answered.
func says(t *testing.T, p *meshtest.Pod, address string, names ...string) {
	t.Helper()
	for _, want := range names {
		envoytest.Eventually(t, want+" at "+address, func() error {
			got, err := line(p, address)
			if err == nil && got != want {
				err = fmt.Errorf("%s answers", got)
			}
			return err
		})
	}
}

// refuses waits until a connection is closed without an answer.
func refuses(t *testing.T, p *meshtest.Pod, address string) {
	t.Helper()
	envoytest.Eventually(t, address+" to refuse", func() error {
		if got, err := line(p, address); err == nil {
			return fmt.Errorf("%s answers", got)
		}
		return nil
	})
}
