package meshtest

import (
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/meshctl/meshctl/internal/controlplane/controlplanetest"
)

// Target ports of every Program; in the explicit mode it listens elsewhere (see Ports).
const (
	HTTPPort = 8080
	TLSPort  = 8443
	TCPPort  = 7000
	GRPCPort = 9000
)

// Program is what stands behind a sidecar: HTTP, HTTPS, TCP and gRPC servers that say their name.
//
// HTTP answers with Echo and obeys the headers of the request: "x-answer: 503" is the status, "x-answer: v1=503" that of the program v1
// only, "x-answer-after: 100ms" how long it takes, "x-answer-header: NAME=VALUE" a header of the response. HTTPS does the same with a
// certificate that nobody knows, and adds the header x-server-name to what it says of the request. The path /hold waits for Release, /slow for the end of the request, /fail
// answers 503, /ws changes the protocol and echoes one line. HTTP/1.1 and HTTP/2 (cleartext) are understood.
//
// TCP says the name and a line end, and then what it was sent. gRPC serves grpc.health.v1.Health; the headers of its response are
// "program" and "caller", the caller's x-forwarded-client-cert.
type Program struct {
	Name string

	web, tls, tcp, rpc net.Listener
	server             *http.Server
	running            sync.WaitGroup
	release            chan struct{}
	once               sync.Once
}

// StartProgram runs one on loopback until the test ends.
func StartProgram(t *testing.T, name string) *Program {
	t.Helper()
	return startProgram(t, name, func(int) net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		check(t, err)
		return l
	})
}

func startProgram(t *testing.T, name string, listen func(port int) net.Listener) *Program {
	p := &Program{Name: name, release: make(chan struct{}), web: listen(HTTPPort), tls: listen(TLSPort), tcp: listen(TCPPort), rpc: listen(GRPCPort)}
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	p.server = &http.Server{Handler: http.HandlerFunc(p.serve), Protocols: protocols, ReadHeaderTimeout: time.Minute}
	rpc := grpc.NewServer()
	healthv1.RegisterHealthServer(rpc, &health{name: name})
	t.Cleanup(func() {
		_ = p.server.Close()
		rpc.Stop()
		p.running.Wait()
	})
	p.running.Go(func() { _ = rpc.Serve(p.rpc) })
	p.ServeHTTP(p.web)
	p.ServeHTTP(tls.NewListener(p.tls, certificate(t, name)))
	p.ServeTCP(t, p.tcp)
	return p
}

// ServeHTTP serves HTTP at one more listener.
func (p *Program) ServeHTTP(l net.Listener) { p.running.Go(func() { _ = p.server.Serve(l) }) }

// ServeTCP serves TCP at one more listener, which the test's end closes.
func (p *Program) ServeTCP(t *testing.T, l net.Listener) {
	t.Cleanup(func() { l.Close() })
	p.running.Go(func() { p.greet(l) })
}

// Ports are where the program listens, by target port, as agent.Options want them.
func (p *Program) Ports() map[uint32]uint32 {
	return map[uint32]uint32{HTTPPort: ListenPort(p.web), TLSPort: ListenPort(p.tls), TCPPort: ListenPort(p.tcp), GRPCPort: ListenPort(p.rpc)}
}

func certificate(t *testing.T, name string) *tls.Config {
	t.Helper()
	chain, key := controlplanetest.ServerCertificate(t, name)
	pair, err := tls.X509KeyPair([]byte(chain), []byte(key))
	check(t, err)
	return &tls.Config{Certificates: []tls.Certificate{pair}}
}

// Release lets requests for /hold go on.
func (p *Program) Release() { p.once.Do(func() { close(p.release) }) }

// ListenPort is the number of a listener's port.
func ListenPort(l net.Listener) uint32 { return uint32(l.Addr().(*net.TCPAddr).Port) }

func (p *Program) serve(w http.ResponseWriter, r *http.Request) {
	status := http.StatusOK
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
		status = http.StatusServiceUnavailable
	}
	if after, err := time.ParseDuration(r.Header.Get("x-answer-after")); err == nil {
		select {
		case <-time.After(after):
		case <-r.Context().Done():
		}
	}
	for _, h := range r.Header.Values("x-answer-header") {
		k, v, _ := strings.Cut(h, "=")
		w.Header().Add(k, v)
	}
	wish := r.Header.Get("x-answer")
	if mine, ok := strings.CutPrefix(wish, p.Name+"="); ok {
		wish = mine
	}
	if wanted, err := strconv.Atoi(wish); err == nil {
		status = wanted
	}
	w.WriteHeader(status)
	fmt.Fprint(w, p.echo(r))
}

// echo is the request as text: "NAME METHOD URI", "host: HOST", then every header in its order, "name: value", one a line.
func (p *Program) echo(r *http.Request) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s\nhost: %s\n", p.Name, r.Method, r.URL.RequestURI(), r.Host)
	if r.TLS != nil {
		fmt.Fprintf(&b, "x-server-name: %s\n", r.TLS.ServerName)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, value := range r.Header[name] {
			fmt.Fprintf(&b, "%s: %s\n", strings.ToLower(name), value)
		}
	}
	return b.String()
}

// upgrade echoes one line once the protocol is another.
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

// greet says the name to each connection, and then what it was sent.
func (p *Program) greet(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() {
			defer conn.Close()
			fmt.Fprintln(conn, p.Name)
			_, _ = io.Copy(conn, conn)
		})
	}
}
