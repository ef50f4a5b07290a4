package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/meshctl/meshctl/internal/agent/certs"
	"github.com/meshctl/meshctl/internal/agent/dial"
	"github.com/meshctl/meshctl/internal/agent/discovery"
	"github.com/meshctl/meshctl/internal/agent/extension"
	"github.com/meshctl/meshctl/internal/agent/link"
	"github.com/meshctl/meshctl/internal/agent/ports"
	"github.com/meshctl/meshctl/internal/agent/sds"
	"github.com/meshctl/meshctl/internal/agent/supervise"
	"github.com/meshctl/meshctl/internal/agent/tap"
	"github.com/meshctl/meshctl/internal/agent/traffic"
)

// agent is one running agent.
type agent struct {
	o        Options
	board    *board
	book     *ports.Book
	certs    *certs.Manager
	target   dial.Target
	link     *link.Client
	launcher *launcher
	// extensions are the filters that Envoy gets from us.
	extensions *extension.Manager
	probes     *probes
	tap        *tap.Collector
	traffic    *traffic.Sampler
	// accepted is when the Envoy with acceptedPID was seen to have a configuration; of the goroutine that watches Envoy.
	accepted    time.Time
	acceptedPID int
	// instance tells the control plane this process from another of the same name.
	instance string
	// quit begins the drain, as the end of Run's context does.
	quit context.CancelFunc
}

// Run runs the proxy until ctx ends, drains it, and returns nil. It returns an error when the proxy cannot run at all: bad
// options, a state directory that cannot be written or that another agent uses, no Envoy. That the control plane is away is
// no error.
func Run(ctx context.Context, o Options) error {
	if o.StatusListener != nil {
		defer o.StatusListener.Close()
	}
	o, err := o.complete()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.StateDir, 0o700); err != nil {
		return fmt.Errorf("state directory of the agent: %w", err)
	}
	unlock, err := lock(filepath.Join(o.StateDir, "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	a := &agent{o: o, quit: quit, instance: rand.Text()}
	return a.run(ctx)
}

func (a *agent) run(ctx context.Context) error {
	address, err := netip.ParseAddr(a.o.Address)
	if err != nil {
		return err
	}
	if a.book, err = ports.Open(filepath.Join(a.o.StateDir, "ports.json"), address); err != nil {
		return err
	}
	defer a.book.Close()
	status := a.o.StatusListener
	if status == nil {
		if status, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return fmt.Errorf("status server: %w", err)
		}
		defer status.Close()
	}
	socket, remove, err := socketPath(a.o.StateDir)
	if err != nil {
		return err
	}
	defer remove()
	secrets, err := discovery.Listen(socket)
	if err != nil {
		return err
	}
	defer secrets.Close()
	if a.launcher, err = newLauncher(a.o, socket, status.Addr()); err != nil {
		return err
	}
	a.board = newBoard(a.o.StateDir, State{
		PID: os.Getpid(), NodeID: a.o.node().ID(), Type: a.o.Type, Namespace: a.o.Namespace, Name: a.o.Name,
		StatusAddress: status.Addr().String(), Reason: "Envoy has not started yet",
	}, a.o.Changed, a.o.Log)
	a.connectParts()
	return a.serve(ctx, status, secrets)
}

// connectParts makes the parts that know each other.
func (a *agent) connectParts() {
	a.target = dial.Target{Address: a.o.CAAddress, ServerName: a.o.ServerName, RootFile: a.o.RootFile, Plaintext: a.o.Plaintext}
	a.certs = certs.New(certs.Options{
		Identity: a.o.identity(), Signer: certs.Remote{Target: a.target, TokenFile: a.o.TokenFile},
		TTL: a.o.CertificateTTL, RootFile: a.o.RootFile, Log: a.o.Log,
	})
	a.extensions = a.newExtensions()
	a.tap = a.newTap()
	a.traffic = a.newSampler()
	a.link = link.New(a.linkOptions())
	a.probes = newProbes(a.o, func(healthy bool, reason string) {
		a.board.update(func(s *State) { s.Health = &Health{Healthy: healthy, Reason: reason} })
		if !a.board.get().Draining {
			a.link.SetHealth(healthy, reason)
		}
	})
}

// serve runs all parts. They outlive ctx by the drain; Envoy goes first, the rest when it is gone.
func (a *agent) serve(ctx context.Context, status, socket net.Listener) error {
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	parts, work := errgroup.WithContext(work)
	envoy, stopEnvoy := context.WithCancel(work)
	defer stopEnvoy()

	parts.Go(func() error { return a.serveStatus(work, status) })
	parts.Go(func() error {
		return discovery.Serve(work, socket, sds.New(a.certs, a.o.Log), extension.NewServer(a.extensions), a.tap)
	})
	parts.Go(func() error { return a.extensions.Run(work) })
	if !a.o.Plaintext {
		parts.Go(func() error { return a.certs.Run(work) })
		parts.Go(func() error { a.watchCertificate(work); return nil })
	}
	parts.Go(func() error { a.watchEnvoy(work); return nil })
	parts.Go(func() error { a.keepLink(work); return nil })
	parts.Go(func() error { a.probes.run(work); return nil })
	parts.Go(func() error { a.tap.Run(work); return nil })
	parts.Go(func() error { a.traffic.Run(work); return nil })
	parts.Go(func() error {
		defer stopWork()
		return supervise.Run(envoy, a.process(envoy))
	})
	parts.Go(func() error {
		defer stopEnvoy()
		select {
		case <-ctx.Done():
			a.drain(work)
		case <-work.Done():
		}
		return nil
	})
	err := parts.Wait()
	a.board.update(func(s *State) {
		s.Ready, s.Reason, s.EnvoyPID, s.AdminAddress = false, "stopped", 0, ""
	})
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (a *agent) process(ctx context.Context) supervise.Options {
	var next settings // of the start that is being prepared
	return supervise.Options{
		Path: a.o.EnvoyPath,
		Args: func() []string {
			proxyConfig, patches := a.askProxyConfig(ctx)
			next = a.o.settings(proxyConfig).withPatches(patches, a.o.Log)
			return a.launcher.args(ctx, next)
		},
		MoreEnv: func() []string { return a.o.environment(next.variables) },
		Stdout:  a.o.Stdout, Stderr: a.o.Stderr, Log: a.o.Log,
		StopTimeout: 5 * time.Second,
		Started: func(pid int) {
			a.board.update(func(s *State) { s.EnvoyPID = pid })
		},
		Exited: func(err error) {
			a.board.update(func(s *State) {
				s.EnvoyPID, s.AdminAddress, s.Ready = 0, "", false
				if s.Reason = "Envoy ended"; err != nil {
					s.Reason = "Envoy ended: " + err.Error()
				}
				if !s.Draining {
					s.Restarts++
				}
			})
		},
	}
}

// socketPath is in the state directory, or in a private temporary one when that would be longer than a socket's name can
// be (108 bytes on Linux, 104 elsewhere).
func socketPath(dir string) (string, func(), error) {
	path := filepath.Join(dir, "sds.sock")
	if len(path) < 104 {
		return path, func() { _ = os.Remove(path) }, nil
	}
	short, err := os.MkdirTemp("", "mesh-agent-")
	if err != nil {
		return "", nil, fmt.Errorf("socket for Envoy's secrets: %w", err)
	}
	return filepath.Join(short, "sds.sock"), func() { _ = os.RemoveAll(short) }, nil
}
