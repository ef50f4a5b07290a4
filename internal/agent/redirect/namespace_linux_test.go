package redirect_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/meshctl/meshctl/internal/agent/redirect"
)

// The test binary runs itself again inside a network namespace; this variable names the part that it plays there.
const roleVariable = "REDIRECT_TEST_ROLE"

const (
	pod4, peer4 = "10.9.0.1", "10.9.0.2"
	pod6, peer6 = "fd00:9::1", "fd00:9::2"
	proxy       = 1337
)

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "peer":
		os.Exit(peer(os.Stdin, os.Stdout))
	case "dial":
		fmt.Println(dial(os.Args[len(os.Args)-2], os.Args[len(os.Args)-1]))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// again returns a command that runs this binary in a role.
func again(role string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	return cmd
}

// inNamespace runs the calling test again in a network namespace of its own, and reports whether it is there.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(roleVariable) == t.Name() {
		return true
	}
	if os.Getuid() != 0 {
		t.Skip("needs root to make a network namespace")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("needs ip(8) to make network interfaces")
	}
	cmd := again(t.Name(), "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=60s")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	out, err := cmd.CombinedOutput()
	if err != nil && strings.Contains(err.Error(), "operation not permitted") {
		t.Skipf("no right to make a network namespace: %v", err)
	}
	t.Logf("in the namespace:\n%s", out)
	if err != nil {
		t.Error(err)
	}
	return false
}

func run(t *testing.T, command string) string {
	t.Helper()
	args := strings.Fields(command)
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return string(out)
}

// The rules that netlink puts in force are those that nft(8) makes of the text.
func TestApplyEqualsText(t *testing.T) {
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("needs nft(8)")
	}
	if !inNamespace(t) {
		return
	}
	for name, o := range cases() {
		for range 2 { // it replaces itself
			if err := o.Apply(); err != nil {
				t.Fatal(err)
			}
		}
		applied := run(t, "nft list ruleset")
		if err := redirect.Undo(); err != nil {
			t.Fatal(err)
		}
		if left := run(t, "nft list ruleset"); left != "" {
			t.Errorf("Undo left %s", left)
		}
		cmd := exec.Command("nft", "-f", "-")
		cmd.Stdin = strings.NewReader(o.Text())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("nft rejects the text: %v\n%s\n%s", err, out, o.Text())
		}
		if diff := cmp.Diff(run(t, "nft list ruleset"), applied); diff != "" {
			t.Errorf("%s: by text (-), by netlink (+):\n%s", name, diff)
		}
		if err := redirect.Undo(); err != nil {
			t.Fatal(err)
		}
	}
	if err := redirect.Undo(); err != nil {
		t.Errorf("a second Undo: %v", err)
	}
}

// Connections of the program, of the proxy and from outside arrive where they should, with the destination they had.
func TestTraffic(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	other := startPeer(t)
	serve(t, "outbound", ":15001")
	serve(t, "inbound", ":15006")
	serve(t, "program", ":8080")
	serve(t, "status", ":15021")
	o := redirect.Default()
	o.OutboundExcludePorts = []uint16{9022}
	if err := o.Apply(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		who, to, want string
	}{
		{"program", peer4 + ":9080", "outbound " + peer4 + ":9080"},
		{"program", "[" + peer6 + "]:9080", "outbound [" + peer6 + "]:9080"},
		{"program", peer4 + ":9022", "peer"},
		{"program", "127.0.0.1:8080", "program"},
		{"program", pod4 + ":8080", "program"},
		{"proxy", peer4 + ":9080", "peer"},
		{"proxy", "[" + peer6 + "]:9080", "peer"},
		{"proxy", "127.0.0.1:8080", "program"},
		{"proxy", pod4 + ":8080", "inbound " + pod4 + ":8080"},
		{"proxy", "[" + pod6 + "]:8080", "inbound [" + pod6 + "]:8080"},
		{"proxy from 127.0.0.6", pod4 + ":8080", "program"},
		{"proxy from ::6", "[" + pod6 + "]:8080", "program"},
		{"peer", pod4 + ":8080", "inbound " + pod4 + ":8080"},
		{"peer", "[" + pod6 + "]:8080", "inbound [" + pod6 + "]:8080"},
		{"peer", pod4 + ":15021", "status"},
	} {
		if got := connect(t, other, c.who, c.to); got != c.want {
			t.Errorf("%s to %s arrives at %q, want %q", c.who, c.to, got, c.want)
		}
	}
	if err := redirect.Undo(); err != nil {
		t.Fatal(err)
	}
	if got := dial("", peer4+":9080"); got != "peer" {
		t.Errorf("after Undo the program arrives at %q", got)
	}
}

