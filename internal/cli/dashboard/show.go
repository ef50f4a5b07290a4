package dashboard

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/meshctl/meshctl/internal/remote"
	"github.com/meshctl/meshctl/pkg/dashboard"
	"github.com/meshctl/meshctl/pkg/dashboard/draw"
	"github.com/meshctl/meshctl/pkg/dashboard/export"
	"github.com/meshctl/meshctl/pkg/dashboard/session"
	"github.com/meshctl/meshctl/pkg/dashboard/ui"
	"github.com/meshctl/meshctl/pkg/topology"
)

// latest is the picture that --once prints.
func latest(ctx context.Context, o *Options) (topology.Graph, error) {
	if o.Replay != "" {
		if err := o.planReplay(ctx); err != nil {
			return topology.Graph{}, err
		}
		return last(o.Replay)
	}
	l, err := openLive(ctx, o)
	if err != nil {
		return topology.Graph{}, err
	}
	return l.one(ctx)
}

// show runs the dashboard in the terminal.
func show(ctx context.Context, o *Options) (err error) {
	if o.Replay != "" {
		return replay(ctx, o)
	}
	l, err := openLive(ctx, o)
	if err != nil {
		return err
	}
	j, err := l.judging(ctx)
	if err != nil {
		return err
	}
	name := o.Factory.Mesh
	if c, ok := l.mesh.(*remote.Cluster); ok {
		name = c.Name
	}
	ctx, cancel := context.WithCancel(ctx)
	var judging sync.WaitGroup
	defer judging.Wait()
	defer cancel()
	judging.Go(func() { j.run(ctx) })
	var record *session.Writer
	if o.Record != "" {
		f, problem := create(o.Record)
		if problem != nil {
			return problem
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		record = session.NewWriter(f, name)
	}
	return o.run(ctx, l.source(j, record), name)
}

func (o *Options) run(ctx context.Context, source ui.Source, name string) error {
	var labels *draw.Labels
	if o.labelled() {
		chosen := o.drawing().Labels
		labels = &chosen
	}
	return dashboard.Run(ctx, dashboard.Options{
		Labels: labels, MTLS: o.MTLS, Bad: o.Bad, Level: o.level,
		Source: source, Name: name, Window: o.Window,
		Input: o.Factory.IO.In, Output: o.Factory.IO.Out, Environment: os.Environ(), ASCII: o.ASCII, Colour: o.Factory.Color,
	})
}

// replay shows a recorded session in the terminal.
func replay(ctx context.Context, o *Options) (err error) {
	if err := o.planReplay(ctx); err != nil {
		return err
	}
	p, err := openPlayer(o.Replay)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	next := func(ctx context.Context, window time.Duration) (topology.Graph, error) {
		g, err := p.next(ctx, window)
		return o.shown(g), err
	}
	return o.run(ctx, ui.Source{Next: next, Recorded: true, Export: o.export}, p.reader.Header.Mesh)
}

// export writes what the dashboard shows into a page of its own.
func (o *Options) export(g topology.Graph, _ string) (string, error) {
	name := "topology-" + g.Time.UTC().Format("20060102-150405") + ".html"
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return "", err
	}
	_, err = fmt.Fprint(f, export.HTML(g, o.drawing()))
	return name, errors.Join(err, f.Close())
}
