package redirected_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/meshctl/meshctl/internal/envoytest"
)

// insideVariable says that the test runs in a network namespace of its own already: nothing that it does reaches the machine's
// network, and the kernel cleans up behind it.
const insideVariable = "REDIRECTED_TEST_INSIDE"

// inNamespace runs the calling test again in a network namespace and reports whether it is there.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideVariable) == t.Name() {
		return true
	}
	switch {
	case testing.Short():
		t.Skip("starts Envoys")
	case os.Getuid() != 0:
		t.Skip("needs root: it makes network namespaces and redirects traffic in them")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("needs ip(8) to make network interfaces")
	}
	envoytest.Binary(t)
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), insideVariable+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC):
		t.Skipf("no right to make a network namespace: %v", err)
	case err != nil:
		t.Errorf("in the namespace: %v\n%s", err, out)
	default:
		t.Logf("in the namespace:\n%s", out)
	}
	return false
}

// namespace is a network namespace; it lives as long as the process.
type namespace struct{ file *os.File }

// newNamespace makes one that a cable connects with the bridge.
func newNamespace(t *testing.T, name, address string) *namespace {
	t.Helper()
	made := make(chan any)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			made <- err
			return
		}
		file, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			made <- err
			return
		}
		made <- file
	}()
	got := <-made
	file, ok := got.(*os.File)
	if !ok {
		t.Fatalf("network namespace: %v", got)
	}
	t.Cleanup(func() { file.Close() })
	n := &namespace{file}
	ip(t, fmt.Sprintf("link add %s type veth peer name eth0 netns /proc/%d/fd/%d", name, os.Getpid(), file.Fd()))
	ip(t, "link set "+name+" master "+bridge+" up")
	check(t, n.do(func() error {
		for _, command := range []string{"link set lo up", "address add " + address + "/24 dev eth0", "link set eth0 up", "route add default via " + hostAddress} {
			if out, err := exec.Command("ip", strings.Fields(command)...).CombinedOutput(); err != nil {
				return fmt.Errorf("ip %s: %w\n%s", command, err, out)
			}
		}
		return nil
	}))
	return n
}

// do calls f on a thread in the namespace: sockets that it opens and processes that it starts belong there.
func (n *namespace) do(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := n.enter()
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}

// enter moves the calling thread into the namespace.
func (n *namespace) enter() error { return unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET) }

// dial connects from inside the namespace to an address and port.
func (n *namespace) dial(_ context.Context, network, address string) (conn net.Conn, err error) {
	err = n.do(func() error {
		d := net.Dialer{Timeout: envoytest.Timeout}
		conn, err = d.Dial(network, address)
		return err
	})
	return conn, err
}

func (n *namespace) listen(t *testing.T, address string) net.Listener {
	t.Helper()
	var l net.Listener
	check(t, n.do(func() (err error) { l, err = net.Listen("tcp4", address); return err }))
	t.Cleanup(func() { l.Close() })
	return l
}

func ip(t *testing.T, command string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(command)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v\n%s", command, err, out)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
