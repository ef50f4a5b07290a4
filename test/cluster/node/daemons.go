//go:build linux

package node

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/meshctl/meshctl/test/cluster/process"
)

// daemons are the processes of one node.
type daemons struct {
	member
	mu      sync.Mutex
	command map[string][]string
	running map[string]*process.Process
}

func newDaemons(m member) *daemons {
	return &daemons{member: m, command: map[string][]string{}, running: map[string]*process.Process{}}
}

func (d *daemons) file(names ...string) string {
	return filepath.Join(append([]string{nodeDir(d.Dir, d.Name())}, names...)...)
}

// start starts a program, whose name is that of its log, too.
func (d *daemons) start(name string, args ...string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.command[name] = append([]string{name}, args...)
	return d.launch(name)
}

func (d *daemons) launch(name string) error {
	words := d.command[name]
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Env = []string{"PATH=" + d.path(), "HOME=/root"}
	p, err := process.Start(cmd, d.file("log", name+".log"))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	d.running[name] = p
	return nil
}

// restart kills a daemon, without a chance to end in good order, and starts it again.
func (d *daemons) restart(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	p, known := d.running[name]
	if !known {
		return fmt.Errorf("no %s runs in %s", name, d.Name())
	}
	p.Kill()
	return d.launch(name)
}

// await waits until done says true, or a daemon has ended.
func (d *daemons) await(ctx context.Context, what string, done func(context.Context) bool) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done(ctx) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: not in time: see the logs in %s", what, d.file("log"))
		}
		if err := d.broken(); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

func (d *daemons) broken() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, p := range d.running {
		select {
		case <-p.Ended:
			return fmt.Errorf("%s ended:\n%s", name, p.Tail())
		default:
		}
	}
	return nil
}

// containers starts containerd, and returns once it answers.
func (d *daemons) containers(ctx context.Context) error {
	config, err := d.put("containerd.toml", "etc/containerd.toml")
	if err != nil {
		return err
	}
	if _, err := d.put("network.conflist", "cni/10-pods.conflist"); err != nil {
		return err
	}
	if err := d.start("containerd", "--config", config); err != nil {
		return err
	}
	return d.await(ctx, "containerd", func(ctx context.Context) bool {
		if _, err := os.Stat(d.file("containerd.sock")); err != nil {
			return false
		}
		return d.ctr(ctx, "version") == nil
	})
}

// load imports archives of images.
func (d *daemons) load(ctx context.Context, archives ...string) error {
	for _, a := range archives {
		if err := d.ctr(ctx, "--namespace", "k8s.io", "images", "import", "--local", a); err != nil {
			return fmt.Errorf("%s: %w", a, err)
		}
	}
	return nil
}

func (d *daemons) ctr(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "ctr", append([]string{"--address", d.file("containerd.sock")}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ctr %s: %w: %s", args[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}

// kubelet starts what every node has besides containers.
func (d *daemons) kubelet() error {
	config, err := d.put("kubelet.yaml", "etc/kubelet.yaml")
	if err != nil {
		return err
	}
	if err := d.start("kubelet", "--config="+config, "--kubeconfig="+d.file("kubelet.kubeconfig"), "--root-dir="+d.file("kubelet"),
		"--cert-dir="+d.file("kubelet", "pki"), "--hostname-override="+d.Name(), "--node-ip="+d.ip()); err != nil {
		return err
	}
	if config, err = d.put("kube-proxy.yaml", "etc/kube-proxy.yaml"); err != nil {
		return err
	}
	return d.start("kube-proxy", "--config="+config)
}

// proxyReady says whether services can be reached.
func (d *daemons) proxyReady(ctx context.Context) bool {
	return answers(ctx, http.DefaultClient, "http://127.0.0.1:10256/healthz")
}

// answers says whether a server answers with 200.
func answers(ctx context.Context, client *http.Client, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// serve answers at the node's control socket.
func (d *daemons) serve(handler http.Handler) error {
	l, err := net.Listen("unix", d.file("control.sock"))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(l) }() // ends with the process
	return nil
}
