package translate

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// Two workloads, each an explicit sidecar in front of a program: "client" and "server", in two versions.
const serverYAML = `
apiVersion: v1
kind: Service
metadata: {name: server, namespace: default}
spec: {selector: {app: server}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: raw, namespace: default}
spec: {selector: {app: server}, ports: [{name: tcp, port: 7000, targetPort: 7000}]}
---
apiVersion: v1
kind: Service
metadata: {name: plain, namespace: default}
spec: {selector: {app: plain}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: server, namespace: default}
spec:
  host: server
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
`

// program is what stands behind a sidecar; it answers with its name and what it saw.
type program struct {
	*httptest.Server
	mu   sync.Mutex
	seen []*http.Request
}

func startProgram(t *testing.T, name string) *program {
	t.Helper()
	p := &program{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.seen = append(p.seen, r)
		p.mu.Unlock()
		w.Header().Set("x-gone", "no")
		if code, err := strconv.Atoi(r.URL.Query().Get("status")); err == nil {
			w.WriteHeader(code)
		}
		fmt.Fprintf(w, "%s %s %s\nhost: %s\nxfcc: %s\nx-a: %s\n", name, r.Method, r.URL.RequestURI(), r.Host, r.Header.Get("x-forwarded-client-cert"), r.Header.Get("x-a"))
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *program) requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.seen)
}

func portOf(t testing.TB, address string) uint32 {
	t.Helper()
	address = strings.TrimPrefix(address, "http://")
	_, port, err := net.SplitHostPort(address)
	n, err2 := strconv.Atoi(port)
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	return uint32(n)
}

// bench is a client's Envoy in front of two versions of a server with Envoys of their own and one program without.
type bench struct {
	t       *testing.T
	control *control
	base    string
	client  mesh.Proxy
	servers map[string]mesh.Proxy
	envoys  map[string]*running
	v1, v2  *program
	plain   *program
	echo    net.Listener
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, control: startControl(t), servers: map[string]mesh.Proxy{}, envoys: map[string]*running{}}
	b.v1, b.v2, b.plain = startProgram(t, "v1"), startProgram(t, "v2"), startProgram(t, "plain")
	b.echo = echoServer(t)
	reserve := free(t)
	entries := ""
	weights := map[string]int{"v1": 3, "v2": 1}
	for version, p := range map[string]*program{"v1": b.v1, "v2": b.v2} {
		sidecar := explicit("app=server", "version="+version)
		sidecar.Name = "server-" + version
		sidecar.ID = "sidecar~127.0.0.1~" + sidecar.Name + ".default~default.svc.cluster.local"
		sidecar.ServiceAccount = "server"
		sidecar.AppPorts = map[uint32]uint32{8080: portOf(t, p.URL), 7000: portOf(t, b.echo.Addr().String())}
		sidecar.Bindings = map[string]uint32{"inbound|8080": reserve(mesh.Listen{}), "inbound|7000": reserve(mesh.Listen{})}
		b.servers[version] = sidecar
		entries += fmt.Sprintf(`
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: server-%s, namespace: default}
spec: {address: 127.0.0.1, labels: {app: server, version: %s}, serviceAccount: server, weight: %d, ports: {"8080": %d, "7000": %d, http: %d, tcp: %d}}
`, version, version, weights[version], sidecar.Bindings["inbound|8080"], sidecar.Bindings["inbound|7000"], sidecar.Bindings["inbound|8080"], sidecar.Bindings["inbound|7000"])
	}
	b.base = serverYAML + entries + fmt.Sprintf(`
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: plain, namespace: default, labels: {security.istio.io/tlsMode: disabled}}
spec: {address: 127.0.0.1, labels: {app: plain, security.istio.io/tlsMode: disabled}, ports: {"8080": %d, http: %d}}
`, portOf(t, b.plain.URL), portOf(t, b.plain.URL))
	b.client = bound(build(t, b.base), explicit("app=client"), reserve)
	return b
}

