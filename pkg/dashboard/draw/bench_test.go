package draw_test

import (
	"runtime"
	"testing"

	"github.com/meshctl/meshctl/pkg/dashboard/draw"
	"github.com/meshctl/meshctl/pkg/topology/topologytest"
)

// BenchmarkFrame1000Nodes5000Edges draws what a large terminal shows of a large mesh.
func BenchmarkFrame1000Nodes5000Edges(b *testing.B) {
	g := topologytest.Large(1000, 5000)
	for _, o := range []draw.Options{{Labels: draw.RateLabels, Phase: 1}, {Zoom: draw.Dot, Phase: 1}} {
		b.Run([]string{"full", "compact", "dot"}[o.Zoom], func(b *testing.B) {
			l := draw.Arrange(g, o, nil)
			for b.Loop() {
				f := draw.Draw(draw.Scene{Graph: g, Layout: l, Viewport: draw.Fit(l, 250, 80), Options: o})
				_ = f.Lines(true)
				o.Phase++
			}
		})
	}
}

// BenchmarkLayoutChange1000Nodes5000Edges changes some nodes of a large mesh from one refresh to the next.
func BenchmarkLayoutChange1000Nodes5000Edges(b *testing.B) {
	g := topologytest.Large(1000, 5000)
	fewer := g
	fewer.Nodes = g.Nodes[:990]
	before := draw.Arrange(fewer, draw.Options{}, nil)
	for b.Loop() {
		draw.Arrange(g, draw.Options{}, before)
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapInuse)/1e6, "MB-in-use")
	b.ReportMetric(float64(m.Sys)/1e6, "MB-of-the-process")
	runtime.KeepAlive(before)
}

func BenchmarkLayoutFresh1000Nodes5000Edges(b *testing.B) {
	g := topologytest.Large(1000, 5000)
	for b.Loop() {
		draw.Arrange(g, draw.Options{}, nil)
	}
}
