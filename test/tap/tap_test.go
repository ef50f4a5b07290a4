package tap_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
	"github.com/meshctl/meshctl/pkg/tap"
)

const web = "http://web.default.svc.cluster.local"

// TestWhole looks at everything: each request comes once, with who asked whom.
func TestWhole(t *testing.T) {
	bothModes(t, func(t *testing.T, m *meshtest.Traffic) {
		v := look(t, m.Plane.API, request())
		m.Get("client", web+"/a?x=1&access_token=hush", "user-agent=test", "authorization=Bearer hush", "cookie=hush", "end-user=jason",
			"traceparent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		e := v.path("/a")
		equal(t, "source", short(e.Source), "client default  spiffe://cluster.local/ns/default/sa/client")
		equal(t, "destination", short(e.Destination), "web default v3 spiffe://cluster.local/ns/default/sa/web")
		equal(t, "service", words(e.Destination.Service, e.Destination.Port), "web.default.svc.cluster.local 80")
		equal(t, "request", words(e.Side, e.Proxy, e.Method, e.Path, e.Status, e.Security, e.Attempts), "client client.default GET /a?x=1&access_token=REDACTED 200 mtls 1")
		equal(t, "headers", e.Headers["end-user"]+" "+e.Headers["user-agent"], "jason test")
		if e.RequestID == "" || e.DurationMs <= 0 || e.UpstreamMs == nil || *e.UpstreamMs > e.DurationMs || e.Sent == 0 || time.Since(e.Time) > time.Minute {
			t.Errorf("%+v", e)
		}
		if all := fmt.Sprintf("%+v", e); strings.Contains(all, "hush") {
			t.Errorf("a secret is shown: %s", all)
		}

		m.Get("client", web+"/odd", "end-user=j\xffn")
		equal(t, "a header that is no text", v.path("/odd").Method, "GET")

		m.Expect("client", web+"/broken", 418, "")
		e = v.path("/broken")
		equal(t, "a fault", words(e.Status, e.Flags, e.Explain(), e.Destination.Service), "418 [FI] aborted by fault injection web.default.svc.cluster.local")

		conn, err := m.Dial("client", "web.default.svc.cluster.local", 7000)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := meshtest.Greeting(conn); err != nil {
			t.Fatal(err)
		}
		conn.Close()
		e = v.event("TCP", func(e tap.Event) bool { return e.Protocol == "TCP" })
		equal(t, "a connection", words(short(e.Destination), e.Destination.Port, e.Sent, e.Security), "web default v3 spiffe://cluster.local/ns/default/sa/web 7000 4 mtls")
		v.mu.Lock()
		defer v.mu.Unlock()
		if len(v.events) != 4 {
			t.Errorf("%d events, want 4: %+v", len(v.events), v.events)
		}
	})
}

func short(p tap.Peer) string {
	return strings.Join([]string{p.Workload, p.Namespace, p.Version, p.Identity}, " ")
}

func words(values ...any) string { return strings.TrimSuffix(fmt.Sprintln(values...), "\n") }

func equal(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// TestFilters sends what does not pass before what does: the viewer hears the latter alone.
func TestFilters(t *testing.T) {
	bothModes(t, func(t *testing.T, m *meshtest.Traffic) {
		// A proxy may still report what it saw before a viewer came: each case has its own paths.
		var of string
		send := func(t *testing.T, from, method, path string, headers ...string) {
			t.Helper()
			meshtest.Do(t, m.Client(from, web), meshtest.Request{Method: method, URL: web + of + path, Headers: headers})
		}
		for name, c := range map[string]struct {
			change func(*tap.Request)
			no     func(*testing.T)
			yes    func(*testing.T)
			paths  []string
		}{
			"method": {
				func(r *tap.Request) { r.Filter.Methods = []string{"PUT"} },
				func(t *testing.T) { send(t, "client", "GET", "/no") }, func(t *testing.T) { send(t, "client", "PUT", "/yes") }, []string{"/yes"},
			},
			"path": {
				func(r *tap.Request) { r.Filter.Paths = []string{of + "/y*s"} },
				func(t *testing.T) { send(t, "client", "GET", "/no?/yes") }, func(t *testing.T) { send(t, "client", "GET", "/y/e/s?q=1") }, []string{"/y/e/s?q=1"},
			},
			"status": {
				func(r *tap.Request) { r.Filter.Statuses = []tap.Statuses{{From: 500, To: 599}} },
				func(t *testing.T) { send(t, "client", "GET", "/no") }, func(t *testing.T) { send(t, "client", "GET", "/yes", "x-answer=507") }, []string{"/yes"},
			},
			"header": {
				func(r *tap.Request) { r.Filter.Headers = []tap.HeaderMatch{{Name: "end-user", Pattern: "j*"}} },
				func(t *testing.T) { send(t, "client", "GET", "/no", "end-user=mary") },
				func(t *testing.T) { send(t, "client", "GET", "/yes", "end-user=jason") }, []string{"/yes"},
			},
			"duration": {
				func(r *tap.Request) { r.Filter.MinDuration = 300 * time.Millisecond },
				func(t *testing.T) { send(t, "client", "GET", "/no") },
				func(t *testing.T) { send(t, "client", "GET", "/yes", "x-answer-after=400ms") }, []string{"/yes"},
			},
			"from": {
				func(r *tap.Request) { r.From = []tap.Ref{ref(t, "sa/other")} },
				func(t *testing.T) { send(t, "client", "GET", "/no") }, func(t *testing.T) { send(t, "other", "GET", "/yes") }, []string{"/yes"},
			},
			"to a service": {
				func(r *tap.Request) { r.To = []tap.Ref{ref(t, "svc/web")} },
				func(*testing.T) {}, func(t *testing.T) { send(t, "other", "GET", "/yes") }, []string{"/yes"},
			},
			"to a workload": {
				func(r *tap.Request) {
					r.From, r.To = []tap.Ref{ref(t, "other")}, []tap.Ref{ref(t, "deploy/web.default")}
				},
				func(t *testing.T) { send(t, "client", "GET", "/no") }, func(t *testing.T) { send(t, "other", "GET", "/yes") }, []string{"/yes"},
			},
			"target": {
				func(r *tap.Request) { r.Targets = []tap.Ref{ref(t, "web")} },
				func(*testing.T) {}, func(t *testing.T) { send(t, "client", "GET", "/yes") }, []string{"/yes"},
			},
			"side": {
				func(r *tap.Request) { r.Filter.Side = tap.Server },
				func(*testing.T) {}, func(t *testing.T) { send(t, "client", "GET", "/yes") }, []string{"/yes"},
			},
		} {
			t.Run(name, func(t *testing.T) {
				of = "/" + strings.ReplaceAll(name, " ", "-")
				r := request()
				c.change(&r)
				v := look(t, m.Plane.API, r)
				c.no(t)
				c.yes(t)
				v.only(of, c.paths...)
			})
		}
	})
}

// TestNobodyLooks: without a viewer, and within a second after the last one has gone, in whatever way, proxies report nothing.
func TestNobodyLooks(t *testing.T) {
	bothModes(t, func(t *testing.T, m *meshtest.Traffic) {
		client := m.Member("client")
		streams := func() int { return client.Stat("cluster.sds-grpc.upstream_rq_total") }
		m.Get("client", web+"/")
		idle := streams()
		for range 20 {
			m.Get("client", web+"/")
		}
		if got := streams(); got != idle {
			t.Errorf("the proxy has opened %d streams to its agent with nobody looking", got-idle)
		}
		off := func() error {
			for _, name := range []string{"client", "web"} {
				if runtime := string(m.Member(name).Admin("/runtime")); strings.Contains(runtime, tap.RuntimeKey) && !strings.Contains(runtime, `"final_value": "0"`) {
					return fmt.Errorf("%s: %s", name, runtime)
				}
			}
			return nil
		}
		if err := off(); err != nil {
			t.Error(err)
		}
		one := look(t, m.Plane.API, request())
		r := request()
		r.Targets = []tap.Ref{ref(t, "client")}
		other := look(t, m.Plane.API, r)
		m.Get("client", web+"/both")
		one.path("/both")
		other.path("/both")
		one.end()
		m.Get("client", web+"/one")
		other.path("/one")
		if streams() == idle {
			t.Error("the proxy reports without a stream")
		}
		gone := time.Now()
		other.end()
		envoytest.Eventually(t, "proxies to report nothing", off)
		if took := time.Since(gone); took > time.Second {
			t.Errorf("proxies went on for %s", took)
		}
		killed(t, m.Plane.Admin)
		envoytest.Eventually(t, "proxies to report nothing once the viewer was killed", off)
		after := streams()
		for range 20 {
			m.Get("client", web+"/")
		}
		if got := streams(); got != after {
			t.Errorf("the proxy has opened %d streams after all had gone", got-after)
		}
	})
}

// killed looks at requests and ends as a process that is killed: nobody says goodbye.
func killed(t *testing.T, address string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /v1/tap HTTP/1.1\r\nHost: localhost\r\n\r\n")
	_ = conn.SetReadDeadline(time.Now().Add(envoytest.Timeout))
	lines := bufio.NewScanner(conn)
	for lines.Scan() && !strings.Contains(lines.Text(), `"reporting":3`) {
	}
	if lines.Err() != nil {
		t.Fatal(lines.Err())
	}
	if err := conn.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
}

// TestControlPlaneGoes: proxies do not go on for a control plane that is no longer there, and do for the same viewer when it is back.
func TestControlPlaneGoes(t *testing.T) {
	m := meshtest.Explicit(t, map[string]string{"services.yaml": services}, members())
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	events, lost, done := make(chan tap.Event, 100), make(chan error, 100), make(chan error, 1)
	reporting := make(chan int, 100)
	go func() {
		done <- adminapi.Follow(ctx, m.Plane.API, request(), func(l tap.Line) error {
			if l.Event != nil {
				events <- *l.Event
			} else {
				reporting <- l.Status.Reporting
			}
			return nil
		}, func(err error) { lost <- err })
	}()
	for n := range reporting {
		if n == 3 {
			break
		}
	}
	m.Plane.Stop()
	if err := <-lost; err == nil {
		t.Error("nobody is told")
	}
	envoytest.Eventually(t, "the proxy to report nothing", func() error {
		if runtime := string(m.Member("client").Admin("/runtime")); !strings.Contains(runtime, `"final_value": "0"`) {
			return errors.New(runtime)
		}
		return nil
	})
	m.Plane.Restart()
	for n := range reporting {
		if n == 3 {
			break
		}
	}
	m.Get("client", web+"/again")
	for e := range events {
		if e.Path == "/again" {
			break
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestFlood sends more than the viewer wants to be shown: the rest is counted, and every request is answered.
func TestFlood(t *testing.T) {
	m := meshtest.Explicit(t, map[string]string{"services.yaml": services}, members())
	r := request()
	r.Rate, r.Targets = 5, []tap.Ref{ref(t, "client")}
	v := look(t, m.Plane.API, r)
	client := m.Client("client", web)
	const sent = 300
	for range sent {
		resp, err := client.Get(web + "/flood")
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(resp, err)
		}
		resp.Body.Close()
	}
	v.until("all of them to be shown or counted", func() error {
		if got := uint64(len(v.events)) + v.status.Dropped; got != sent {
			return fmt.Errorf("%d shown, %d dropped", len(v.events), v.status.Dropped)
		}
		return nil
	})
	if len(v.events) > sent/2 {
		t.Errorf("%d of %d were shown at a rate of %d", len(v.events), sent, r.Rate)
	}
}

// TestBadQuestions are answered in words.
func TestBadQuestions(t *testing.T) {
	m := meshtest.Explicit(t, map[string]string{"services.yaml": services}, members())
	for text, change := range map[string]func(*tap.Request){
		"nobody with a connected proxy is called nix": func(r *tap.Request) { r.Targets = []tap.Ref{ref(t, "nix")} },
		"is called service/nix":                       func(r *tap.Request) { r.To = []tap.Ref{ref(t, "svc/nix")} },
		"no proxy is connected in namesp":             func(r *tap.Request) { r.Namespace = "nix" },
		"do not report the header x-foo":              func(r *tap.Request) { r.Filter.Headers = []tap.HeaderMatch{{Name: "x-foo", Pattern: "1"}} },
	} {
		r := request()
		change(&r)
		err := m.Plane.API.Tap(t.Context(), r, func(tap.Line) error { return nil })
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("got %v, want %q", err, text)
		}
	}
}

// TestGateway: what clients outside of the mesh send is shown as the gateway saw it.
func TestGateway(t *testing.T) {
	m := meshtest.New(t, map[string]string{"services.yaml": services, "gateway.yaml": gateway})
	program := meshtest.StartProgram(t, "web")
	o := meshtest.Sidecar("web", "app=web", "version=v3")
	o.Ports = program.Ports()
	m.Start(o)
	edge := m.Start(meshtest.Gateway("edge"))
	m.Settle()
	v := look(t, m.Plane.API, request())
	meshtest.Expect(t, edge.ClientAt("gateway|80"), "http://shop.example.com/a", 200, "")
	e := v.path("/a")
	equal(t, "seen", words(e.Side, e.Gateway, e.Source.Workload, e.Destination.Workload, e.Security), "gateway edge  web mtls")
	meshtest.Expect(t, edge.ClientAt("gateway|80"), "http://other.example.com/b", 404, "")
	e = v.path("/b")
	equal(t, "no route", words(e.Status, e.Flags, e.Explain()), "404 [] answered by the proxy itself: a route says so, or none matched")
	r := request()
	r.From, r.To = []tap.Ref{ref(t, "gateway/edge")}, []tap.Ref{ref(t, "deploy/web")}
	v = look(t, m.Plane.API, r)
	meshtest.Expect(t, edge.ClientAt("gateway|80"), "http://other.example.com/no", 404, "")
	meshtest.Expect(t, edge.ClientAt("gateway|80"), "http://shop.example.com/yes", 200, "")
	v.only("", "/yes")
	if !reflect.DeepEqual(v.status.Silent, []tap.Silent(nil)) {
		t.Error(v.status.Silent)
	}
}

const gateway = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: istio-system}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [shop.example.com]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge, namespace: istio-system}
spec: {hosts: [shop.example.com], gateways: [edge], http: [{route: [{destination: {host: web.default.svc.cluster.local, port: {number: 80}}}]}]}
`
