// Package demo runs the Bookinfo application in a mesh on this machine, behind an ingress gateway and under load.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/standalone"
	"github.com/meshctl/meshctl/samples"
)

// Options of Run. Name, Dir, Self, Programs and Envoy are required.
type Options struct {
	// Name and Dir are those of the mesh (see standalone.Options).
	Name, Dir string
	// ConfigDir is the user's directory, whose objects override the demo's own; it is made when missing. Dir/config when empty.
	ConfigDir string
	// Port at which the gateway must listen; 0 prefers 8080 and takes another when that is taken.
	Port uint16
	// AnyPort takes any free port, whether or not 8080 is taken.
	AnyPort bool
	// RPS is the load in requests a second, 0 for none.
	RPS float64
	// Duration ends the demo by itself; 0 runs it until ctx ends.
	Duration time.Duration
	// CertificateTTL is the life of the workloads' certificates; the authority's default when 0.
	CertificateTTL time.Duration
	// Self is the executable of meshctl, Programs the others; Env is the environment of the application.
	Self     string
	Env      []string
	Programs standalone.Programs
	// Envoy finds Envoy, which may mean to download it.
	Envoy func(context.Context) (string, error)
	// ReadyTimeout is how long each part may take to become ready.
	ReadyTimeout time.Duration
	// Say tells the user one line; Live, when not nil, is a terminal for a line that changes.
	Say  func(format string, args ...any)
	Live io.Writer
	Log  *slog.Logger
}

// erasing returns options whose lines do not run into the one that changes.
func (o Options) erasing() Options {
	if say := o.Say; o.Live != nil {
		o.Say = func(format string, args ...any) {
			fmt.Fprint(o.Live, eraseLine)
			say(format, args...)
		}
	}
	return o
}

// demo is a running one.
type demo struct {
	o       Options
	began   time.Time
	mesh    *standalone.Mesh
	join    standalone.Join
	envoy   string
	ingress *ingress
	// starting counts the workloads that are not ready yet.
	starting sync.WaitGroup
}

// Run runs the demo until ctx ends, o.Duration is over, or a part of it fails. It leaves no process behind.
func Run(ctx context.Context, o Options) (err error) {
	d := &demo{o: o.erasing(), began: time.Now(), ingress: newIngress()}
	if err := d.prepare(); err != nil {
		return err
	}
	if err := d.start(ctx); err != nil {
		return interrupted(ctx, err)
	}
	defer func() { err = errors.Join(err, d.mesh.Stop()) }()
	// Workloads stop before the control plane, which tells the others that they go.
	work, stop := context.WithCancel(ctx)
	defer stop()
	parts, work := errgroup.WithContext(work)
	d.starting.Add(len(workloads()))
	for _, w := range workloads() {
		parts.Go(func() error { return d.run(work, w) })
	}
	parts.Go(func() error {
		defer stop()
		return d.serve(work)
	})
	parts.Go(func() error {
		select {
		case <-work.Done():
			return nil
		case <-d.mesh.Ended():
			return fmt.Errorf("the control plane ended: %w", errors.Join(d.mesh.Stop(), errors.New("see its log")))
		}
	})
	err = parts.Wait()
	d.o.Say("stopped")
	return interrupted(ctx, err)
}

// interrupted turns the end that the user asked for into success.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// prepare makes the user's directory.
func (d *demo) prepare() error {
	layout := standalone.Layout{Dir: d.o.Dir}
	if d.o.ConfigDir == "" {
		d.o.ConfigDir = layout.Config()
	}
	absolute, err := filepath.Abs(d.o.ConfigDir)
	if err == nil {
		err = os.MkdirAll(absolute, 0o755)
	}
	if err != nil {
		return fmt.Errorf("configuration directory: %w", err)
	}
	d.o.ConfigDir = absolute
	return nil
}

// start starts the control plane and finds Envoy meanwhile.
func (d *demo) start(ctx context.Context) error {
	layout := standalone.Layout{Dir: d.o.Dir}
	group, both := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		d.envoy, err = d.o.Envoy(both)
		return err
	})
	var mesh *standalone.Mesh
	group.Go(func() (err error) {
		mesh, err = standalone.Start(both, standalone.Options{
			Name: d.o.Name, Dir: d.o.Dir, Base: samples.Demo(), ConfigDirs: []string{d.o.ConfigDir}, Programs: d.o.Programs,
			ReadyTimeout: d.o.ReadyTimeout, Log: d.o.Log,
		})
		return err
	})
	err := group.Wait()
	if d.mesh = mesh; err == nil {
		d.join, err = standalone.Local(d.o.Dir)
	}
	if err == nil {
		err = d.ingress.choose(layout.Workload(gatewayNamespace, gatewayName), d.o)
	}
	if err != nil && mesh != nil {
		err = errors.Join(err, mesh.Stop())
	}
	if err == nil {
		d.o.Say("control plane ready after %s; Envoy %s", d.age(), d.envoy)
		d.o.Say("configuration: %s (the demo's own, edits are lost) under %s (yours)", layout.Base(), d.o.ConfigDir)
	}
	return err
}

func (d *demo) age() time.Duration { return time.Since(d.began).Round(10 * time.Millisecond) }

// serve tells the user when the demo works, and keeps it under load until ctx ends.
func (d *demo) serve(ctx context.Context) error {
	if err := d.ingress.first(ctx, d.o.ReadyTimeout); err != nil {
		return interrupted(ctx, err)
	}
	d.o.Say("first successful request through the gateway after %s", d.age())
	if err := d.allReady(ctx); err != nil {
		return interrupted(ctx, err)
	}
	report, err := d.mesh.Admin().WaitSync(ctx, 10*time.Second)
	if err != nil {
		return interrupted(ctx, err)
	}
	d.saySynced(ctx, report)
	d.sayHints()
	var watching sync.WaitGroup
	defer watching.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watching.Go(func() { standalone.WatchFindings(ctx, d.mesh.Admin(), d.o.Say) })
	if d.o.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.o.Duration)
		defer cancel()
	}
	return d.load(ctx)
}

// allReady waits for the workloads that the first page did not need.
func (d *demo) allReady(ctx context.Context) error {
	ready := make(chan struct{})
	go func() {
		d.starting.Wait()
		close(ready)
	}()
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *demo) saySynced(ctx context.Context, report adminapi.SyncReport) {
	if !report.Synced {
		d.o.Say("not in sync yet: %v; see `meshctl proxy-status`", report.Waiting)
		return
	}
	if proxies, err := d.mesh.Admin().Proxies(ctx); err == nil {
		d.o.Say("%d proxies run what they should after %s", len(proxies), d.age())
	}
}
