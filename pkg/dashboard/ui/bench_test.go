package ui

import (
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/meshctl/meshctl/pkg/topology/topologytest"
)

// BenchmarkSecond1000Nodes5000Edges is what a large mesh costs a second: a new picture, and four frames of it.
func BenchmarkSecond1000Nodes5000Edges(b *testing.B) {
	m := New(b.Context(), Options{Name: "large"})
	g := topologytest.Large(1000, 5000)
	step := func(msg tea.Msg) {
		next, _ := m.Update(msg)
		m = next.(Model)
	}
	step(tea.WindowSizeMsg{Width: 250, Height: 80})
	step(graphMsg{graph: g})
	for b.Loop() {
		g.Time = g.Time.Add(time.Second)
		step(graphMsg{graph: g})
		for range 4 {
			step(tickMsg{})
			_ = m.View()
		}
	}
}
