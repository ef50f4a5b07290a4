package looking

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/topology/tables"
	"github.com/meshctl/meshctl/pkg/topology/topologytest"
	"github.com/meshctl/meshctl/pkg/traffic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// looks is a mesh of which each look is answered by the next of some answers; after the last of them the user interrupts.
type looks struct {
	factory.ControlPlane
	answers   []any // a traffic.Report or an error
	n         int
	interrupt func()
}

func (l *looks) Traffic(ctx context.Context, _ string) (traffic.Report, error) {
	if l.n == len(l.answers) {
		l.interrupt()
		return traffic.Report{}, ctx.Err()
	}
	l.n++
	switch a := l.answers[l.n-1].(type) {
	case error:
		return traffic.Report{}, a
	case traffic.Report:
		a.Time = topologytest.Time.Add(time.Duration(l.n) * interval)
		return a, nil
	}
	panic("neither a report nor an error")
}

func (*looks) Unreachable(err error) error { return fmt.Errorf("%w: start one", err) }

// interval is the time between two looks.
const interval = 2 * time.Second

// report has a workload, and perhaps a proxy that is silent.
func report(silent ...topology.Silent) traffic.Report {
	return traffic.Report{Silent: silent, Nodes: []topology.Node{{ID: "workload/shop/web", Kind: topology.Workload, Name: "web", Namespace: "shop", Instances: 1}}}
}

// watched is what --watch writes.
func watched(t *testing.T, f *factory.Factory, format printer.Format, o Options, answers ...any) (out, narration string, err error) {
	t.Helper()
	var outs, errs bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		f.IO = genericiooptions.IOStreams{Out: &outs, ErrOut: &errs}
		ctx, interrupt := context.WithCancel(t.Context())
		defer interrupt()
		o.Factory, o.Window, o.Interval = f, 10*time.Second, interval
		p := &printer.Printer{Out: &outs, Format: format}
		err = o.watch(ctx, &looks{answers: answers, interrupt: interrupt}, &screen{factory: f, p: p, print: func(p *printer.Printer, g topology.Graph) (int, error) {
			return len(g.Nodes), printer.Print(p, tables.Nodes(), o.selected(g).Nodes)
		}})
	})
	return outs.String(), errs.String(), err
}

func TestWatch(t *testing.T) {
	old := topology.Silent{Proxy: "old.shop", Reason: "it is old"}
	gone := fmt.Errorf("%w at 127.0.0.1:1", adminapi.ErrUnreachable)
	out, narration, err := watched(t, &factory.Factory{}, printer.FormatTable, Options{}, report(), report(old), gone, gone, report(old), report())
	if err != nil || strings.Count(out, "NAME ") != 3 || strings.Count(out, "\n\n") != 2 {
		t.Errorf("%v: %q", err, out)
	}
	if strings.Count(narration, "no numbers of old.shop: it is old\n") != 1 || strings.Count(narration, "trying again\n") != 1 {
		t.Errorf("narration %q", narration)
	}
	if out, _, err = watched(t, &factory.Factory{}, printer.FormatYAML, Options{}, report(), report(), report()); err != nil || strings.Count(out, "---\n- id: workload/shop/web\n") != 2 {
		t.Errorf("%v: %q", err, out)
	}
	if out, _, err = watched(t, &factory.Factory{Terminal: true}, printer.FormatJSON, Options{}, report(), report()); err != nil || !strings.HasPrefix(out, "[\n  {") {
		t.Errorf("a terminal with JSON: %v: %q", err, out)
	}
}

