package draw_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meshctl/meshctl/pkg/dashboard/draw"
	"github.com/meshctl/meshctl/pkg/dashboard/layout"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/topology/topologytest"
)

var update = flag.Bool("update", false, "write golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func picture(g topology.Graph, o draw.Options, s draw.Selection) (*draw.Frame, *layout.Layout) {
	l := draw.Arrange(g, o, nil)
	return draw.Draw(draw.Scene{Graph: g, Layout: l, Viewport: draw.Whole(l), Options: o, Selection: s}), l
}

func TestPictures(t *testing.T) {
	for name, o := range map[string]draw.Options{
		"full":    {},
		"labels":  {Labels: draw.RateLabels},
		"latency": {Labels: draw.LatencyLabel, Narrow: true},
		"compact": {Zoom: draw.Compact},
		"narrow":  {Zoom: draw.Compact, Narrow: true},
		"dot":     {Zoom: draw.Dot},
		"ascii":   {ASCII: true, Colorless: true, Labels: draw.ErrorLabels},
		"mtls":    {MTLS: true, Labels: draw.RateLabels},
		"bad":     {OnlyBad: true},
		"flow":    {Phase: 3, Zoom: draw.Compact, Narrow: true},
	} {
		t.Run(name, func(t *testing.T) {
			f, _ := picture(topologytest.Bookinfo(), o, draw.Selection{})
			golden(t, name+".txt", f.Text(false))
			golden(t, name+".ansi", f.Text(true))
		})
	}
}
