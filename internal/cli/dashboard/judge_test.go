package dashboard

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/cli/running"
	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/dashboard/judged"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/topology"
)

// One analysis after the other: what the last one that went well found stays when the next cannot read.
func TestJudgingGoesOn(t *testing.T) {
	readings := make(chan error)
	j := &judge{
		read: func(ctx context.Context) (running.Configuration, error) {
			select {
			case err := <-readings:
				return running.Configuration{}, err
			case <-ctx.Done():
				return running.Configuration{}, ctx.Err()
			}
		},
		weigh: func(context.Context, running.Configuration) *judged.Findings {
			web := config.Key{Kind: config.Deployment, Namespace: "shop", Name: "web"}
			return judged.New(mesh.Build(config.Set{}, mesh.Options{}), []analyze.Diagnostic{{Code: "IST0103", Object: web, Message: "no sidecar"}})
		},
		every: time.Nanosecond, first: make(chan struct{}),
	}
	ctx, cancel := context.WithCancel(t.Context())
	var judging sync.WaitGroup
	judging.Go(func() { j.run(ctx) })
	defer judging.Wait()
	defer cancel()

	g := topology.Graph{Nodes: []topology.Node{{Kind: topology.Workload, Namespace: "shop", Name: "web"}}}
	found := func() int { return len(j.over(g).Nodes[0].Findings) }
	unjudged := func() string { return j.over(g).Unjudged }
	if found() != 0 || unjudged() != "analysis has not ended yet" {
		t.Errorf("before any analysis: %d findings, %q", found(), unjudged())
	}
	unreachable := errors.New("unreachable")
	readings <- unreachable
	if err := j.wait(t.Context()); !errors.Is(err, unreachable) {
		t.Errorf("%v instead of why there are no findings", err)
	}
	if unjudged() != "the configuration cannot be read: unreachable" {
		t.Errorf("%q", unjudged())
	}
	readings <- nil
	readings <- unreachable // taken when the analysis before has ended
	if found() != 1 {
		t.Errorf("%d findings after an analysis", found())
	}
	readings <- unreachable // again
	if found() != 1 || !strings.HasPrefix(unjudged(), "findings are those of before") {
		t.Errorf("%d findings after the configuration could not be read once, %q", found(), unjudged())
	}
}

func TestWaitingForFindingsEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (&judge{first: make(chan struct{})}).wait(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
