//go:build linux

package node

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// reexecName is the name under which the processes of a cluster are this same program.
const reexecName = "meshctl-test-node"

// Reexec must be called first in main, or in TestMain: the program runs itself again, in other namespaces. It returns in the original only.
func Reexec() {
	if filepath.Base(os.Args[0]) != reexecName || len(os.Args) != 3 {
		return
	}
	role, dir := os.Args[1], os.Args[2]
	link := os.NewFile(3, "link")
	err := fmt.Errorf("no role %q", role)
	switch {
	case role == "init":
		err = runInit(dir, link)
	case role == "server":
		err = runServer(dir, link)
	case strings.HasPrefix(role, "worker-"):
		err = runWorker(dir, role, link)
	}
	if err != nil {
		// The one who waits at the other end takes a line.
		fmt.Fprintln(link, "error:", strings.ReplaceAll(err.Error(), "\n", "; "))
		os.Exit(1)
	}
	os.Exit(0)
}

// link is a connection to a process that was started: it says when it is ready, or why not, and each sees the end of the other.
type link struct {
	*os.File
	lines *bufio.Reader
}

// ready waits for the other's word.
func (l link) ready() error {
	line, err := l.lines.ReadString('\n')
	if err != nil {
		return errors.New("it ended without a word")
	}
	if why, failed := strings.CutPrefix(line, "error: "); failed {
		return errors.New(strings.TrimSpace(why))
	}
	return nil
}

const readyLine = "ready\n"

// self returns a command that runs this program in a role.
func self(role, dir string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{reexecName, role, dir}
	return cmd
}

// linked gives a command that is not started yet a link. started must be called once it has been.
func linked(cmd *exec.Cmd) (l link, started func(), err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return link{}, nil, err
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "link"), os.NewFile(uintptr(fds[1]), "link")
	cmd.ExtraFiles = []*os.File{theirs}
	return link{ours, bufio.NewReader(ours)}, func() { theirs.Close() }, nil
}

// spawn starts the first process of a cluster, in namespaces of its own.
func (s *spec) spawn() (*exec.Cmd, link, error) {
	log, err := os.Create(s.file("cluster.log"))
	if err != nil {
		return nil, link{}, err
	}
	defer log.Close()
	cmd := self("init", s.Dir)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
	}
	if unified() {
		group := filepath.Join(cgroups, s.cgroup())
		_ = delegate(cgroups) // the system's, which may have done it already
		if err := os.Mkdir(group, 0o755); err != nil {
			return nil, link{}, err
		}
		f, err := os.Open(group)
		if err != nil {
			return nil, link{}, err
		}
		defer f.Close()
		cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(f.Fd())
	}
	l, started, err := linked(cmd)
	if err != nil {
		return nil, link{}, err
	}
	err = cmd.Start()
	started()
	return cmd, l, err
}

// runInit is the first process of the cluster's process namespace: it starts the one that does everything, takes the exit codes of what has
// lost its parent, and takes all others with it when it ends.
func runInit(dir string, l *os.File) error {
	runtime.LockOSThread() // what it starts shall have this thread's namespaces
	s, err := readSpec(dir)
	if err != nil {
		return err
	}
	if unified() {
		if err := s.enterCgroup(); err != nil {
			return err
		}
	}
	cmd := self("server", dir)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = os.Stdout, os.Stderr, []*os.File{l}
	if err := cmd.Start(); err != nil {
		return err
	}
	l.Close()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || pid == cmd.Process.Pid {
			os.Exit(status.ExitStatus())
		}
	}
}
