package destinations_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

// external is a service outside the mesh at a port of this machine.
func external(host, protocol string, port uint32) string {
	return fmt.Sprintf(`
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: %s, namespace: default}
spec:
  hosts: [%s]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{number: 443, name: %s, protocol: %s}]
  endpoints: [{address: 127.0.0.1, ports: {%s: %d}}]
`, strings.ReplaceAll(host, ".", "-"), host, strings.ToLower(protocol), protocol, strings.ToLower(protocol), port)
}

// peer is a listener that tells how connections to it begin.
type peer struct {
	port  uint32
	begun chan []byte
}

// startPeer reads the first bytes of each connection; answer then serves the rest.
func startPeer(t *testing.T, answer func(conn net.Conn, first []byte)) *peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{port: meshtest.ListenPort(l), begun: make(chan []byte, 16)}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				first := make([]byte, 512)
				n, _ := conn.Read(first)
				select {
				case p.begun <- first[:n]:
				default:
				}
				answer(conn, first[:n])
			})
		}
	})
	t.Cleanup(func() { l.Close(); running.Wait() })
	return p
}

func TestStreams(t *testing.T) {
	s := newSuite(t)
	s.proxyProtocols()
	s.tunnels()
}

// proxyProtocols: each connection begins with a header that names the client.
func (s *suite) proxyProtocols() {
	p := startPeer(s.T(), func(conn net.Conn, _ []byte) { _, _ = io.WriteString(conn, "hello\n") })
	announces := func(version, begin string) {
		text := external("announced.example.com", "TCP", p.port) + rule("announced.example.com", "{proxyProtocol: {"+version+"}}")
		s.Case("proxyProtocol "+version, text, func(t *testing.T) {
			envoytest.Eventually(t, "the header", func() error {
				conn := meshtest.Connect(t, s.client.Local("announced.example.com", 443))
				defer conn.Close()
				_, _ = io.WriteString(conn, "hi\n")
				if line, err := bufio.NewReader(conn).ReadString('\n'); line != "hello\n" {
					return fmt.Errorf("answered %q: %w", line, err)
				}
				if got := string(<-p.begun); !strings.HasPrefix(got, begin) {
					return fmt.Errorf("the connection begins with %q", got)
				}
				return nil
			})
		})
	}
	announces("version: V1", "PROXY TCP4 127.0.0.1 ")
	announces("version: V2", "\r\n\r\n\x00\r\nQUIT\n\x21\x11")
	announces("", "PROXY TCP4 ")
}

// tunnels: connections go through an HTTP proxy to where the rule says.
func (s *suite) tunnels() {
	target := s.programs["a"].Ports()[meshtest.TCPPort]
	p := startPeer(s.T(), func(conn net.Conn, _ []byte) {
		to, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", target))
		if err != nil {
			return
		}
		defer to.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(to, conn); to.Close() }()
		_, _ = io.Copy(conn, to)
	})
	const routes = `
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: tunnelled, namespace: default}
spec: {hosts: [tunnelled.example.com], tcp: [{match: [{port: 443}], route: [{destination: {host: proxy.example.com, port: {number: 443}, subset: through}}]}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: proxy, namespace: default}
spec:
  host: proxy.example.com
  subsets: [{name: through, trafficPolicy: {tunnel: {%s targetHost: %s, targetPort: 8443}}}]
`
	goes := func(name, protocol, host, begin string) {
		text := external("tunnelled.example.com", "TCP", 1) + external("proxy.example.com", "HTTP", p.port) + fmt.Sprintf(routes, protocol, host)
		s.Case("tunnel "+name, text, func(t *testing.T) {
			envoytest.Eventually(t, "the tunnel", func() error {
				conn := meshtest.Connect(t, s.client.Local("tunnelled.example.com", 443))
				defer conn.Close()
				if line, err := meshtest.Greeting(conn); line != "a" {
					return fmt.Errorf("greeted by %q: %w", line, err)
				}
				if got := string(<-p.begun); !strings.HasPrefix(got, begin) {
					return fmt.Errorf("the proxy was asked %q", got)
				}
				return nil
			})
		})
	}
	goes("by CONNECT", "", "far.example.com", "CONNECT far.example.com:8443 HTTP/1.1\r\n")
	goes("to an address", "protocol: CONNECT,", "192.0.2.7", "CONNECT 192.0.2.7:8443 HTTP/1.1\r\n")
	s.Case("tunnel to nowhere", external("proxy.example.com", "HTTP", p.port)+fmt.Sprintf(routes, "protocol: UDP,", `"*"`), func(t *testing.T) {
		if s.Problem("is no way to tunnel") == "" || s.Problem("neither a name nor an IP address") == "" {
			t.Errorf("problems: %v", s.Plane.Status().Problems)
		}
	})
	s.post()
}

// post: a proxy that takes POST answers with the bytes of the connection.
func (s *suite) post() {
	posted := make(chan string, 4)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.T().Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case posted <- r.Method + " " + r.Host:
		default:
		}
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, "tunnelled\n")
		_ = http.NewResponseController(w).Flush()
		_, _ = io.Copy(io.Discard, r.Body)
	})}
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(l) })
	s.T().Cleanup(func() { _ = server.Close(); running.Wait() })
	text := external("proxy.example.com", "TCP", meshtest.ListenPort(l)) +
		rule("proxy.example.com", "{tunnel: {protocol: POST, targetHost: far.example.com, targetPort: 9000}}")
	s.Case("tunnel by POST", text, func(t *testing.T) {
		envoytest.Eventually(t, "the tunnel", func() error {
			conn := meshtest.Connect(t, s.client.Local("proxy.example.com", 443))
			defer conn.Close()
			_, _ = io.WriteString(conn, "hi\n")
			if line, err := meshtest.Greeting(conn); line != "tunnelled" {
				return fmt.Errorf("answered %q: %w", line, err)
			}
			if got := <-posted; got != "POST far.example.com:9000" {
				return fmt.Errorf("the proxy was asked %q", got)
			}
			return nil
		})
	})
}
