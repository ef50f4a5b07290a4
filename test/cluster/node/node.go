//go:build linux

package node

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/meshctl/meshctl/test/cluster"
)

// downTimeout is how long the end of a cluster may take.
const downTimeout = 30 * time.Second

// ownImages is how many archives come before those of Options.
const ownImages = 2

// Cluster is one that runs, in namespaces of its own on this machine.
type Cluster struct {
	spec *spec
	link link // of a tied one
}

// Options say what to start.
type Options struct {
	// Dir is where everything of the cluster is kept; it must not be there yet, or be empty. Its path may have 60 bytes at most.
	Dir string
	// Images are archives (docker's or OCI's) that every node gets.
	Images []string
	// Tied ends the cluster with the calling process, however that ends.
	Tied bool
	// Progress is told of builds, which take minutes.
	Progress io.Writer
}

// Up starts a cluster of one node and waits until pods can run in it, with DNS. Root is needed.
func Up(ctx context.Context, o Options) (*Cluster, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("a node needs root")
	}
	for _, program := range []string{"nft", "ip", "nsenter"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("a node needs the program %s (packages nftables, iproute2 and util-linux)", program)
		}
	}
	s, err := o.spec(ctx)
	if err != nil {
		return nil, err
	}
	if left := s.removeEmpty(); len(left) > 0 {
		return nil, fmt.Errorf("a cluster in %s runs already", s.Dir)
	}
	cmd, l, err := s.spawn()
	if err != nil {
		return nil, err
	}
	go func() { _ = cmd.Wait() }() // its link says why it ended
	c := &Cluster{spec: s, link: l}
	if err := os.WriteFile(s.file("pid"), []byte(strconv.Itoa(cmd.Process.Pid)), 0o644); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	if err := l.ready(); err != nil {
		_ = c.end()
		return nil, fmt.Errorf("%w; the logs are in %s", err, s.Dir)
	}
	if !o.Tied {
		l.Close()
	}
	return c, nil
}

func (o Options) spec(ctx context.Context) (*spec, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	if len(dir) > 60 {
		return nil, fmt.Errorf("%s is too long for the sockets in it", dir)
	}
	switch entries, err := os.ReadDir(dir); {
	case len(entries) > 0:
		return nil, fmt.Errorf("%s is not empty: a cluster that runs, or has failed, has to be taken down first", dir)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	hash := sha256.Sum256([]byte(dir))
	s := &spec{Dir: dir, ID: hex.EncodeToString(hash[:4]), Tied: o.Tied}
	if s.Parts, err = cluster.Build(ctx, o.Progress, cluster.NodeParts()...); err != nil {
		return nil, err
	}
	if s.Images, err = s.makeImages(); err != nil {
		return nil, err
	}
	for _, archive := range o.Images {
		path, err := filepath.Abs(archive)
		if err != nil {
			return nil, err
		}
		s.Images = append(s.Images, path)
	}
	return s, s.write()
}

// Open returns the cluster that runs in a directory.
func Open(dir string) (*Cluster, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	s, err := readSpec(dir)
	if err != nil {
		return nil, fmt.Errorf("no cluster: %w", err)
	}
	return &Cluster{spec: s}, nil
}

// Dir is where everything of the cluster is kept.
func (c *Cluster) Dir() string { return c.spec.Dir }

// Kubeconfig is the path of a file that lets everybody who may read it do everything. Its server can be reached in the nodes only.
func (c *Cluster) Kubeconfig() string { return c.spec.file(adminKubeconfig) }

// Command returns a command that runs a program in the first node, where services and pods can be reached: with kubectl in its PATH and KUBECONFIG set.
func (c *Cluster) Command(ctx context.Context, program string, args ...string) (*exec.Cmd, error) {
	pid, err := c.pid()
	if err != nil {
		return nil, err
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"--target=" + strconv.Itoa(pid), "--mount", "--net", "--pid", "--uts", "--ipc",
		"--wd=" + dir, "--", program}, args...)...)
	path := c.spec.path()
	for _, v := range cmd.Environ() {
		if own, is := strings.CutPrefix(v, "PATH="); is {
			path = own + ":" + path
		}
	}
	cmd.Env = append(cmd.Environ(), "KUBECONFIG="+c.Kubeconfig(), "PATH="+path)
	return cmd, nil
}

func (c *Cluster) pid() (int, error) {
	data, err := os.ReadFile(c.spec.file("pid"))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(data))
}

// Nodes are the names of the nodes.
func (c *Cluster) Nodes() ([]string, error) {
	found, err := filepath.Glob(c.spec.file("nodes", "*", "control.sock"))
	for i, path := range found {
		found[i] = filepath.Base(filepath.Dir(path))
	}
	return found, err
}

// Load imports archives of images into every node.
func (c *Cluster) Load(ctx context.Context, archives ...string) error {
	query := url.Values{}
	for _, a := range archives {
		path, err := filepath.Abs(a)
		if err != nil {
			return err
		}
		query.Add("archive", path)
	}
	nodes, err := c.Nodes()
	if err != nil {
		return err
	}
	for _, node := range nodes {
		if _, err := ask(ctx, c.spec.Dir, node, "/load", query); err != nil {
			return err
		}
	}
	return nil
}

// AddNode starts a further node and returns its name once it is ready.
func (c *Cluster) AddNode(ctx context.Context) (string, error) {
	return ask(ctx, c.spec.Dir, "node-1", "/nodes", nil)
}

// Restart kills a component of a node, such as "kubelet", and starts it again. It does not wait until that is ready.
func (c *Cluster) Restart(ctx context.Context, node, component string) error {
	_, err := ask(ctx, c.spec.Dir, node, "/restart", url.Values{"component": {component}})
	return err
}

// Ready waits until the API server is ready.
func (c *Cluster) Ready(ctx context.Context) error {
	_, err := ask(ctx, c.spec.Dir, "node-1", "/ready", nil)
	return err
}

// Down ends the cluster and removes its directory. It leaves no process, mount or control group.
func (c *Cluster) Down() error {
	if err := c.end(); err != nil {
		return err
	}
	return os.RemoveAll(c.spec.Dir)
}

// end kills the first process, with which the kernel ends all others.
func (c *Cluster) end() error {
	ctx, cancel := context.WithTimeout(context.Background(), downTimeout)
	defer cancel()
	pid, err := c.pid()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if c.owns(pid) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	if c.link.File != nil {
		c.link.Close()
	}
	return c.spec.removeCgroups(ctx)
}

// owns says whether a process is still the cluster's: numbers are used again.
func (c *Cluster) owns(pid int) bool {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	return err == nil && strings.HasPrefix(string(data), reexecName+"\x00init\x00"+c.spec.Dir)
}
