package dashboard_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/golden"
	"github.com/charmbracelet/x/exp/teatest/v2"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/dashboard/ui"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/topology/topologytest"
)

// TestProgram runs the whole program with its renderer and its commands, from the first picture to the end, by keys. What its screens look like
// in every state is tested beside ui.
func TestProgram(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}, {200, 60}} {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			var asked atomic.Int32
			model := ui.New(t.Context(), ui.Options{Name: "demo", Source: ui.Source{
				Next: func(ctx context.Context, _ time.Duration) (topology.Graph, error) {
					if asked.Add(1) == 1 {
						return topologytest.Bookinfo(), nil
					}
					<-ctx.Done()
					return topology.Graph{}, ctx.Err()
				},
				Proxies: func(context.Context) (printer.Sheet, error) { return printer.Sheet{}, errors.New("not asked here") },
			}})
			program := teatest.NewTestModel(t, model, teatest.WithInitialTermSize(size[0], size[1]))
			teatest.WaitFor(t, program.Output(), func(written []byte) bool {
				return bytes.Contains([]byte(ansi.Strip(string(written))), []byte("ratings"))
			}, teatest.WithDuration(20*time.Second))
			enter := tea.KeyPressMsg{Code: tea.KeyEnter}
			program.Type(":edges")
			program.Send(enter)
			program.Type("/err > 5%")
			program.Send(enter)
			program.Type("q")
			last := program.FinalModel(t, teatest.WithFinalTimeout(20*time.Second)).(ui.Model)
			screen := strings.Split(ansi.Strip(last.View().Content), "\n")
			for i := range screen {
				screen[i] = strings.TrimRight(screen[i], " ")
			}
			golden.RequireEqual(t, strings.Join(screen, "\n")+"\n")
		})
	}
}