// apply gives every Envoy what follows from the base and more objects; the first time it starts them.
func (b *bench) apply(more string) {
	b.t.Helper()
	objects := append(decode(b.t, b.base), decode(b.t, more)...) // the later of two objects of one name holds
	s := mesh.Build(config.Set{}.With(config.Batch{Full: true, Upserts: objects}), mesh.Options{})
	for name, p := range b.proxies() {
		r := resourcesFor(s, p)
		if b.envoys[name] == nil {
			b.envoys[name] = b.control.envoy(b.t, p, r)
			continue
		}
		b.control.set(b.t, p.ID, r)
		b.envoys[name].settle(b.t, r)
	}
}

func (b *bench) proxies() map[string]mesh.Proxy {
	return map[string]mesh.Proxy{"client": b.client, "v1": b.servers["v1"], "v2": b.servers["v2"]}
}

// http is a client that uses the sidecar's HTTP proxy and follows no redirect.
func (b *bench) http() *http.Client {
	proxy := &url.URL{Scheme: "http", Host: HostPort(loopback, b.client.Bindings[HTTPProxy])}
	transport := &http.Transport{Proxy: http.ProxyURL(proxy)}
	b.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport: transport, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (b *bench) get(target string, headers ...string) (*http.Response, string) {
	b.t.Helper()
	req, err := http.NewRequest(http.MethodGet, target, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, h := range headers {
		k, v, _ := strings.Cut(h, "=")
		req.Header.Set(k, v)
	}
	resp, err := b.http().Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp, string(body)
}

// expect wants a status and a part of the body.
func (b *bench) expect(target string, status int, part string, headers ...string) {
	b.t.Helper()
	resp, body := b.get(target, headers...)
	if resp.StatusCode != status || !strings.Contains(body, part) {
		b.t.Errorf("%s: %d %q, want %d and %q", target, resp.StatusCode, body, status, part)
	}
}

func echoServer(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { defer c.Close(); _, _ = io.Copy(c, c) })
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l
}

// echoes sends a line and wants it back.
func echoes(t *testing.T, conn net.Conn, r *bufio.Reader) {
	t.Helper()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintln(conn, "hello")
	if line, err := r.ReadString('\n'); err != nil || line != "hello\n" {
		t.Errorf("got %q, %v", line, err)
	}
}

func TestTraffic(t *testing.T) {
	b := newBench(t)
	b.apply("")

	t.Run("mutual TLS shows the client's identity to the server", func(t *testing.T) {
		b.t = t
		b.expect("http://server/x", 200, "URI=spiffe://cluster.local/ns/default/sa/client")
		b.expect("http://server.default.svc.cluster.local:80/x", 200, "GET /x")
	})
	t.Run("a workload without a proxy gets plaintext", func(t *testing.T) {
		b.t = t
		b.expect("http://plain/x", 200, "xfcc: \n")
	})
	t.Run("a local port of a service", func(t *testing.T) {
		b.t = t
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/local", b.client.Bindings["outbound|80|server.default.svc.cluster.local"]))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if body, _ := io.ReadAll(resp.Body); !strings.Contains(string(body), "host: server.default.svc.cluster.local\n") {
			t.Errorf("%s", body)
		}
	})
	t.Run("TCP on a local port and through CONNECT", func(t *testing.T) {
		conn, err := net.Dial("tcp", HostPort(loopback, b.client.Bindings["outbound|7000|raw.default.svc.cluster.local"]))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		echoes(t, conn, bufio.NewReader(conn))
		for _, target := range []string{"raw:7000", b.echo.Addr().String()} {
			conn, r := b.connect(t, target)
			echoes(t, conn, r)
			conn.Close()
		}
	})
	t.Run("hosts outside the mesh are reached by name", func(t *testing.T) {
		b.t = t
		b.expect("http://"+HostPort("localhost", portOf(t, b.plain.URL))+"/out", 200, "GET /out")
	})
	t.Run("endpoints have weights", func(t *testing.T) { b.t = t; b.expectShare(t, 0.25) })
	t.Run("routes", func(t *testing.T) { b.t = t; b.routes(t) })
	t.Run("weights", func(t *testing.T) { b.t = t; b.weights(t) })
	t.Run("outlier detection", func(t *testing.T) { b.t = t; b.outliers(t) })
	t.Run("REGISTRY_ONLY", func(t *testing.T) {
		b.t = t
		b.apply(`
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: default}
spec: {outboundTrafficPolicy: {mode: REGISTRY_ONLY}, egress: [{hosts: ["*/*"]}]}
`)
		b.expect("http://"+HostPort("localhost", portOf(t, b.plain.URL))+"/out", 502, "")
		b.expect("http://server/in", 200, "GET /in")
	})
	t.Run("STRICT refuses plaintext", func(t *testing.T) { b.t = t; b.strict(t) })
}

