package ports_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/meshctl/meshctl/internal/agentapi"
)

// listenShared listens as Envoy does.
func listenShared(t *testing.T, port uint32) net.Listener {
	t.Helper()
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 0)
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		})
	}}
	l, err := config.Listen(context.Background(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// Connections that an earlier Envoy left half open do not cost a restarted agent its port; whoever took it meanwhile does.
func TestRestart(t *testing.T) {
	wanted := &agentapi.Listen{Name: "inbound|80"}
	path := filepath.Join(t.TempDir(), "ports.json")
	first := open(t, path)
	port := allocate(t, first, wanted)["inbound|80"]
	server := listenShared(t, port)
	client, err := net.Dial("tcp", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	accepted, err := server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	accepted.Close()
	server.Close()
	first.Close()

	second := open(t, path)
	if got := allocate(t, second, wanted)["inbound|80"]; got != port {
		t.Errorf("after a restart the port is %d, was %d", got, port)
	}
	book, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []struct {
		name    string
		prepare func()
	}{
		{"an agent", func() {}},
		{"a server", func() { second.Close(); listenShared(t, port) }},
	} {
		t.Run(other.name, func(t *testing.T) {
			other.prepare()
			copied := filepath.Join(t.TempDir(), "ports.json")
			if err := os.WriteFile(copied, book, 0o600); err != nil {
				t.Fatal(err)
			}
			if got := allocate(t, open(t, copied), wanted)["inbound|80"]; got == port {
				t.Errorf("got port %d, which %s has", got, other.name)
			}
		})
	}
}
