// Package cluster runs a real Kubernetes API server with its etcd on loopback, for tests: no nodes, no controllers, so that nothing but
// the tests changes an object. It takes about three seconds to start.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"k8s.io/client-go/rest"

	"github.com/meshctl/meshctl/test/cluster/pki"
	"github.com/meshctl/meshctl/test/cluster/process"
)

// Cluster is a running API server.
type Cluster struct {
	// URL is where it listens.
	URL string

	dir   string
	trust *pki.Authority
	etcd  *process.Process
	api   *process.Process
	admin *rest.Config
}

var errEnded = errors.New("it ended")

// startTimeout is how long a cluster may take to become ready, on a machine with other things to do.
const startTimeout = 2 * time.Minute

// Start starts a cluster that keeps everything in dir, an empty directory, and waits until it is ready. Stop ends it. The binaries are
// built when they are not in the cache yet, which takes minutes; progress is told of it.
func Start(ctx context.Context, dir string, progress io.Writer) (*Cluster, error) {
	parts, err := Build(ctx, progress, Knode)
	if err != nil {
		return nil, err
	}
	binary := filepath.Join(parts[Knode], "knode")
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for range 3 { // a port that was free may be somebody else's by the time that it is used
		c := &Cluster{dir: dir}
		if err = c.start(ctx, binary); err == nil {
			return c, nil
		}
		c.Stop()
		if !errors.Is(err, errEnded) {
			break
		}
	}
	return nil, err
}

func (c *Cluster) start(ctx context.Context, binary string) error {
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	if err := c.certify(); err != nil {
		return err
	}
	client, peer := "http://127.0.0.1:"+ports[0], "http://127.0.0.1:"+ports[1]
	if c.etcd, err = launch(filepath.Join(c.dir, "etcd.log"), binary, "etcd", "--name=test", "--data-dir="+filepath.Join(c.dir, "etcd-"+ports[0]),
		"--unsafe-no-fsync", "--log-level=warn", "--listen-client-urls="+client, "--advertise-client-urls="+client,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=test="+peer); err != nil {
		return err
	}
	if c.api, err = launch(filepath.Join(c.dir, "kube-apiserver.log"), binary, append([]string{"kube-apiserver"}, c.flags(client, ports[2])...)...); err != nil {
		return err
	}
	c.URL = "https://127.0.0.1:" + ports[2]
	if c.admin, err = c.Config("admin", "system:masters"); err != nil {
		return err
	}
	return c.await(ctx)
}

func launch(log, binary string, args ...string) (*process.Process, error) {
	cmd := exec.Command(binary, args...)
	cmd.SysProcAttr = process.Tied()
	return process.Start(cmd, log)
}

func (c *Cluster) flags(etcd, port string) []string {
	return []string{
		"--etcd-servers=" + etcd, "--bind-address=127.0.0.1", "--secure-port=" + port, "--cert-dir=" + c.dir,
		"--tls-cert-file=" + c.file("server.crt"), "--tls-private-key-file=" + c.file("server.key"), "--client-ca-file=" + c.file("ca.crt"),
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file=" + c.file("accounts.key"),
		"--service-account-signing-key-file=" + c.file("accounts.key"), "--service-cluster-ip-range=10.96.0.0/16", "--authorization-mode=RBAC",
		// Nobody makes the service accounts that pods would need, and there is no address at which pods could reach this server.
		"--disable-admission-plugins=ServiceAccount", "--endpoint-reconciler-type=none",
	}
}

func (c *Cluster) file(name string) string { return filepath.Join(c.dir, name) }

// await waits until the server is ready, or one of the processes has ended.
func (c *Cluster) await(ctx context.Context) error {
	client, err := rest.HTTPClientFor(c.admin)
	if err != nil {
		return err
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if ready(ctx, client, c.URL+"/readyz") {
			return nil
		}
		select {
		case <-tick.C:
		case <-c.etcd.Ended:
			return fmt.Errorf("etcd: %w:\n%s", errEnded, c.etcd.Tail())
		case <-c.api.Ended:
			return fmt.Errorf("kube-apiserver: %w:\n%s", errEnded, c.api.Tail())
		case <-ctx.Done():
			return fmt.Errorf("kube-apiserver was not ready in time:\n%s", c.api.Tail())
		}
	}
}

func ready(ctx context.Context, client *http.Client, url string) bool {
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

// Stop ends the processes and waits for their end.
func (c *Cluster) Stop() {
	for _, p := range []*process.Process{c.api, c.etcd} {
		if p != nil {
			p.Stop()
		}
	}
}

// freePorts returns ports of loopback that were free just now, all different.
func freePorts(n int) ([]string, error) {
	var out []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		out = append(out, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
	return out, nil
}

// Run starts a cluster for the tests of a package, gives it to use, and ends it. It is for TestMain: it returns the exit code.
func Run(use func(*Cluster) int) int {
	dir, err := os.MkdirTemp("", "meshctl-cluster-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	c, err := Start(context.Background(), dir, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "no cluster:", err)
		return 1
	}
	defer c.Stop()
	return use(c)
}
