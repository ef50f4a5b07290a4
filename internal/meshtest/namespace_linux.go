package meshtest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/meshctl/meshctl/internal/envoytest"
)

// insideVariable names the test that runs in a network namespace of its own already: nothing that it does reaches the machine's
// network, and the kernel cleans up behind it.
const insideVariable = "MESHTEST_INSIDE"

// InNamespace runs the calling test again in a network namespace of its own, where every port is free, and reports whether it is there.
// It needs no root where the system lets users make namespaces, and skips the test where nobody may.
func InNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideVariable) == t.Name() { //nolint:forbidigo // from the process that started this one
		check(t, loopbackUp())
		return true
	}
	if testing.Short() {
		t.Skip("starts Envoys")
	}
	envoytest.Binary(t)
	var path []string
	for part := range strings.SplitSeq(t.Name(), "/") {
		path = append(path, "^"+regexp.QuoteMeta(part)+"$")
	}
	args := []string{"-test.run=" + strings.Join(path, "/"), "-test.v", "-test.timeout=" + flag.Lookup("test.timeout").Value.String()}
	flag.Visit(func(f *flag.Flag) {
		if !strings.HasPrefix(f.Name, "test.") { // the test's own
			args = append(args, "-"+f.Name+"="+f.Value.String())
		}
	})
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), insideVariable+"="+t.Name()) //nolint:forbidigo // a test that runs again has its environment
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC):
		t.Skipf("this system lets nobody make a network namespace: %v", err)
	case err != nil:
		t.Errorf("in the namespace: %v\n%s", err, out)
	default:
		t.Logf("in the namespace:\n%s", out)
	}
	return false
}

// loopbackUp turns the loopback interface on, which a new namespace has turned off.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
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
	cable := fmt.Sprintf("veth%d", file.Fd()) // names of interfaces are short
	check(t, ip(
		fmt.Sprintf("link add %s type veth peer name eth0 netns /proc/%d/fd/%d", cable, os.Getpid(), file.Fd()),
		"link set "+cable+" master "+bridge+" up",
	))
	setup := []string{"link set lo up", "address add " + address + "/24 dev eth0", "link set eth0 up", "route add default via " + hostAddress}
	for _, server := range nameServers() {
		setup = append(setup, "route add unreachable "+server)
	}
	if err := n.do(func() error { return ip(setup...) }); err != nil {
		t.Fatalf("pod %s: %v", name, err)
	}
	return n
}

// nameServers are the machine's, which no pod reaches. The pods had better know: Envoy acknowledges no cluster for as long as it waits for
// the answer of another.
func nameServers() []string {
	text, _ := os.ReadFile("/etc/resolv.conf") // without it nobody asks
	var out []string
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == "nameserver" {
			if a, err := netip.ParseAddr(f[1]); err == nil && !a.IsLoopback() {
				out = append(out, f[1])
			}
		}
	}
	return out
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

func ip(commands ...string) error {
	for _, command := range commands {
		if out, err := exec.Command("ip", strings.Fields(command)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w\n%s", command, err, out)
		}
	}
	return nil
}
