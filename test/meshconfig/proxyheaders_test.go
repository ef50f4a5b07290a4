package meshconfig_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/meshtest"
)

func TestProxyHeaders(t *testing.T) {
	r := start(t)
	headers := func(settings string) string { return mesh("defaultConfig: {proxyHeaders: {" + settings + "}}") }
	plain := r.get(t, "/")
	if h := plain.Echo.Header; h.Get("x-request-id") == "" || h.Get("x-envoy-attempt-count") == "" || h.Get("x-forwarded-client-cert") == "" {
		t.Errorf("without settings: %v", h)
	}
	if plain.Header.Get("x-envoy-upstream-service-time") == "" || r.edges(t, "/").Header.Get("server") != "istio-envoy" {
		t.Errorf("without settings: %v", plain.Header)
	}
	r.Case("request id", headers("requestId: {disabled: true}"), func(t *testing.T) {
		r.through(t, r.client, nil, is("x-request-id", "", echoed))
	})
	r.Case("attempt count", headers("attemptCount: {disabled: true}"), func(t *testing.T) {
		r.through(t, r.client, nil, is("x-envoy-attempt-count", "", echoed))
	})
	r.Case("debug headers", headers("envoyDebugHeaders: {disabled: true}"), func(t *testing.T) {
		r.through(t, r.client, nil, is("x-envoy-upstream-service-time", "", answered))
	})
	r.Case("server value", headers("server: {value: mine}"), func(t *testing.T) {
		r.through(t, r.edge, nil, is("server", "mine", answered))
	})
	r.Case("server disabled", headers("server: {disabled: true}"), func(t *testing.T) {
		r.through(t, r.edge, []string{"x-answer-header=server=program"}, is("server", "program", answered))
	})
	r.Case("client certificate", headers("forwardedClientCert: SANITIZE"), func(t *testing.T) {
		r.through(t, r.client, []string{"x-forwarded-client-cert=By=me"}, is("x-forwarded-client-cert", "", echoed))
	})
	r.Case("client certificate details", headers("setCurrentClientCertDetails: {subject: false, uri: false, dns: false, cert: true, chain: true}"), func(t *testing.T) {
		r.through(t, r.client, nil, func(a meshtest.Answer) error {
			got := a.Echo.Header.Get("x-forwarded-client-cert")
			if !strings.Contains(got, "Cert=") || !strings.Contains(got, "Chain=") || strings.Contains(got, "URI=") || strings.Contains(got, "Subject=") {
				return fmt.Errorf("x-forwarded-client-cert: %.100s", got)
			}
			return nil
		})
		runs(t, r.web, listeners, `"set_current_client_cert_details": {"subject": false, "cert": true, "chain": true}`)
	})
	r.Case("forwarded port", headers("xForwardedPort: {enabled: true}"), func(t *testing.T) {
		r.through(t, r.edge, nil, is("x-forwarded-port", fmt.Sprint(r.edge.Port("gateway|8080")), echoed))
	})
	rewrite := strings.Replace(services, "http: [{route", "http: [{rewrite: {authority: other.example.com}, route", 1)
	r.Case("forwarded host", headers("xForwardedHost: {enabled: true}")+"---\n"+rewrite[strings.LastIndex(rewrite, "---")+4:], func(t *testing.T) {
		r.through(t, r.edge, nil, is("x-forwarded-host", "www.example.com", echoed))
		if host := r.edges(t, "/").Echo.Host; host != "other.example.com" {
			t.Errorf("host is %q", host)
		}
	})
}

