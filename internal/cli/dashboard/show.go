package dashboard

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/pkg/dashboard"
	"github.com/meshctl/meshctl/pkg/dashboard/export"
	"github.com/meshctl/meshctl/pkg/dashboard/ui"
	"github.com/meshctl/meshctl/pkg/topology"
)

// latest is the picture that --once prints.
func latest(_ context.Context, o *Options) (topology.Graph, error) {
	if o.Replay == "" {
		return topology.Graph{}, errNoFeed()
	}
	return last(o.Replay)
}

func errNoFeed() error { return exitcode.Usagef("name a recorded session with --replay") }

// show runs the dashboard in the terminal.
func show(ctx context.Context, o *Options) (err error) {
	if o.Replay == "" {
		return errNoFeed()
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
	return dashboard.Run(ctx, dashboard.Options{
		Source: ui.Source{Next: next, Export: o.export}, Name: p.reader.Header.Mesh, Window: o.Window,
		Input: o.Factory.IO.In, Output: o.Factory.IO.Out, Environment: os.Environ(), ASCII: o.ASCII, Colour: o.Factory.Color,
	})
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