func TestWatchFails(t *testing.T) {
	gone := fmt.Errorf("%w at 127.0.0.1:1", adminapi.ErrUnreachable)
	if _, _, err := watched(t, &factory.Factory{}, printer.FormatTable, Options{}, gone); !errors.Is(err, adminapi.ErrUnreachable) || !strings.HasSuffix(err.Error(), ": start one") {
		t.Errorf("nobody answered the first look: %v", err)
	}
	if _, _, err := watched(t, &factory.Factory{}, printer.FormatTable, Options{}, report(), errors.New("forbidden")); err == nil || err.Error() != "forbidden: start one" {
		t.Errorf("refused: %v", err)
	}
	named := Options{}
	if err := named.Name("deploy/nix"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := watched(t, &factory.Factory{}, printer.FormatTable, named, report(), report()); err == nil || !strings.Contains(err.Error(), "deploy/nix takes no part in the traffic") {
		t.Errorf("nobody of that name: %v", err)
	}
}

// TestFrame: on a terminal each frame is where the one before was, and no larger than the terminal.
func TestFrame(t *testing.T) {
	many := report(topology.Silent{Proxy: "old\x1b.shop", Reason: "it is old"})
	for i := range 30 {
		many.Nodes = append(many.Nodes, topology.Node{ID: fmt.Sprintf("workload/shop/w%02d", i), Kind: topology.Workload, Name: fmt.Sprintf("w%02d-%s", i, strings.Repeat("x", 90)), Namespace: "shop"})
	}
	for _, size := range [][2]int{{80, 24}, {200, 60}, {20, 3}, {1, 1}} {
		f := &factory.Factory{Terminal: true, OutSize: func() (int, int) { return size[0], size[1] }}
		out, narration, err := watched(t, f, printer.FormatTable, Options{}, many, many, many)
		if err != nil || narration != "" {
			t.Fatalf("%v: %s", err, narration)
		}
		frames := strings.Split(out, "\x1b[H")
		if frames[0] != "\x1b[2J" || len(frames) != 3 || strings.Contains(frames[2], "\x1b[2J") {
			t.Fatalf("%v: %q", size, out)
		}
		lines := strings.Split(strings.TrimSuffix(frames[2], "\x1b[J"), "\x1b[K\n")
		if n := len(lines) - 1; n > max(size[1]-1, 3) {
			t.Errorf("%v: %d lines", size, n)
		}
		for _, l := range lines {
			if printer.Width(l) > size[0] || strings.Contains(l, "\x1b") {
				t.Errorf("%v: %q", size, l)
			}
		}
		switch size[1] {
		case 24:
			if lines[22] != "... and 11 more" || !strings.Contains(lines[0], `over 4s: 1 proxy, 1 silent (no numbers of old\x1b.shop: it`) {
				t.Errorf("%q, %q", lines[0], lines[22])
			}
		case 60:
			if !strings.HasSuffix(lines[0], "; Ctrl-C ends it") || !strings.HasPrefix(lines[2], "w00-xxx") {
				t.Errorf("%q, %q", lines[0], lines[2])
			}
		}
	}
}

// TestNames: what a name means, in a namespace and in all.
func TestNames(t *testing.T) {
	g := topologytest.Bookinfo()
	for _, test := range []struct{ name, namespace, want string }{
		{"reviews-v2", "", "reviews-v2"},
		{"deploy/reviews-v2", "default", "reviews-v2"},
		{"deploy/reviews-v2", "other", ""},
		{"deploy/reviews-v2.default", "other", "reviews-v2"},
		{"reviews", "", "reviews-v1 reviews-v2 reviews-v3"},
		{"svc/reviews", "default", "reviews-v1 reviews-v2 reviews-v3"},
		{"svc/reviews.default", "other", "reviews-v1 reviews-v2 reviews-v3"},
		{"svc/reviews.default.svc.cluster.local", "other", "reviews-v1 reviews-v2 reviews-v3"},
		{"svc/api.example.com", "default", "api.example.com"},
		{"svc/reviews-v1", "", ""},
		{"gateway/istio-ingressgateway", "", "istio-ingressgateway"},
		{"gateway/reviews-v1", "", ""},
		{"ns/istio-system", "", "istio-ingressgateway"},
		{"sa/bookinfo-ratings", "", "ratings-v1"},
		{"nix", "", ""},
		{"", "istio-system", "istio-ingressgateway"},
	} {
		o := Options{namespace: test.namespace}
		if test.name != "" {
			if err := o.Name(test.name); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for _, n := range g.Nodes {
			if o.Shows(n) {
				got = append(got, n.Name)
			}
		}
		if names := strings.Join(got, " "); names != test.want {
			t.Errorf("%s in %q: %s, want %s", test.name, test.namespace, names, test.want)
		}
		if err := o.missing(g); (err != nil) != (test.want == "" && test.name != "") {
			t.Errorf("%s in %q: %v", test.name, test.namespace, err)
		}
		for _, e := range o.selected(g).Edges {
			if !strings.Contains(test.want, name(g, e.From)) && !strings.Contains(test.want, name(g, e.To)) {
				t.Errorf("%s: has the edge from %s to %s", test.name, e.From, e.To)
			}
		}
	}
}

func name(g topology.Graph, id string) string {
	for _, n := range g.Nodes {
		if n.ID == id {
			return n.Name
		}
	}
	return ""
}

func TestSort(t *testing.T) {
	table := tables.Nodes()
	for _, test := range []struct {
		sort, column string
		reverse      bool
	}{{"", "", false}, {"rps", "RPS", false}, {"-P99", "P99", true}} {
		column, reverse, err := sortBy(&Options{Sort: test.sort}, table)
		if err != nil || reverse != test.reverse || (column == nil) != (test.column == "") || column != nil && column.Name != test.column {
			t.Errorf("%q: %v, %v, %v", test.sort, column, reverse, err)
		}
	}
	if _, _, err := sortBy(&Options{Sort: "nix"}, table); exitcode.Of(err) != exitcode.Usage {
		t.Error(err)
	}
}
