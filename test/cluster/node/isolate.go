//go:build linux

package node

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// isolate turns new namespaces into what a node needs: its own /proc, /sys and /run, a name, and nothing that leads out of it.
func (m member) isolate() error {
	dir := nodeDir(m.Dir, m.Name())
	for _, d := range []string{"log", "etc", "kubelet"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	if err := unix.Sethostname([]byte(m.Name())); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	for _, step := range []func() error{m.mountProc, m.mountSys, m.mountRun, m.makeCgroups, m.mountResolver} {
		if err := step(); err != nil {
			return err
		}
	}
	// Volumes have to appear in containers.
	return unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, "")
}

// mountProc shows this process namespace, and lays files over those settings that the kubelet would change for the whole machine. It finds
// there what it wants and writes nothing.
func (m member) mountProc() error {
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("/proc: %w", err)
	}
	for name, value := range map[string]string{
		"vm/overcommit_memory": "1", "vm/panic_on_oom": "0", "kernel/panic": "10", "kernel/panic_on_oops": "1",
		"kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000",
	} {
		file := filepath.Join(nodeDir(m.Dir, m.Name()), "etc", strings.ReplaceAll(name, "/", "."))
		if err := os.WriteFile(file, []byte(value+"\n"), 0o644); err != nil {
			return err
		}
		if err := unix.Mount(file, "/proc/sys/"+name, "", unix.MS_BIND, ""); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// mountSys shows this network namespace, and carries the control groups over.
func (m member) mountSys() error {
	if unified() {
		if err := unix.Mount("sysfs", "/sys", "sysfs", 0, ""); err != nil {
			return fmt.Errorf("/sys: %w", err)
		}
		return unix.Mount("cgroup2", cgroups, "cgroup2", 0, "")
	}
	keep := filepath.Join(nodeDir(m.Dir, m.Name()), "etc", "cgroup")
	if err := os.MkdirAll(keep, 0o755); err != nil {
		return err
	}
	for _, step := range []struct {
		from, to, kind string
		flags          uintptr
	}{{cgroups, keep, "", unix.MS_MOVE}, {"sysfs", "/sys", "sysfs", 0}, {keep, cgroups, "", unix.MS_MOVE}} {
		if err := unix.Mount(step.from, step.to, step.kind, step.flags, ""); err != nil {
			return fmt.Errorf("mount of %s to %s: %w", step.from, step.to, err)
		}
	}
	return os.Remove(keep)
}

func (m member) mountRun() error {
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("/run: %w", err)
	}
	return os.Mkdir("/run/netns", 0o755)
}

// mountResolver has the cluster's names resolved in the node, too.
func (m member) mountResolver() error {
	file := filepath.Join(nodeDir(m.Dir, m.Name()), "resolv.conf")
	if err := os.WriteFile(file, []byte("nameserver "+dnsIP+"\nsearch svc.cluster.local cluster.local\n"), 0o644); err != nil {
		return err
	}
	const system = "/etc/resolv.conf"
	target, err := os.Readlink(system)
	if err != nil {
		target = system
	} else if !filepath.IsAbs(target) {
		target = filepath.Join("/etc", target)
	}
	if _, err := os.Stat(target); errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(target, "/run/") {
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(target, nil, 0o644); err != nil {
			return err
		}
	}
	return unix.Mount(file, target, "", unix.MS_BIND, "")
}

// ip runs lines of commands of iproute2.
func ip(lines ...string) error {
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ip: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// connectFirst gives the first node an address on a pair of interfaces that lead nowhere, and a route, without which services could not be
// reached: where they are is decided after routing.
func (m member) connectFirst() error {
	if err := ip("link set lo up", "link add node0 type veth peer name node0p", "link set node0 up", "link set node0p up",
		"addr add "+serverIP+"/24 dev node0", "route add default dev node0"); err != nil {
		return err
	}
	return forward()
}

// connect configures the interface that the first node has put into this one's namespace.
func (m member) connect() error {
	if err := ip("link set lo up", "link set node0 up", "addr add "+m.ip()+"/30 dev node0", "route add default via "+m.gateway()); err != nil {
		return err
	}
	return forward()
}

func forward() error { return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644) }

// attach links the namespace of another node's process with this one.
func (m member) attach(pid int) error {
	near := fmt.Sprintf("to-%s", m.Name())
	return ip("link add "+near+" type veth peer name node0 netns "+fmt.Sprint(pid), "addr add "+m.gateway()+"/30 dev "+near,
		"link set "+near+" up", fmt.Sprintf("route add 10.244.%d.0/24 via %s", m.index, m.ip()))
}
