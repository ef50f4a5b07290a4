// Package dashboard shows the traffic of a mesh in a terminal. The state and what is drawn are in ui; here is what touches the terminal.
package dashboard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/meshctl/meshctl/pkg/dashboard/draw"
	"github.com/meshctl/meshctl/pkg/dashboard/ui"
	"github.com/meshctl/meshctl/pkg/topology"
)

// Options of Run. Input and Output are those of a terminal.
type Options struct {
	Source        ui.Source
	Name          string        // of the mesh or cluster, for the header
	Window        time.Duration // 1m when zero
	Input         io.Reader
	Output        io.Writer
	Environment   []string // "TERM=...", "COLORTERM=..."
	ASCII, Colour bool
	// Labels, MTLS and Bad are what the first picture looks like, see ui.Options.
	Labels    *draw.Labels
	MTLS, Bad bool
	Level     topology.Level
}

// Run shows the dashboard until the user leaves it or ctx ends, both without an error. It restores the terminal in any case, also after a panic.
func Run(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // what commands still wait for
	options := []tea.ProgramOption{
		tea.WithContext(ctx), tea.WithInput(o.Input), tea.WithOutput(o.Output), tea.WithEnvironment(o.Environment),
		tea.WithoutSignalHandler(), // ctx ends with the signals of the command
	}
	if !o.Colour {
		options = append(options, tea.WithColorProfile(colorprofile.ASCII))
	}
	_, err := tea.NewProgram(ui.New(ctx, ui.Options{
		Source: o.Source, Name: o.Name, Window: o.Window, ASCII: o.ASCII, Colorless: !o.Colour, Labels: o.Labels, MTLS: o.MTLS, Bad: o.Bad, Level: o.Level,
	}), options...).Run()
	switch {
	case errors.Is(err, tea.ErrProgramPanic):
		return fmt.Errorf("the dashboard has failed: %w: please report it", err)
	case ctx.Err() != nil || errors.Is(err, tea.ErrInterrupted):
		return nil
	}
	return err
}