// A program that reads what it gets byte by byte sees the letters that the client wrote.
func TestPreservesCase(t *testing.T) {
	m := meshtest.New(t, map[string]string{
		"services.yaml": services, "mesh.yaml": mesh("defaultConfig: {proxyHeaders: {preserveHttp1HeaderCase: true}}"),
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		for in := bufio.NewScanner(conn); in.Scan() && in.Text() != ""; {
			lines <- in.Text()
		}
		close(lines)
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nX-CasE: y\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
	}()
	t.Cleanup(func() { l.Close(); <-done })
	web := meshtest.Sidecar("web")
	web.Ports = map[uint32]uint32{8080: meshtest.ListenPort(l)}
	m.Start(web)
	client := m.Start(meshtest.Sidecar("client"))
	m.Settle()
	conn := meshtest.Connect(t, client.Local("web.default.svc.cluster.local", 80))
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: web\r\nX-WriTTen: so\r\n\r\n")
	answer := bufio.NewScanner(conn)
	var got []string
	for answer.Scan() && answer.Text() != "" {
		got = append(got, answer.Text())
	}
	var seen []string
	for line := range lines {
		seen = append(seen, line)
	}
	if !strings.Contains(strings.Join(seen, "\n"), "X-WriTTen: so") || !strings.Contains(strings.Join(got, "\n"), "X-CasE: y") {
		t.Errorf("the program saw %q, the client %q", seen, got)
	}
}

func TestGatewayTopology(t *testing.T) {
	r := start(t)
	topology := func(settings string) string {
		return mesh("defaultConfig: {gatewayTopology: {" + settings + "}}")
	}
	forwarded, cert := "x-forwarded-for=1.2.3.4, 5.6.7.8", "x-forwarded-client-cert=By=me"
	a := r.edges(t, "/", forwarded, cert)
	if h := a.Echo.Header; h.Get("x-envoy-external-address") == "1.2.3.4" || strings.Contains(h.Get("x-forwarded-client-cert"), "By=me") {
		t.Errorf("without a topology: %v", h)
	}
	r.Case("trusted proxies", topology("numTrustedProxies: 2"), func(t *testing.T) {
		r.through(t, r.edge, []string{forwarded}, is("x-envoy-external-address", "1.2.3.4", echoed))
	})
	r.Case("client certificate", topology("forwardClientCertDetails: ALWAYS_FORWARD_ONLY"), func(t *testing.T) {
		r.through(t, r.edge, []string{cert}, func(a meshtest.Answer) error {
			if got := a.Echo.Header.Get("x-forwarded-client-cert"); !strings.HasPrefix(got, "By=me,") {
				return fmt.Errorf("x-forwarded-client-cert is %q", got)
			}
			return nil
		})
	})
	r.Case("proxy protocol", topology("proxyProtocol: {}"), func(t *testing.T) {
		runs(t, r.edge, listeners, "envoy.filters.listener.proxy_protocol")
		conn := meshtest.Connect(t, fmt.Sprintf("127.0.0.1:%d", r.edge.Port("gateway|8080")))
		fmt.Fprint(conn, "PROXY TCP4 9.8.7.6 127.0.0.1 1000 80\r\nGET / HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\n\r\n")
		var got strings.Builder
		for in := bufio.NewScanner(conn); in.Scan(); {
			got.WriteString(in.Text() + "\n")
		}
		if !strings.Contains(got.String(), "x-forwarded-for: 9.8.7.6") {
			t.Errorf("the program saw\n%s", got.String())
		}
	})
}

// What a workload's annotation says holds for its proxy only.
func TestAnnotation(t *testing.T) {
	r := start(t)
	own := meshtest.Sidecar("own")
	own.Annotations = map[string]string{"proxy.istio.io/config": "proxyHeaders: {attemptCount: {disabled: true}, requestId: {disabled: true}}"}
	w := r.Start(own)
	r.Settle()
	if h := meshtest.Get(t, w.Client(), "http://web/").Echo.Header; h.Get("x-envoy-attempt-count") != "" {
		t.Errorf("with the annotation: %v", h)
	}
	if h := r.get(t, "/").Echo.Header; h.Get("x-envoy-attempt-count") == "" {
		t.Errorf("without: %v", h)
	}
}
