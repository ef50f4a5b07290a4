//go:build linux

package node

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/meshctl/meshctl/test/cluster/process"
)

// worker is a further node, as the first one sees it.
type worker struct {
	member
	process *process.Process
	link    link // held, since the node ends with it
}

// addWorker starts a further node, in network, mount and name namespaces of its own.
func (s *server) addWorker(ctx context.Context) (string, error) {
	m := member{spec: s.spec, index: len(s.nodes) + 1}
	if err := s.trust.certifyNode(m); err != nil {
		return "", err
	}
	cmd := self("worker-"+strconv.Itoa(m.index), s.Dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWUTS, Setsid: true}
	l, started, err := linked(cmd)
	if err != nil {
		return "", err
	}
	p, err := process.Start(cmd, s.spec.file("nodes", m.Name(), "node.log"))
	started()
	if err != nil {
		l.Close()
		return "", err
	}
	s.nodes = append(s.nodes, &worker{m, p, l})
	if err := m.attach(p.PID()); err != nil {
		return "", err
	}
	if _, err := io.WriteString(l, "connected\n"); err != nil {
		return "", err
	}
	if err := l.ready(); err != nil {
		return "", fmt.Errorf("%s: %w", m.Name(), err)
	}
	return m.Name(), s.nodeReady(ctx, m.Name())
}

func runWorker(dir, role string, l *os.File) error {
	s, err := readSpec(dir)
	if err != nil {
		return err
	}
	index, err := strconv.Atoi(strings.TrimPrefix(role, "worker-"))
	if err != nil {
		return err
	}
	d := newDaemons(member{spec: s, index: index})
	if _, err := bufio.NewReader(l).ReadString('\n'); err != nil { // the network interface is there
		return err
	}
	if err := d.isolate(); err != nil {
		return err
	}
	if err := os.Setenv("PATH", d.path()); err != nil {
		return err
	}
	if err := d.connect(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := d.containers(ctx); err != nil {
		return err
	}
	if err := d.load(ctx, s.Images...); err != nil {
		return err
	}
	if err := d.kubelet(); err != nil {
		return err
	}
	if err := d.await(ctx, "kube-proxy", d.proxyReady); err != nil {
		return err
	}
	mux := http.NewServeMux()
	d.routes(mux)
	if err := d.serve(mux); err != nil {
		return err
	}
	if _, err := io.WriteString(l, readyLine); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, l) // until the first node has ended
	return nil
}
