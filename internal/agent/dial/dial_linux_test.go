package dial

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A control plane whose machine vanishes is noticed: gRPC tells the kernel how long unacknowledged data may be under way when, and only
// when, it sends keepalive pings.
func TestVanishedControlPlaneIsNoticed(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := Target{Address: listener.Addr().String(), Plaintext: true}.Connect(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Connect()
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	// The client speaks first, once it has set up its end.
	if _, err := accepted.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if got := userTimeout(t, listener.Addr().(*net.TCPAddr).Port); got != silence {
		t.Errorf("unacknowledged data may be under way for %s, want %s", got, silence)
	}
}

// userTimeout is TCP_USER_TIMEOUT of this process' connection to a port.
func userTimeout(t *testing.T, port int) time.Duration {
	t.Helper()
	files, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		fd, _ := strconv.Atoi(filepath.Base(f))
		peer, err := syscall.Getpeername(fd)
		if in4, ok := peer.(*syscall.SockaddrInet4); err == nil && ok && in4.Port == port {
			ms, err := syscall.GetsockoptInt(fd, syscall.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
			if err != nil {
				t.Fatal(os.NewSyscallError("getsockopt", err))
			}
			return time.Duration(ms) * time.Millisecond
		}
	}
	t.Fatal("no connection")
	return 0
}
