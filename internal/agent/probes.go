package agent

import (
	"context"
	"net"

	"github.com/meshctl/meshctl/internal/agent/bootstrap"
	"github.com/meshctl/meshctl/internal/agent/probe"
)

// probes runs the readiness probe that the control plane named last.
type probes struct {
	o      Options
	report func(healthy bool, reason string)
	next   chan string
}

func newProbes(o Options, report func(bool, string)) *probes {
	return &probes{o: o, report: report, next: make(chan string, 1)}
}

// set replaces the probe; empty means none. Only one goroutine may call it.
func (p *probes) set(config string) {
	select {
	case <-p.next:
	default:
	}
	p.next <- config
}

func (p *probes) run(ctx context.Context) {
	present := ""
	stop := func() {}
	defer func() { stop() }()
	for {
		select {
		case <-ctx.Done():
			return
		case config := <-p.next:
			if config == present {
				continue
			}
			stop()
			present, stop = config, p.start(ctx, config)
		}
	}
}

// start returns what ends the probe.
func (p *probes) start(ctx context.Context, config string) func() {
	if config == "" {
		p.report(true, "")
		return func() {}
	}
	check, err := probe.Parse([]byte(config), p.target())
	if err != nil {
		p.o.Log.Error("the workload has no probe", "error", err)
		p.report(true, "")
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		check.Run(ctx, p.report)
	}()
	return func() { cancel(); <-done }
}

// target is the program: on loopback, at the ports where it really listens, or in a pod at the pod's own address, from the
// one source that the redirection lets through to the program (see package redirect).
func (p *probes) target() probe.Target {
	if p.o.Mode != bootstrap.ModeRedirect {
		return probe.Target{Ports: p.o.Ports}
	}
	source := net.IPv4(127, 0, 0, 6)
	if ip := net.ParseIP(p.o.Address); ip.To4() == nil {
		source = net.ParseIP("::6")
	}
	return probe.Target{Host: p.o.Address, Source: source}
}
