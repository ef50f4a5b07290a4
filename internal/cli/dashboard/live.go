package dashboard

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/cli/proxystatus"
	tapcli "github.com/meshctl/meshctl/internal/cli/tap"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/internal/trafficfeed"
	"github.com/meshctl/meshctl/pkg/dashboard/session"
	"github.com/meshctl/meshctl/pkg/dashboard/ui"
	"github.com/meshctl/meshctl/pkg/proxyconfig"
	"github.com/meshctl/meshctl/pkg/tap"
	"github.com/meshctl/meshctl/pkg/topology"
)

const (
	// interval is how often the proxies are asked.
	interval = time.Second
	// leastOnce is the time that a single picture is about: counters say nothing at one moment.
	leastOnce = 3 * time.Second
)

// live is the mesh that runs.
type live struct {
	o    *Options
	mesh factory.ControlPlane
	feed *trafficfeed.Feed
}

func openLive(ctx context.Context, o *Options) (*live, error) {
	if err := o.readChange(); err != nil {
		return nil, err
	}
	mesh, err := o.Factory.ControlPlane(ctx, o.Mesh)
	if err != nil {
		return nil, err
	}
	return &live{o, mesh, trafficfeed.New(mesh, o.Namespace, interval)}, nil
}

// one is a single picture, after enough time for rates, with what analysis finds meanwhile.
func (l *live) one(ctx context.Context) (topology.Graph, error) {
	ctx, cancel := context.WithCancel(ctx)
	j := l.newJudge()
	var judging sync.WaitGroup
	defer judging.Wait()
	defer cancel()
	judging.Go(func() { j.once(ctx) })
	for {
		g, err := l.feed.Next(ctx, l.o.Window)
		if err != nil {
			return g, l.mesh.Unreachable(err)
		}
		if g.Window >= leastOnce {
			if err := j.wait(ctx); err != nil && (l.o.Plan || ctx.Err() != nil) {
				return g, err
			}
			return j.over(g), nil
		}
		if g.Window == 0 {
			l.o.Factory.Say("counting for %s ...", leastOnce)
		}
	}
}

// source is what the dashboard shows of the mesh, with the findings of j. Pictures also go into the record, if there is one.
func (l *live) source(j *judge, record *session.Writer) ui.Source {
	return ui.Source{
		Next: func(ctx context.Context, window time.Duration) (topology.Graph, error) {
			g, err := l.feed.Next(ctx, window)
			if err != nil {
				return g, l.mesh.Unreachable(err)
			}
			g = j.over(g)
			if record != nil {
				err = record.Write(g)
			}
			return l.o.shown(g), err
		},
		Proxies: l.proxies, Config: l.config, Tap: l.tap, TapColumns: tapcli.Columns(), Export: l.o.export,
	}
}

func (l *live) proxies(ctx context.Context) (printer.Sheet, error) {
	status, err := l.mesh.Status(ctx)
	if err != nil {
		return printer.Sheet{}, l.mesh.Unreachable(err)
	}
	proxies, err := l.mesh.Proxies(ctx)
	if err != nil {
		return printer.Sheet{}, l.mesh.Unreachable(err)
	}
	return proxystatus.Sheet(status, proxies, l.o.Factory.Now()), nil
}

// config is what the control plane means the proxies of a node to run: that of one of them.
func (l *live) config(ctx context.Context, n topology.Node) (string, error) {
	proxies, err := l.mesh.Proxies(ctx)
	if err != nil {
		return "", l.mesh.Unreachable(err)
	}
	i := slices.IndexFunc(proxies, func(p adminapi.Proxy) bool {
		return p.Namespace == n.Namespace && (p.Name == n.Name || strings.HasPrefix(p.Name, n.Name+"-"))
	})
	if i < 0 {
		return "", fmt.Errorf("%s has no proxy that is connected", n.Name)
	}
	data, err := l.mesh.Config(ctx, proxies[i].ID)
	if err != nil {
		return "", l.mesh.Unreachable(err)
	}
	dump, err := proxyconfig.Parse(strings.NewReader(string(data)))
	if err != nil {
		return "", err
	}
	return summaries(proxies[i], dump)
}

// summaries are what a proxy has rejected, and the tables of `meshctl proxy-config`.
func summaries(proxy adminapi.Proxy, dump *proxyconfig.Dump) (string, error) {
	var b strings.Builder
	p := &printer.Printer{Out: &b, Format: printer.FormatTable}
	all := proxyconfig.Filter{}
	fmt.Fprintf(&b, "what %s should run (meshctl proxy-config has more)\n", proxy.ID)
	proxystatus.Rejections(&b, proxy)
	fmt.Fprint(&b, "\nLISTENERS\n")
	err := printer.Print(p, proxyconfig.ListenerTable(), dump.ListenerRows(all))
	fmt.Fprint(&b, "\nROUTES\n")
	err = errors.Join(err, printer.Print(p, proxyconfig.RouteTable(), dump.RouteRows(all)))
	fmt.Fprint(&b, "\nCLUSTERS\n")
	err = errors.Join(err, printer.Print(p, proxyconfig.ClusterTable(), dump.ClusterRows(all)))
	return b.String(), err
}

// tap passes on the requests of nodes' proxies, or to hosts that have none.
func (l *live) tap(ctx context.Context, nodes []topology.Node, to ui.Tapping) error {
	r := tap.Request{Rate: tap.MaxRate / 10, Sample: 100}
	for _, n := range nodes {
		switch n.Kind {
		case topology.NamespaceKind:
			r.Targets = append(r.Targets, tap.Ref{Kind: "namespace", Name: n.Name})
		case topology.Service, topology.External:
			r.To = append(r.To, tap.Ref{Kind: "service", Name: n.Qualified()})
		case topology.Workload, topology.Gateway, topology.Unmeshed:
			r.Targets = append(r.Targets, tap.Ref{Kind: "workload", Name: n.Qualified()})
		}
	}
	return adminapi.Follow(ctx, l.mesh, r, func(line tap.Line) error {
		if e := line.Event; e != nil {
			to.Request(ui.Request{Began: e.Time, Line: tapcli.Line(*e), Describe: func() string { return described(*e) }})
		}
		if line.Status != nil {
			to.Status(line.Status.Dropped, notes(*line.Status)...)
		}
		return nil
	}, func(err error) { to.Status(0, "no connection, trying again: "+err.Error()) })
}

// notes are what keeps requests from being seen.
func notes(s tap.Status) []string {
	var out []string
	for _, p := range s.Silent {
		out = append(out, p.Proxy+" shows nothing: "+p.Reason)
	}
	if s.Sample > 0 && s.Sample < 100 {
		out = append(out, fmt.Sprintf("only %d%% of requests are reported", s.Sample))
	}
	return out
}

// described is all that is known of a request.
func described(e tap.Event) string {
	text, err := yaml.Marshal(e)
	if err != nil {
		return err.Error()
	}
	if why := e.Explain(); why != "" {
		return why + "\n\n" + string(text)
	}
	return string(text)
}

// create makes the file of a recording.
func create(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("%s is there already: record in another file, or remove it", path)
	}
	return f, err
}
