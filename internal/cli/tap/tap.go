// Package tap is the command `meshctl tap`: single requests of the live mesh.
package tap

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/tap"
)

// Options of the command.
type Options struct {
	Factory *factory.Factory
	Mesh    factory.Mesh
	Output  factory.Output
	// Targets, From and To are KIND/NAME.
	Targets, From, To                []string
	AllNamespaces                    bool
	Methods, Paths, Statuses, Header []string
	MinDuration                      time.Duration
	Side                             string
	MaxRPS, Sample                   int
	// For is how long to look, 0 until interrupted. Once looks for Window.
	For, Window time.Duration
	Once, Watch bool
	Limit       int

	windowGiven bool
}

// NewCmd returns the command; runF replaces what it does, for tests.
func NewCmd(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Factory: f}
	if runF == nil {
		runF = run
	}
	cmd := &cobra.Command{
		Use:   "tap [KIND/NAME...]",
		Short: "Show single requests of the live mesh as they end",
		Long: `Show single requests, and TCP connections, of the live mesh as they end: who asked whom for what, what came of it and why.

KIND/NAME is a workload (or deploy, sts, ...), pod, svc, gateway, ns or sa; NAME alone is anything of that name. Requests that its
proxies send and get are shown. Without one, those of the whole mesh are, or with --from and --to those between two ends; a request
between two proxies is then shown once, as the caller's proxy saw it.

Proxies report requests only while somebody looks. What they hold back is counted and said: more than --max-rps a second of one proxy,
and everything that a slow viewer cannot take. Authorization headers, cookies and the values of query parameters that are named like
secrets never leave the proxy's side.`,
		Example: `  meshctl tap
  meshctl tap deploy/reviews-v2
  meshctl tap --to svc/ratings --status 5xx
  meshctl tap --from gateway/istio-ingressgateway --path '/api/*' --min-duration 200ms
  meshctl tap svc/productpage --header end-user=jason -o wide
  meshctl tap --once -w 5s -o yaml
  meshctl tap -A --for 10s -o json | jq 'select(.status >= 500)'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Targets, o.windowGiven = args, cmd.Flags().Changed("window")
			return runF(cmd.Context(), o)
		},
	}
	o.addFlags(cmd)
	return cmd
}

func (o *Options) addFlags(cmd *cobra.Command) {
	o.Mesh.AddFlags(cmd, true)
	flags := cmd.Flags()
	flags.BoolVarP(&o.AllNamespaces, "all-namespaces", "A", false, "in a cluster, names and proxies of all namespaces")
	flags.StringSliceVar(&o.From, "from", nil, "only what KIND/NAME sends")
	flags.StringSliceVar(&o.To, "to", nil, "only what KIND/NAME gets")
	flags.StringSliceVar(&o.Methods, "method", nil, "only requests by one of these methods")
	flags.StringArrayVar(&o.Paths, "path", nil, "only requests for a path like this, * being anything; without a ? it is compared without the query")
	flags.StringSliceVar(&o.Statuses, "status", nil, "only answers with one of these: 404, 5xx, 400-499, >=400, none")
	flags.StringArrayVar(&o.Header, "header", nil, "only requests with NAME=VALUE among their headers, * in VALUE being anything; all of them must be met")
	flags.DurationVar(&o.MinDuration, "min-duration", 0, "only requests that took at least so long")
	flags.StringVar(&o.Side, "side", "", "only what proxies of one kind saw: client, server or gateway")
	flags.IntVar(&o.MaxRPS, "max-rps", tap.DefaultRate, "show at most so many requests a second of one proxy")
	flags.IntVar(&o.Sample, "sample", 100, "have proxies report this percentage of requests")
	flags.DurationVar(&o.For, "for", 0, "end after this time [when interrupted]")
	flags.BoolVar(&o.Watch, "watch", false, "end when interrupted (the default)")
	flags.BoolVar(&o.Once, "once", false, "end after one --window")
	flags.DurationVarP(&o.Window, "window", "w", 10*time.Second, "with --once, how long to look")
	flags.IntVar(&o.Limit, "limit", 0, "end after so many requests [when interrupted]")
	o.Output.AddFlag(cmd, printer.FormatTable, printer.FormatWide, printer.FormatJSON, printer.FormatYAML)
}

// request reads the flags; every mistake is a usage error.
func (o *Options) request() (tap.Request, error) {
	r := tap.Request{}
	q := r.Query()
	for key, values := range map[string][]string{
		"target": o.Targets, "from": o.From, "to": o.To, "method": o.Methods, "path": o.Paths, "status": o.Statuses, "header": o.Header,
	} {
		q[key] = values
	}
	if o.Side != "" {
		q.Set("side", o.Side)
	}
	r, err := tap.ParseRequest(q)
	switch {
	case err != nil:
		return r, exitcode.Usagef("%v", err)
	case o.MaxRPS < 1 || o.MaxRPS > tap.MaxRate:
		return r, exitcode.Usagef("--max-rps is %d: give a number from 1 to %d", o.MaxRPS, tap.MaxRate)
	case o.Sample < 1 || o.Sample > 100:
		return r, exitcode.Usagef("--sample is %d: give a percentage from 1 to 100", o.Sample)
	case o.MinDuration < 0 || o.For < 0 || o.Limit < 0:
		return r, exitcode.Usagef("--min-duration, --for and --limit must not be negative")
	case o.Once && (o.Watch || o.For > 0):
		return r, exitcode.Usagef("--once ends after --window: leave out --watch and --for")
	case o.windowGiven && !o.Once:
		return r, exitcode.Usagef("--window is how long --once looks: give --once, too, or use --for")
	case o.Once && o.Window <= 0:
		return r, exitcode.Usagef("--window must be more than nothing, not %s", o.Window)
	}
	r.Filter.MinDuration, r.Rate, r.Sample = o.MinDuration, o.MaxRPS, o.Sample
	return r, nil
}

// errEnough ends looking after --limit requests.
var errEnough = errors.New("enough")

func run(ctx context.Context, o *Options) error {
	p, err := o.Factory.Printer(o.Output)
	if err != nil {
		return err
	}
	r, err := o.request()
	if err != nil {
		return err
	}
	mesh, err := o.Factory.ControlPlane(ctx, o.Mesh)
	if err != nil {
		return err
	}
	r.Namespace = o.Mesh.Namespace
	if r.Namespace == "" {
		r.Namespace = mesh.DefaultNamespace()
	}
	if o.AllNamespaces {
		r.Namespace = ""
	}
	end := o.For
	if o.Once {
		end = o.Window
	}
	if end > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, end)
		defer cancel()
	}
	v := newView(o, p, r)
	err = adminapi.Follow(ctx, mesh, r, v.line, func(err error) {
		o.Factory.Say("%v; trying again", mesh.Unreachable(err))
	})
	v.end()
	var input *adminapi.InputError
	switch {
	case err == nil, errors.Is(err, errEnough):
		return nil
	case errors.As(err, &input):
		return err
	}
	return mesh.Unreachable(err)
}

// view shows what comes.
type view struct {
	o      *Options
	row    func(tap.Event) error
	shown  int
	status tap.Status
	// dropped before the connection was lost, and since; said of it.
	before, dropped, said uint64
	silent                map[string]string
	// sample is the lowest said.
	sample int
}

func newView(o *Options, p *printer.Printer, r tap.Request) *view {
	v := &view{o: o, silent: map[string]string{}, sample: o.Sample}
	switch p.Format {
	case printer.FormatYAML: // one document each
		v.row = func(e tap.Event) error {
			if _, err := io.WriteString(p.Out, "---\n"); err != nil {
				return err
			}
			return printer.Object(p, e)
		}
	case printer.FormatJSON: // one line each
		out := json.NewEncoder(p.Out)
		out.SetEscapeHTML(false)
		v.row = func(e tap.Event) error { return out.Encode(e) }
	default:
		v.row = printer.NewStream(p, table(r), widths).Row
	}
	return v
}

func (v *view) line(l tap.Line) error {
	if l.Status != nil {
		v.say(*l.Status)
		return nil
	}
	if l.Event == nil {
		return nil // of a newer control plane
	}
	if err := v.row(*l.Event); err != nil {
		return err
	}
	if v.shown++; v.shown == v.o.Limit {
		return errEnough
	}
	return nil
}

// say tells on standard error how looking goes, once for each news.
func (v *view) say(s tap.Status) {
	say := v.o.Factory.Say
	if s.Proxies != v.status.Proxies {
		say("Looking at the requests of %s; Ctrl-C ends it.", count(s.Proxies, "proxy", "proxies"))
	}
	for _, p := range s.Silent {
		if v.silent[p.Proxy] != p.Reason {
			v.silent[p.Proxy] = p.Reason
			say("%s shows nothing: %s", p.Proxy, p.Reason)
		}
	}
	if 2*s.Sample <= v.sample {
		v.sample = s.Sample
		say("There are so many requests that a proxy reports %d%% of them only.", s.Sample)
	}
	if s.Dropped < v.dropped { // it has begun anew
		v.before += v.dropped
	}
	if total := v.before + s.Dropped; s.Dropped > v.dropped && total >= 2*v.said {
		v.said = total
		say("%s not shown so far: there are more than --max-rps %d, or than can be shown. Narrow it by filters.", count(int(total), "request", "requests"), v.o.MaxRPS)
	}
	v.dropped, v.status = s.Dropped, s
}

func (v *view) end() {
	missed := ""
	if n := v.before + v.dropped; n > 0 {
		missed = ", " + count(int(n), "was", "were") + " not"
	}
	v.o.Factory.Say("%s shown%s.", count(v.shown, "request was", "requests were"), missed)
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