// connect opens a tunnel through the HTTP proxy.
func (b *bench) connect(t *testing.T, target string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", HostPort(loopback, b.client.Bindings[HTTPProxy]))
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", target, target)
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, &http.Request{Method: http.MethodConnect})
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("CONNECT %s: %v %v", target, resp, err)
	}
	return conn, r
}

func (b *bench) routes(t *testing.T) {
	b.apply(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: server, namespace: default}
spec:
  hosts: [server]
  http:
  - match: [{headers: {end-user: {exact: jason}}, withoutHeaders: {x-not: {exact: "1"}}}]
    route: [{destination: {host: server, subset: v2}}]
  - match: [{uri: {prefix: /old/}}]
    rewrite: {uri: /new/, authority: changed.example.com}
    headers: {request: {set: {x-a: "100% %PROTOCOL%"}}, response: {add: {x-response: "yes"}, remove: [x-gone]}}
    route: [{destination: {host: server, subset: v1}}]
  - match: [{uri: {regex: "/v[0-9]+/.*"}}]
    rewrite: {uriRegexRewrite: {match: "^/v([0-9]+)/(.*)$", rewrite: "/\\2/\\1"}}
    route: [{destination: {host: server, subset: v1}}]
  - match: [{uri: {exact: /redirect}}]
    redirect: {uri: /there, authority: new.example.com, redirectCode: 307}
  - match: [{uri: {prefix: /abort}}]
    fault: {abort: {percentage: {value: 100}, httpStatus: 418}}
    route: [{destination: {host: server}}]
  - match: [{uri: {prefix: /delay}}]
    fault: {delay: {percentage: {value: 100}, fixedDelay: 300ms}}
    route: [{destination: {host: server}}]
  - match: [{uri: {prefix: /timeout}}]
    timeout: 50ms
    fault: {delay: {percentage: {value: 0}, fixedDelay: 5s}}
    route: [{destination: {host: server}}]
  - match: [{uri: {prefix: /retry}}]
    retries: {attempts: 3, retryOn: "503", backoff: 1ms}
    route: [{destination: {host: server, subset: v1}}]
  - match: [{uri: {prefix: /mirror}}]
    mirror: {host: server, subset: v2}
    route: [{destination: {host: server, subset: v1}}]
  - match: [{uri: {prefix: /direct}}]
    directResponse: {status: 203, body: {string: "said by the proxy"}}
  - match: [{uri: {prefix: /nowhere}}]
    route: [{destination: {host: nowhere.example.com, port: {number: 80}}}]
  - match: [{queryParams: {q: {exact: "1"}}}]
    route: [{destination: {host: server, subset: v2}}]
  - route: [{destination: {host: server, subset: v1}}]
`)
	b.expect("http://server/", 200, "v2 GET /", "end-user=jason")
	b.expect("http://server/", 200, "v1 GET /", "end-user=jason", "x-not=1")
	b.expect("http://server/", 200, "v1 GET /")
	b.expect("http://server/?q=1", 200, "v2 GET /")
	b.expect("http://server/old/thing", 200, "v1 GET /new/thing\nhost: changed.example.com\n")
	b.expect("http://server/old/thing", 200, "x-a: 100% HTTP/1.1")
	b.expect("http://server/v7/thing", 200, "v1 GET /thing/7")
	b.expect("http://server/direct", 203, "said by the proxy")
	b.expect("http://server/abort", 418, "fault filter abort")
	b.expect("http://server/nowhere", 503, "")
	if resp, _ := b.get("http://server/old/x"); resp.Header.Get("x-response") != "yes" || resp.Header.Get("x-gone") != "" {
		t.Errorf("response headers: %v", resp.Header)
	}
	if resp, _ := b.get("http://server/redirect"); resp.StatusCode != 307 || resp.Header.Get("location") != "http://new.example.com/there" {
		t.Errorf("redirect: %d %v", resp.StatusCode, resp.Header)
	}
	begin := time.Now()
	b.expect("http://server/delay", 200, "GET /delay")
	if took := time.Since(begin); took < 290*time.Millisecond {
		t.Errorf("delayed by %v only", took)
	}
	before := b.v1.requests()
	b.expect("http://server/retry?status=503", 503, "v1")
	if n := b.v1.requests() - before; n != 4 {
		t.Errorf("%d requests with 3 retries", n)
	}
	before = b.v2.requests()
	const mirrored = "cluster.outbound|80|v2|server.default.svc.cluster.local.upstream_rq_completed"
	completed := b.envoys["client"].Stat(t, mirrored)
	b.expect("http://server/mirror", 200, "v1 GET /mirror")
	b.envoys["client"].WaitStat(t, mirrored, completed+1)
	if b.v2.requests() == before {
		t.Errorf("nothing was mirrored")
	}
}

func (b *bench) weights(t *testing.T) {
	b.apply(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: server, namespace: default}
spec:
  hosts: [server]
  http:
  - route:
    - {destination: {host: server, subset: v1}, weight: 80}
    - {destination: {host: server, subset: v2}, weight: 20}
`)
	b.expectShare(t, 0.2)
}

