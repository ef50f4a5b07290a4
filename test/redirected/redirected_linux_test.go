// Package redirected_test runs the mesh as in pods: network namespaces whose traffic the kernel redirects to live Envoys, by the rules
// of mesh-agent. It needs root; everything that it makes is inside a network namespace of its own.
package redirected_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/controlplane/controlplanetest"
	"github.com/meshctl/meshctl/internal/envoytest"
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
	if !inNamespace(t) {
		return
	}
	c := newCluster(t, map[string]string{"services.yaml": services})
	v1, v2 := c.pod("server-v1", "10.77.0.11", "server", "v1"), c.pod("server-v2", "10.77.0.12", "server", "v2")
	client, stranger := c.pod("client", "10.77.0.13", "client", "v1"), c.stranger("stranger", "10.77.0.14")
	for _, p := range []*pod{v1, v2, stranger} {
		p.serveHTTP(t, 8080)
		p.serveTCP(t, 7000)
		p.serveTCP(t, 7100)
	}
	stranger.serveHTTP(t, 80)
	c.synced(t)

	t.Run("a service by its address, with mutual TLS", func(t *testing.T) {
		expect(t, client.client("10.99.0.1:80"), "http://server/x", 200, "server-v1 /x", clientID)
		expect(t, client.client("10.99.0.1:80"), "http://10.99.0.1/x", 200, "server-v2 /x", clientID)
	})
	t.Run("TCP", func(t *testing.T) {
		says(t, client, "10.99.0.1:7000", "server-v1", "server-v2")
	})
	t.Run("a headless service by the address of a pod", func(t *testing.T) {
		says(t, client, v1.address+":7100", "server-v1")
		says(t, client, v2.address+":7100", "server-v2")
	})
	t.Run("the protocol of a port without a telling name", func(t *testing.T) {
		expect(t, client.client("10.99.0.2:8200"), "http://unnamed:8200/auto", 200, "server-v1 /auto", clientID)
		says(t, client, "10.99.0.2:8300", "server-v1", "server-v2")
	})
	t.Run("plaintext from outside the mesh", func(t *testing.T) {
		expect(t, stranger.client(v1.address+":8080"), "http://server/plain", 200, "server-v1 /plain xfcc=")
		says(t, stranger, v1.address+":7000", "server-v1")
	})
	t.Run("destinations outside the mesh", func(t *testing.T) {
		expect(t, client.client(stranger.address+":8080"), "http://stranger/out", 200, "stranger /out xfcc=")
		expect(t, client.client(stranger.address+":80"), "http://stranger/out", 200, "stranger /out xfcc=")
		says(t, client, stranger.address+":7000", "stranger")
	})
	t.Run("STRICT", func(t *testing.T) {
		c.apply(t, "strict.yaml", strict)
		refuses(t, stranger, v1.address+":8080")
		refuses(t, stranger, v1.address+":7000")
		expect(t, client.client("10.99.0.1:80"), "http://server/strict", 200, "/strict", clientID)
		says(t, client, "10.99.0.1:7000", "server-v1", "server-v2")
		says(t, client, v1.address+":7100", "server-v1")
	})
	t.Run("weights", func(t *testing.T) {
		c.apply(t, "split.yaml", split)
		second := 0
		const n = 400
		for range n {
			body, err := get(client.client("10.99.0.1:80"), "http://server/", 200)
			check(t, err)
			if strings.HasPrefix(body, "server-v2") {
				second++
			}
		}
		if math.Abs(float64(second)-n/4) > 5*math.Sqrt(n*0.25*0.75) {
			t.Errorf("%d of %d, want %d", second, n, n/4)
		}
	})
	t.Run("REGISTRY_ONLY", func(t *testing.T) {
		c.apply(t, "mesh.yaml", registryOnly)
		expect(t, client.client(stranger.address+":80"), "http://stranger/out", 502, "") // HTTP is known on port 80
		refuses(t, client, stranger.address+":8080")
		refuses(t, client, stranger.address+":7000")
		expect(t, client.client("10.99.0.1:80"), "http://server/in", 200, "/in", clientID)
	})
}

func (c *cluster) synced(t *testing.T) {
	t.Helper()
	report, err := c.plane.API.WaitSync(context.Background(), controlplanetest.Patience)
	check(t, err)
	if !report.Synced {
		t.Fatalf("not synced: %v", report.Waiting)
	}
}

// apply adds a file; the checks that follow wait for its effect.
func (c *cluster) apply(t *testing.T, name, text string) {
	t.Helper()
	witness := controlplanetest.Connect(t, c.plane.DialPlaintext(t), controlplanetest.Node(t, "sidecar~10.77.0.99~witness.default~x", nil), nil)
	c.plane.Write(name, text)
	c.plane.Write("marker.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: marker-"+strings.TrimSuffix(name, ".yaml")+", namespace: default}\nspec: {ports: [{name: http, port: 9999}]}\n")
	witness.Await("type.googleapis.com/envoy.config.cluster.v3.Cluster", "outbound|9999||marker-"+strings.TrimSuffix(name, ".yaml")+".default.svc.cluster.local", nil)
	c.synced(t)
}

func get(client *http.Client, target string, status int) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), envoytest.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != status {
		err = fmt.Errorf("status %d, want %d: %s", resp.StatusCode, status, body)
	}
	return string(body), err
}

// expect waits for an answer with all parts.
func expect(t *testing.T, client *http.Client, target string, status int, parts ...string) {
	t.Helper()
	envoytest.Eventually(t, target, func() error {
		body, err := get(client, target, status)
		for _, part := range parts {
			if err == nil && !strings.Contains(body, part) {
				err = fmt.Errorf("%q, want %q in it", body, part)
			}
		}
		return err
	})
}

// line sends a line and returns the answer.
func line(p *pod, address string) (string, error) {
	conn, err := p.dial(context.Background(), "tcp", address)
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
func says(t *testing.T, p *pod, address string, names ...string) {
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
func refuses(t *testing.T, p *pod, address string) {
	t.Helper()
	envoytest.Eventually(t, address+" to refuse", func() error {
		if got, err := line(p, address); err == nil {
			return fmt.Errorf("%s answers", got)
		}
		return nil
	})
}
