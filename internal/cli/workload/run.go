package workload

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/meshctl/meshctl/internal/agent"
	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/internal/standalone"
	"github.com/meshctl/meshctl/pkg/config"
)

func run(ctx context.Context, o *Options) error {
	w, err := o.workload()
	if err != nil {
		return &exitcode.Error{Code: exitcode.Usage, Err: err}
	}
	join, err := o.join()
	if err != nil {
		return err
	}
	if w.Envoy, err = o.Factory.FetchEnvoy(ctx, o.Envoy); err != nil {
		return err
	}
	if w.Program != nil {
		signals, stop := forward()
		stop = sync.OnceFunc(stop)
		defer stop()
		// From then on a second signal ends us at once.
		w.Program.Signals, w.Program.Exited = signals, stop
	}
	code, err := standalone.RunWorkload(ctx, join, w)
	if code == 0 && err == nil {
		return nil
	}
	return &exitcode.Error{Code: exitcode.Code(code), Err: err}
}

// workload reads the flags.
func (o *Options) workload() (standalone.WorkloadOptions, error) {
	self, err := os.Executable()
	if err != nil {
		return standalone.WorkloadOptions{}, err
	}
	f := o.Factory
	w := standalone.WorkloadOptions{
		Name: o.Name, Namespace: o.Namespace, ServiceAccount: o.ServiceAccount, Labels: o.Labels, Group: o.Group, Gateway: o.Gateway,
		Address: o.Address, Agent: standalone.FindPrograms(self).Agent, Concurrency: o.threads(), ReadyTimeout: o.ReadyTimeout,
		Drain: o.Drain, Log: slog.New(slog.NewTextHandler(f.IO.ErrOut, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Ready: func(s agent.State) { o.ready(s) },
	}
	switch {
	case o.Name == "":
		return w, errors.New("--name is required: the name of this workload, e.g. reviews-v1")
	case len(o.Command) == 0 && !o.Gateway:
		return w, errors.New("no program to run: give it after --, or make a gateway with --gateway")
	case len(o.Command) > 0 && o.Gateway:
		return w, errors.New("a gateway runs no program: leave the command out")
	}
	if host, _, err := net.SplitHostPort(o.ControlPlane); err == nil && !loopback(host) && loopback(o.Address) {
		return w, fmt.Errorf("--address is required to join the mesh at %s: the IP at which its proxies reach this machine", o.ControlPlane)
	}
	for _, p := range o.Ports {
		port, err := standalone.ParsePort(p)
		if err != nil {
			return w, fmt.Errorf("--port: %w", err)
		}
		w.Ports = append(w.Ports, port)
	}
	if w.Annotations, err = o.annotations(); err != nil {
		return w, err
	}
	if len(o.Command) > 0 {
		w.Program = &standalone.Program{Args: o.Command, Env: os.Environ(), Stdin: f.IO.In, Stdout: f.IO.Out, Stderr: f.IO.ErrOut}
	}
	return w, nil
}

// threads are as standalone.WorkloadOptions has them.
func (o *Options) threads() int {
	switch {
	case o.Concurrency == nil:
		return 0
	case *o.Concurrency == 0:
		return agent.AllCores
	}
	return *o.Concurrency
}

// annotations reads the flags. What is wrong with a value is said here too: the control plane, which reads it, and the
// agent have logs of their own.
func (o *Options) annotations() (map[string]string, error) {
	out := map[string]string{}
	for _, a := range o.Annotations {
		key, value, ok := strings.Cut(a, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("--annotation %q: give KEY=VALUE", a)
		}
		out[key] = value
	}
	_, problems := config.DecodeProxyConfigAnnotation(&config.Object{Meta: config.Meta{Annotations: out}})
	for _, p := range problems {
		o.Factory.Say("%s: --annotation: %s", p.Severity, p.Error())
	}
	return out, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (o *Options) join() (standalone.Join, error) {
	f := o.Factory
	dir, err := f.StateDir()
	if err != nil {
		return standalone.Join{}, err
	}
	if o.ControlPlane != "" {
		return standalone.Remote(dir, o.ControlPlane, o.TrustDomain, o.TokenFile, o.RootFile)
	}
	if o.TokenFile != "" || o.RootFile != "" {
		return standalone.Join{}, exitcode.Usagef("--token-file and --root-file are for a mesh elsewhere: name it with --control-plane")
	}
	join, err := standalone.Local(dir)
	return join, f.NotRunning(err)
}

// ready tells the user what there is now.
func (o *Options) ready(s agent.State) {
	f := o.Factory
	if o.Gateway {
		for _, url := range standalone.IngressURLs(s.Bindings) {
			f.Say("gateway %s listens on %s", o.Name, url)
		}
		f.Say("gateway %s is ready; Ctrl-C ends it", o.Name)
	}
	if !o.PrintPorts {
		return
	}
	p := printer.Printer{Out: f.IO.ErrOut}
	_ = printer.Print(&p, servicePorts(), standalone.ServicePorts(s.Services, o.Namespace))
}

func servicePorts() printer.Table[standalone.ServicePort] {
	type port = standalone.ServicePort
	return printer.Table[port]{Columns: []printer.Column[port]{
		{Name: "SERVICE", Value: func(p port) string { return p.Host }},
		{Name: "PORT", Value: func(p port) string { return fmt.Sprint(p.Port) }},
		{Name: "PROTOCOL", Value: func(p port) string { return p.Protocol }},
		{Name: "LOCAL ADDRESS", Value: func(p port) string { return fmt.Sprintf("127.0.0.1:%d", p.Local) }},
		{Name: "VARIABLE", Value: func(p port) string { return p.Variable }},
	}}
}

// forward passes on the signals that the program does not get by itself, until the returned function is called: while we are in
// the foreground of a terminal, it is too, and what the terminal sends goes to both of us.
func forward() (<-chan os.Signal, func()) {
	in, out, end := make(chan os.Signal, 8), make(chan os.Signal), make(chan struct{})
	signal.Notify(in, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH)
	var done sync.WaitGroup
	done.Go(func() {
		for {
			select {
			case <-end:
				return
			case s := <-in:
				if fromTerminal(s) && foreground() {
					continue
				}
				select {
				case out <- s:
				case <-end:
					return
				}
			}
		}
	})
	return out, func() {
		signal.Stop(in)
		close(end)
		done.Wait()
	}
}

func fromTerminal(s os.Signal) bool {
	return s == syscall.SIGINT || s == syscall.SIGQUIT || s == syscall.SIGWINCH
}
