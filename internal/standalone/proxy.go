package standalone

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/meshctl/meshctl/internal/agent"
	"github.com/meshctl/meshctl/internal/agent/bootstrap"
	"github.com/meshctl/meshctl/internal/agent/supervise"
)

// proxy is a workload's agent, a child process, with its Envoy.
type proxy struct {
	j               Join
	o               WorkloadOptions
	dir, logPath    string
	out             *output
	root, tokenPath string
	token           tokenFile

	cancel context.CancelFunc
	ended  chan struct{}
	err    error // set before ended closes

	mu   sync.Mutex
	once bool // it has been ready
	died error
}

func startProxy(ctx context.Context, j Join, o WorkloadOptions, dir string) (*proxy, error) {
	p := &proxy{j: j, o: o, dir: dir, logPath: j.Layout.Log(o.Namespace + "." + o.Name), ended: make(chan struct{})}
	var err error
	if p.root, p.tokenPath, p.token, err = j.files(dir, o); err != nil {
		return nil, err
	}
	// The state of the life before must not pass for that of this one.
	_ = os.Remove(filepath.Join(dir, agent.StateFile))
	p.out = openOutput(p.logPath)
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.cancel = cancel
	go func() {
		defer close(p.ended)
		defer p.out.close()
		p.err = p.run(running)
	}()
	return p, nil
}

func (p *proxy) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var renewals sync.WaitGroup
	defer renewals.Wait()
	defer cancel()
	if p.token.credentials != nil {
		renewals.Go(func() { p.token.keep(ctx) })
	}
	tied, err := tie()
	if err != nil {
		return err
	}
	defer tied.release()
	err = supervise.Run(ctx, supervise.Options{
		Path: p.o.Agent[0], Args: func() []string { return p.args(tied) }, ExtraFiles: tied.files,
		Stdout: p.out, Stderr: p.out, Log: p.o.Log,
		StopTimeout: cmp.Or(p.o.Drain, longestDrain) + 8*time.Second,

		Exited: func(err error) {
			// Before it was ready for the first time, there is somebody to tell why it is not.
			if p.exited(err) {
				cancel()
			}
		},
	})
	if err == nil {
		p.mu.Lock()
		err = p.died
		p.mu.Unlock()
	}
	return err
}

func (p *proxy) exited(err error) (fatal bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.once {
		return false
	}
	switch last := strings.TrimPrefix(p.out.last(), "mesh-agent: "); {
	case last != "":
		p.died = fmt.Errorf("the proxy of %s did not start: %s (log: %s)", p.o.Name, last, p.logPath)
	case err != nil:
		p.died = fmt.Errorf("the proxy of %s did not start: %w", p.o.Name, err)
	default:
		p.died = fmt.Errorf("the proxy of %s ended before it was ready (log: %s)", p.o.Name, p.logPath)
	}
	return true
}

// args are those of the agent's next life, for which a fresh token is put in place.
func (p *proxy) args(tied leash) []string {
	if p.token.credentials != nil {
		if err := p.token.renew(); err != nil {
			p.o.Log.Warn("join token not renewed", "error", err)
		}
	}
	kind := bootstrap.TypeSidecar
	if p.o.Gateway {
		kind = bootstrap.TypeRouter
	}
	args := append(append([]string{}, p.o.Agent[1:]...), "proxy", kind)
	args = append(args, tied.args(stdio)...)
	for _, flag := range []struct{ name, value string }{
		{"namespace", p.o.Namespace}, {"name", p.o.Name}, {"service-account", p.o.ServiceAccount}, {"labels", joinLabels(p.o.Labels)},
		{"group", p.o.Group}, {"ports", joinPorts(p.o.Ports)}, {"address", p.o.Address}, {"xds-address", p.j.XDSAddress},
		{"trust-domain", p.j.TrustDomain}, {"root-file", p.root}, {"token-file", p.tokenPath}, {"state-dir", p.dir},
		{"envoy", p.o.Envoy}, {"concurrency", threads(p.o.Concurrency)}, {"drain-duration", given(p.o.Drain)},
	} {
		if flag.value != "" {
			args = append(args, "--"+flag.name+"="+flag.value)
		}
	}
	if p.o.CertificateTTL > 0 {
		args = append(args, "--certificate-ttl="+p.o.CertificateTTL.String())
	}
	for _, key := range slices.Sorted(maps.Keys(p.o.Annotations)) {
		args = append(args, "--annotation="+key+"="+p.o.Annotations[key])
	}
	return args
}

// longestDrain is what the mesh may say when we do not.
const longestDrain = time.Minute

func given(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

func threads(n int) string {
	switch n {
	case 0:
		return ""
	case agent.AllCores:
		return "0"
	}
	return strconv.Itoa(n)
}

func joinLabels(labels map[string]string) string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		out = append(out, key+"="+labels[key])
	}
	return strings.Join(out, ",")
}

func joinPorts(ports []Port) string {
	var out []string
	for _, p := range ports {
		out = append(out, fmt.Sprintf("%d=%d", p.Target, p.Local))
	}
	return strings.Join(out, ",")
}

// ready waits until Envoy has its configuration and, for a sidecar, a port for the program's calls.
func (p *proxy) ready(ctx context.Context) (agent.State, error) {
	ctx, cancel := context.WithTimeout(ctx, p.o.ReadyTimeout)
	defer cancel()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	go func() {
		select {
		case <-p.ended:
			end(p.err)
		case <-ctx.Done():
		}
	}()
	var state agent.State
	path := filepath.Join(p.dir, agent.StateFile)
	err := await(ctx, path, func() (bool, error) {
		state = readState(path)
		return state.Ready && (p.o.Gateway || state.Bindings[httpProxy] != 0), nil
	})
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("the proxy of %s was not ready within %s: %s (log: %s)", p.o.Name, p.o.ReadyTimeout, why(state), p.logPath)
	}
	if err == nil {
		p.mu.Lock()
		p.once = true
		p.mu.Unlock()
	}
	return state, err
}

func why(s agent.State) string {
	switch {
	case s.CertificateError != "":
		return "no certificate: " + s.CertificateError
	case s.Reason != "":
		return s.Reason
	case s.PID == 0:
		return "its agent has not started"
	}
	return errNoLocalPort.Error()
}

func readState(path string) agent.State {
	var s agent.State
	data, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(data, &s) != nil {
		return agent.State{}
	}
	return s
}

// stop drains the proxy and waits for its end.
func (p *proxy) stop() {
	p.cancel()
	<-p.ended
}
