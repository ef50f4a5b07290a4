package live_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
)

// program is what stands behind a sidecar: HTTP, TCP and gRPC servers that say their name.
type program struct {
	name string
	web  *httptest.Server
	tcp  net.Listener
	rpc  net.Listener
	// release lets requests for /hold go on.
	release chan struct{}
}

func startProgram(t *testing.T, name string) *program {
	t.Helper()
	p := &program{name: name, release: make(chan struct{})}
	p.web = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.web.Close)
	p.tcp = listen(t)
	var running sync.WaitGroup
	running.Go(func() { p.greet(&running) })
	p.rpc = listen(t)
	server := grpc.NewServer()
	healthv1.RegisterHealthServer(server, &health{program: p})
	running.Go(func() { _ = server.Serve(p.rpc) })
	t.Cleanup(func() { server.Stop(); p.tcp.Close(); running.Wait() })
	return p
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	return l
}

func portOf(l net.Listener) uint32 { return uint32(l.Addr().(*net.TCPAddr).Port) }

// ports are where the program listens, by target port.
func (p *program) ports() map[uint32]uint32 {
	return map[uint32]uint32{8080: portOf(p.web.Listener), 7000: portOf(p.tcp), 9000: portOf(p.rpc)}
}

func (p *program) serve(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/hold":
		select {
		case <-p.release:
		case <-r.Context().Done():
		}
	case "/ws":
		upgrade(w, r)
		return
	case "/slow":
		<-r.Context().Done()
	case "/fail":
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	fmt.Fprintf(w, "%s %s %s\nhost: %s\nxfcc: %s\n", p.name, r.Method, r.URL.RequestURI(), r.Host, r.Header.Get("x-forwarded-client-cert"))
}

// upgrade echoes lines once the protocol is another.
func upgrade(w http.ResponseWriter, r *http.Request) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", r.Header.Get("Upgrade"))
	line, err := buffered.ReadString('\n')
	if err == nil {
		fmt.Fprint(conn, "echo "+line)
	}
}

// greet says the program's name to each connection, and then what it was sent.
func (p *program) greet(running *sync.WaitGroup) {
	for {
		conn, err := p.tcp.Accept()
		if err != nil {
			return
		}
		running.Go(func() {
			defer conn.Close()
			fmt.Fprintln(conn, p.name)
			_, _ = io.Copy(conn, conn)
		})
	}
}

// greeting is the line with which a TCP connection to the program begins.
func greeting(conn net.Conn) (string, error) {
	line, err := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(line), err
}

// health answers with the program's name and the caller's identity in the response's headers.
type health struct {
	healthv1.UnimplementedHealthServer
	program *program
}

func (h *health) Check(ctx context.Context, _ *healthv1.HealthCheckRequest) (*healthv1.HealthCheckResponse, error) {
	caller := strings.Join(metadata.ValueFromIncomingContext(ctx, "x-forwarded-client-cert"), ",")
	_ = grpc.SetHeader(ctx, metadata.Pairs("program", h.program.name, "caller", caller))
	return &healthv1.HealthCheckResponse{Status: healthv1.HealthCheckResponse_SERVING}, nil
}