func connect(t *testing.T, other *remote, who, to string) string {
	t.Helper()
	switch who {
	case "program":
		return dial("", to)
	case "peer":
		return other.dial(t, to)
	}
	_, from, _ := strings.Cut(who, " from ")
	cmd := again("dial", from, to)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: proxy, Gid: proxy}}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// dial returns what the server at the other end says.
func dial(from, to string) string {
	d := net.Dialer{Timeout: 5 * time.Second}
	if from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	conn, err := d.Dial("tcp", to)
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	out, err := io.ReadAll(conn)
	if err != nil {
		return err.Error()
	}
	return string(out)
}

// serve answers each connection with its name, and where it was going before the kernel sent it here.
func serve(t *testing.T, name, address string) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go answer(l, func(conn *net.TCPConn) string {
		if original, err := originalDestination(conn); err == nil && original.String() != conn.LocalAddr().String() {
			return name + " " + original.String()
		}
		return name
	})
}

func answer(l net.Listener, text func(*net.TCPConn) string) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, text(conn.(*net.TCPConn)))
		_ = conn.Close()
	}
}

func originalDestination(conn *net.TCPConn) (netip.AddrPort, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return netip.AddrPort{}, err
	}
	const original = 80 // SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST
	level, v4 := unix.SOL_IPV6, conn.LocalAddr().(*net.TCPAddr).IP.To4() != nil
	if v4 {
		level = unix.SOL_IP
	}
	var buf [28]byte
	size := uint32(len(buf))
	var errno syscall.Errno
	err = raw.Control(func(fd uintptr) {
		_, _, errno = unix.Syscall6(unix.SYS_GETSOCKOPT, fd, uintptr(level), original,
			uintptr(unsafe.Pointer(&buf)), uintptr(unsafe.Pointer(&size)), 0)
	})
	if err != nil || errno != 0 {
		return netip.AddrPort{}, fmt.Errorf("%w %w", err, errno)
	}
	port := uint16(buf[2])<<8 | uint16(buf[3])
	if v4 {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(buf[4:8])), port), nil
	}
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte(buf[8:24])), port), nil
}

// remote is another machine: a process in another namespace at the end of a virtual cable.
type remote struct {
	in  io.WriteCloser
	out *bufio.Scanner
}

func startPeer(t *testing.T) *remote {
	t.Helper()
	cmd := again("peer")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	for _, command := range []string{
		"ip link set lo up",
		"ip link add eth0 type veth peer name eth1 netns " + strconv.Itoa(cmd.Process.Pid),
		"ip address add " + pod4 + "/24 dev eth0",
		"ip address add " + pod6 + "/64 dev eth0 nodad",
		"ip link set eth0 up",
	} {
		run(t, command)
	}
	r := &remote{in: in, out: bufio.NewScanner(out)}
	if got := r.dial(t, "up"); got != "up" {
		t.Fatalf("peer: %s", got)
	}
	return r
}

// dial makes the peer connect to an address of ours.
func (r *remote) dial(t *testing.T, to string) string {
	t.Helper()
	fmt.Fprintln(r.in, to)
	if !r.out.Scan() {
		t.Fatal("the peer is gone")
	}
	return r.out.Text()
}

// peer is the other machine: it serves on every address, and connects where it is told to.
func peer(in io.Reader, out io.Writer) int {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if lines.Text() != "up" {
			fmt.Fprintln(out, dial("", lines.Text()))
			continue
		}
		for _, command := range []string{
			"ip address add " + peer4 + "/24 dev eth1", "ip address add " + peer6 + "/64 dev eth1 nodad",
			"ip link set lo up", "ip link set eth1 up",
		} {
			args := strings.Fields(command)
			if text, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
				fmt.Fprintf(out, "%s: %s\n", command, text)
			}
		}
		for _, port := range []string{":9080", ":9022"} {
			l, err := net.Listen("tcp", port)
			if err != nil {
				fmt.Fprintln(out, err)
				return 1
			}
			go answer(l, func(*net.TCPConn) string { return "peer" })
		}
		fmt.Fprintln(out, "up")
	}
	return 0
}
