package destinations_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

// TestRedirected shows what differs where the kernel redirects traffic: connections keep the address that they were going to.
func TestRedirected(t *testing.T) {
	meshtest.InPods(t, map[string]string{"server.yaml": server}, func(p *meshtest.Pods) {
		one := p.Pod(meshtest.Sidecar("one", "app=server", "version=a"))
		two := p.Pod(meshtest.Sidecar("two", "app=server", "version=b"))
		client := p.Pod(meshtest.Sidecar("client"))
		stranger := p.Stranger("stranger")
		program := one.Serve()
		two.Serve()
		stranger.Serve()
		other := meshtest.StartProgram(t, "other")
		other.ServeHTTP(one.Listen(9999))
		p.Settle()
		r := &redirectedSuite{p, one, two, client, stranger}
		r.passthrough()
		r.ingress(program.Name)
		r.egress()
	})
}

type redirectedSuite struct {
	*meshtest.Pods
	one, two, client, stranger *meshtest.Pod
}

const listed = "ingress: [{port: {number: 8080, protocol: HTTP, name: http}, %s}]"

const direct = `
apiVersion: v1
kind: Service
metadata: {name: direct, namespace: default}
spec: {clusterIP: 10.99.0.7, selector: {app: server}, ports: [{name: http, port: 8080}]}
`

// passthrough: the address that the client chose is where the connection goes.
func (r *redirectedSuite) passthrough() {
	r.Case("PASSTHROUGH", direct+rule("direct", "{loadBalancer: {simple: PASSTHROUGH}}"), func(t *testing.T) {
		for _, pod := range []*meshtest.Pod{r.one, r.two} {
			if got := who(t, r.client.ClientTo(pod.Address+":8080"), "http://direct:8080/", 6); got[pod.Name] != 6 {
				t.Errorf("%s answered %v", pod.Name, got)
			}
		}
		r.client.WaitStat("cluster.outbound|8080||direct.default.svc.cluster.local.upstream_rq_200", 12)
	})
}

// greeted connects and wants one of the servers to say its name.
func (r *redirectedSuite) greeted(t *testing.T, address string) {
	t.Helper()
	envoytest.Eventually(t, address, func() error {
		conn, err := r.client.Dial(address)
		if err != nil {
			return err
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(3 * time.Second))
		if name, err := meshtest.Greeting(conn); name != "one" && name != "two" {
			return fmt.Errorf("greeted by %q: %w", name, err)
		}
		return nil
	})
}

func (r *redirectedSuite) ingress(self string) {
	serves := func(name, listener, program string) {
		r.Case(name, sidecar("version: a", fmt.Sprintf(listed, listener)), func(t *testing.T) {
			meshtest.Expect(t, r.client.ClientTo("10.99.0.1:80"), "http://server/", http.StatusOK, program+" GET")
			meshtest.Expect(t, r.stranger.ClientTo(r.one.Address+":8080"), "http://server/", http.StatusOK, program+" GET")
		})
	}
	serves("a port of loopback", "defaultEndpoint: 127.0.0.1:9999", "other")
	serves("the pod's address", "defaultEndpoint: 0.0.0.0:9999", "other")
	serves("the port itself", "captureMode: IPTABLES", self)
	r.Case("a listener of its own", sidecar("version: a", "ingress: [{port: {number: 9090, protocol: HTTP, name: http}, bind: 0.0.0.0, captureMode: NONE, defaultEndpoint: 127.0.0.1:9999}]"), func(t *testing.T) {
		meshtest.Expect(t, r.stranger.ClientTo(r.one.Address+":9090"), "http://server/", http.StatusOK, "other GET")
	})
	r.Case("the pool", sidecar("version: a", "inboundConnectionPool: {http: {http2MaxRequests: 14}}"), func(t *testing.T) {
		envoytest.Eventually(t, "the limit", func() error {
			if !strings.Contains(string(r.one.Admin("/config_dump?resource=dynamic_active_clusters")), `"max_requests": 14`) {
				return fmt.Errorf("the limits are others")
			}
			return nil
		})
	})
}

func (r *redirectedSuite) egress() {
	r.Case("a redirected address", sidecar("app: client", `egress: [{port: {number: 7000, protocol: TCP, name: tcp}, bind: 240.0.0.9, hosts: ["./*"]}, {hosts: ["./*"]}]`), func(t *testing.T) {
		r.greeted(t, "240.0.0.9:7000")
	})
	r.Case("a listener on a port", sidecar("app: client", `egress: [{port: {number: 80, protocol: HTTP, name: http}, bind: 127.0.0.1, captureMode: NONE, hosts: ["./*"]}]`), func(t *testing.T) {
		meshtest.Expect(t, r.client.ClientTo("127.0.0.1:80"), "http://server/", http.StatusOK, "GET /")
	})
	r.Case("egressProxy", sidecar("app: client", "outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: server.default.svc.cluster.local, port: {number: 7000}}}"), func(t *testing.T) {
		r.greeted(t, r.stranger.Address+":7000")
	})
}
