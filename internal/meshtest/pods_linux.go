package meshtest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/meshctl/meshctl/internal/agent"
	"github.com/meshctl/meshctl/internal/agent/bootstrap"
	"github.com/meshctl/meshctl/internal/controlplane"
	"github.com/meshctl/meshctl/internal/envoytest"
)

const (
	bridge      = "mesh0"
	hostAddress = "10.77.0.1"
	// firstPod is the last byte of the first pod's address.
	firstPod = 11
	// proxyID is the group of the agent and its Envoy, whose traffic is not redirected.
	proxyID = 1337
)

// Pods is a mesh in the redirected mode: a control plane on a bridge to which pods connect.
type Pods struct {
	*Mesh
	agent string // path of mesh-agent
	made  int
}

// Pod is a machine of its own, with a program. In the mesh it has a sidecar, or is a gateway.
type Pod struct {
	// Workload is its agent with Envoy; a stranger has none.
	*Workload
	// Address is the pod's IP: 10.77.0.11 of the first one, and on.
	Address string

	ns *namespace
}

// InPods runs the calling test again as root in a network namespace of its own, with a control plane over files, and calls test there.
// It skips the test in short mode and without root, ip(8) or an Envoy. Nothing that follows it in the test should expect test to have
// run in this process.
func InPods(t *testing.T, files map[string]string, test func(p *Pods), tune ...func(*controlplane.Options)) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: it makes network namespaces and redirects traffic in them")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("needs ip(8) to make network interfaces")
	}
	if !InNamespace(t) {
		return
	}
	check(t, ip("link add "+bridge+" type bridge", "address add "+hostAddress+"/24 dev "+bridge, "link set "+bridge+" up"))
	p := &Pods{agent: filepath.Join(t.TempDir(), "mesh-agent")}
	build := exec.Command("go", "build", "-buildvcs=false", "-o", p.agent, "github.com/meshctl/meshctl/cmd/mesh-agent")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p.Mesh = New(t, files, append([]func(*controlplane.Options){func(o *controlplane.Options) {
		o.Secure.Close()
		l, err := net.Listen("tcp", hostAddress+":0")
		check(t, err)
		o.Secure = l
	}}, tune...)...)
	test(p)
}

// Stranger makes a pod that is not in the mesh.
func (p *Pods) Stranger(name string) *Pod {
	p.t.Helper()
	address := fmt.Sprintf("10.77.0.%d", firstPod+p.made)
	p.made++
	ns := newNamespace(p.t, name, address)
	return &Pod{Workload: &Workload{Name: name, mesh: p.Mesh, dial: ns.dial}, Address: address, ns: ns}
}

// Pod makes one in the mesh. Of o (see Sidecar and Gateway) the type, namespace, name, service account, labels and annotations count. A
// sidecar's traffic is redirected to its Envoy.
func (p *Pods) Pod(o agent.Options) *Pod {
	p.t.Helper()
	pod := p.Stranger(o.Name)
	kind := bootstrap.TypeRouter
	if o.Type != bootstrap.TypeRouter {
		kind = bootstrap.TypeSidecar
		check(p.t, pod.ns.do(func() error {
			args := []string{"redirect"}
			if strings.Contains(o.Annotations["proxy.istio.io/config"], "ISTIO_META_DNS_CAPTURE") {
				args = append(args, "--dns-port", "15053")
			}
			if out, err := exec.Command(p.agent, args...).CombinedOutput(); err != nil {
				return fmt.Errorf("mesh-agent redirect: %w\n%s", err, out)
			}
			return nil
		}))
	}
	c := p.credentials(o.Namespace, o.ServiceAccount)
	args := []string{
		"proxy", kind, "--interception-mode", bootstrap.ModeRedirect, "--name", o.Name, "--namespace", o.Namespace,
		"--service-account", o.ServiceAccount, "--labels", list(o.Labels), "--address", pod.Address, "--xds-address", p.Plane.Secure,
		"--root-file", c.root, "--token-file", c.token, "--state-dir", c.state, "--envoy", envoytest.Binary(p.t), "--concurrency", "1",
		"--drain-duration", "-1s", "--stats-matcher", `{"inclusionRegexps": [".*"]}`,
	}
	for k, v := range o.Annotations {
		args = append(args, "--annotation", k+"="+v)
	}
	pod.state = func() (agent.State, error) {
		var s agent.State
		data, err := os.ReadFile(filepath.Join(c.state, agent.StateFile))
		if err == nil {
			err = json.Unmarshal(data, &s)
		}
		return s, err
	}
	p.add(pod.Workload, pod.run(exec.Command(p.agent, args...)))
	return pod
}

// list is "KEY=VALUE,KEY=VALUE".
func list(m map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, k+"="+m[k])
	}
	return strings.Join(out, ",")
}

// run keeps a process of the proxy's group in the pod until stop is called.
func (p *Pod) run(cmd *exec.Cmd) (stop func() error) {
	p.mesh.t.Helper()
	cmd.Stdout, cmd.Stderr = &p.Log, &p.Log
	started, done := make(chan error), make(chan error, 1)
	go func() { // the process dies with the thread that started it, so this one waits for it
		runtime.LockOSThread()
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 0, Gid: proxyID}, Pdeathsig: syscall.SIGKILL}
		err := p.ns.enter()
		if err == nil {
			err = cmd.Start()
		}
		started <- err
		if err == nil {
			done <- cmd.Wait()
		}
	}()
	check(p.mesh.t, <-started)
	return func() error {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		return <-done
	}
}

// Serve runs a Program in the pod until the test ends, at its target ports.
func (p *Pod) Serve() *Program {
	p.mesh.t.Helper()
	return startProgram(p.mesh.t, p.Name, p.Listen)
}

// Listen opens a port of the pod on all addresses until the test ends.
func (p *Pod) Listen(port int) net.Listener {
	p.mesh.t.Helper()
	return p.ns.listen(p.mesh.t, fmt.Sprintf("0.0.0.0:%d", port))
}

// Dial connects from the pod to an address and port.
func (p *Pod) Dial(address string) (net.Conn, error) {
	return p.ns.dial(context.Background(), "tcp", address)
}

// Resolver asks a name server (address and port) from the pod, as a program there does.
func (p *Pod) Resolver(server string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return p.ns.dial(ctx, network, server)
	}}
}

// ClientTo sends each request on a new connection to where (address and port), whatever the URL says: an unmodified program that asked
// DNS. It follows no redirect.
func (p *Pod) ClientTo(where string) *http.Client {
	return p.ClientOf(&http.Transport{DisableKeepAlives: true, DialContext: p.DialTo(where)})
}