// expectShare wants that share of requests at the second version.
func (b *bench) expectShare(t *testing.T, share float64) {
	t.Helper()
	client, second := b.http(), 0
	const n = 1000
	for range n {
		resp, err := client.Get("http://server/")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if strings.HasPrefix(string(body), "v2") {
			second++
		}
	}
	if off := math.Abs(float64(second) - share*n); off > 5*math.Sqrt(n*share*(1-share)) { // five standard deviations
		t.Errorf("%d of %d went to v2, want %.0f", second, n, share*n)
	}
}

func (b *bench) strict(t *testing.T) {
	b.apply(`
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: default}
spec: {mtls: {mode: STRICT}}
`)
	b.expect("http://server/x", 200, "URI=spiffe://cluster.local/ns/default/sa/client")
	direct := HostPort(loopback, b.servers["v1"].Bindings["inbound|8080"])
	if resp, err := http.Get("http://" + direct + "/x"); err == nil {
		resp.Body.Close()
		t.Errorf("plaintext was answered: %d", resp.StatusCode)
	}
	conn, err := tls.Dial("tcp", direct, &tls.Config{InsecureSkipVerify: true}) // no certificate of the mesh
	if err == nil {
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		if _, err = bufio.NewReader(conn).ReadByte(); err == nil {
			t.Error("TLS without a client certificate was answered")
		}
		conn.Close()
	}
}

// outliers: the deprecated consecutiveErrors ejects after gateway errors, and not after other errors.
func (b *bench) outliers(t *testing.T) {
	b.apply(`
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: server, namespace: default}
spec:
  host: server
  trafficPolicy: {outlierDetection: {consecutiveErrors: 3, interval: 1s, baseEjectionTime: 60s, maxEjectionPercent: 100}}
`)
	const ejected = "cluster.outbound|80||server.default.svc.cluster.local.outlier_detection.ejections_active"
	for range 40 {
		b.get("http://server/?status=500")
	}
	if n := b.envoys["client"].Stat(t, ejected); n != 0 {
		t.Errorf("status 500 ejected %d endpoints", n)
	}
	for range 40 {
		b.get("http://server/?status=503")
	}
	if n := b.envoys["client"].Stat(t, ejected); n != 2 {
		t.Errorf("status 503 ejected %d endpoints, want 2", n)
	}
	// Envoy merges changes of health for up to a second.
	envoytest.Eventually(t, "no endpoint to be left", func() error {
		if resp, body := b.get("http://server/"); resp.StatusCode != 503 || !strings.Contains(body, "no healthy upstream") {
			return fmt.Errorf("%d %s", resp.StatusCode, body)
		}
		return nil
	})
}
