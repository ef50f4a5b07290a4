package portforward_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"
	"k8s.io/client-go/rest"
	client "k8s.io/client-go/tools/portforward"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"

	"github.com/meshctl/meshctl/internal/portforward"
)

func TestMain(m *testing.M) {
	// spdystream waits for a second for somebody to ask for an error that it met when it closed.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/moby/spdystream.(*Connection).shutdown"))
}

// apiServer forwards port 80 of every pod to an echo, refuses all others, and knows only some protocols.
type apiServer struct {
	webSockets bool
	upgrades   atomic.Int32
	running    sync.WaitGroup
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.Contains(r.URL.Path, "/namespaces/secret/"):
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"pods is forbidden","reason":"Forbidden","code":403}`)
	case websocket.IsWebSocketUpgrade(r) && !s.webSockets:
		http.Error(w, "no WebSockets", http.StatusBadRequest)
	case websocket.IsWebSocketUpgrade(r):
		upgrader := websocket.Upgrader{Subprotocols: []string{"SPDY/3.1+portforward.k8s.io"}}
		c, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		s.upgrades.Add(1)
		//nolint:contextcheck // The connection outlives the request.
		if served, err := spdy.NewServerConnection(client.NewTunnelingConnection("server", c), s.stream()); err == nil {
			s.wait(served)
		}
	default:
		if _, err := httpstream.Handshake(r, w, []string{"portforward.k8s.io"}); err != nil {
			return
		}
		if served := spdy.NewResponseUpgrader().UpgradeResponse(w, r, s.stream()); served != nil {
			s.upgrades.Add(1)
			s.wait(served)
		}
	}
}

func (s *apiServer) wait(c httpstream.Connection) {
	<-c.CloseChan()
	_ = c.Close()
}

func (s *apiServer) stream() httpstream.NewStreamHandler {
	failures := make(chan httpstream.Stream, 1)
	return func(stream httpstream.Stream, replySent <-chan struct{}) error {
		if stream.Headers().Get("streamType") == "error" {
			failures <- stream
			return nil
		}
		s.running.Go(func() {
			<-replySent
			failure := <-failures
			defer failure.Close()
			defer stream.Close()
			if port := stream.Headers().Get("port"); port != "80" {
				fmt.Fprintf(failure, "error forwarding port %[1]s to pod x, uid : failed to execute portforward: dial tcp4 127.0.0.1:%[1]s: connect: connection refused IPv6 dial tcp6: address localhost: no suitable address found", port)
				return
			}
			_, _ = io.Copy(stream, stream)
		})
		return nil
	}
}

func start(t *testing.T, webSockets bool) (portforward.Dialer, *apiServer) {
	s := &apiServer{webSockets: webSockets}
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		s.running.Wait()
	})
	return portforward.Dialer{Config: &rest.Config{Host: server.URL}}, s
}

func TestForward(t *testing.T) {
	for _, webSockets := range []bool{true, false} {
		t.Run(fmt.Sprintf("webSockets=%v", webSockets), func(t *testing.T) {
			d, s := start(t, webSockets)
			var all sync.WaitGroup
			for i := range 8 {
				all.Go(func() { echo(t, d, fmt.Sprintf("line %d\n", i)) })
			}
			all.Wait()
			if n := s.upgrades.Load(); n != 8 {
				t.Errorf("%d connections to the API server", n)
			}
		})
	}
}

func echo(t *testing.T, d portforward.Dialer, text string) {
	c, err := d.DialPod(t.Context(), "default", "web-0", 80)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	if c.RemoteAddr().String() != "web-0.default:80" {
		t.Errorf("remote address %v", c.RemoteAddr())
	}
	if _, err := io.WriteString(c, text); err != nil {
		t.Error(err)
	}
	if got, err := bufio.NewReader(c).ReadString('\n'); err != nil || got != text {
		t.Errorf("%q, %v", got, err)
	}
}

func TestDeadlinesAndClose(t *testing.T) {
	d, _ := start(t, true)
	c, err := d.DialPod(t.Context(), "default", "web-0", 80)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the deadline: %v", err)
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	read := make(chan error, 1)
	go func() {
		_, err := c.Read(make([]byte, 1))
		read <- err
	}()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-read; err == nil {
		t.Error("Read of a closed connection")
	}
	_ = c.Close() // a second time does no harm
}

func TestNothingListens(t *testing.T) {
	d, _ := start(t, true)
	c, err := d.DialPod(t.Context(), "default", "web-0", 81)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Read(make([]byte, 1))
	var op *net.OpError
	if !errors.As(err, &op) || !strings.Contains(err.Error(), "web-0.default:81: connection refused") || strings.Contains(err.Error(), "IPv6") {
		t.Errorf("read: %v", err)
	}
}

func TestRefused(t *testing.T) {
	d, s := start(t, true)
	if _, err := d.DialPod(t.Context(), "secret", "web-0", 80); err == nil || !strings.Contains(err.Error(), "pods is forbidden") {
		t.Errorf("forbidden: %v", err)
	}
	if n := s.upgrades.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = portforward.Dialer{Config: &rest.Config{Host: "http://" + l.Addr().String()}}.DialPod(ctx, "default", "web-0", 80)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	_ = l.Close() // resets the connections that were not taken
}

func TestOverHTTP(t *testing.T) {
	d, _ := start(t, true)
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return d.DialPod(ctx, "default", "web-0", 81)
	}}}
	if _, err := c.Get("http://pod/"); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("%v", err)
	}
}
