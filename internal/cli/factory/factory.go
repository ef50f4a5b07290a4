// Package factory gives commands what they need from the machine: streams, environment, clock, and the mesh that runs
// here. Commands look at nothing else, which is what makes them testable.
package factory

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
	"golang.org/x/term"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/envoybin"
	"github.com/meshctl/meshctl/internal/meshstate"
	"github.com/meshctl/meshctl/internal/printer"
)

// Factory is made once a process.
type Factory struct {
	IO     genericiooptions.IOStreams
	Getenv func(string) string
	Now    func() time.Time
	// Terminal says that standard output is one; Color that colours may be used on it.
	Terminal, Color bool
	// ErrTerminal says that standard error is one.
	ErrTerminal bool
	// OutSize and ErrSize are how many cells and lines these terminals have.
	OutSize, ErrSize func() (columns, rows int)
	// InTerminal says that standard input is one: somebody can be asked.
	InTerminal bool
	// Mesh is the value of --mesh.
	Mesh string
}

// New returns the factory of the real process.
func New() *Factory {
	terminal := isatty.IsTerminal(os.Stdout.Fd())
	return &Factory{
		IO:       genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr},
		Getenv:   os.Getenv,
		Now:      time.Now,
		Terminal: terminal, ErrTerminal: isatty.IsTerminal(os.Stderr.Fd()), InTerminal: isatty.IsTerminal(os.Stdin.Fd()),
		// https://no-color.org: any value that is not empty turns colours off.
		Color:   terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb",
		Mesh:    meshstate.DefaultMesh,
		OutSize: func() (columns, rows int) { return size(os.Stdout) },
		ErrSize: func() (columns, rows int) { return size(os.Stderr) },
	}
}

// Unicode reports whether the terminal shows more than ASCII: not in a locale that names another encoding than UTF-8, and not where there are only the
// few hundred characters of a console. Without a locale it is taken to.
func (f *Factory) Unicode() bool {
	if term := f.Getenv("TERM"); term == "dumb" || term == "linux" {
		return false
	}
	locale := cmp.Or(f.Getenv("LC_ALL"), f.Getenv("LC_CTYPE"), f.Getenv("LANG"))
	_, encoding, _ := strings.Cut(strings.ToLower(locale), ".")
	return locale == "" || strings.HasPrefix(strings.ReplaceAll(encoding, "-", ""), "utf8")
}

// size is that of a terminal, or of a common one where it cannot be told.
func size(f *os.File) (columns, rows int) {
	if columns, rows, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 && rows > 0 {
		return columns, rows
	}
	return 80, 24
}

// Say writes one line of narration to standard error.
func (f *Factory) Say(format string, args ...any) {
	fmt.Fprintln(f.IO.ErrOut, printer.EscapeLines(fmt.Sprintf(format, args...)))
}

// Output is the flag -o of a command.
type Output struct {
	value   string
	allowed []printer.Format
	given   func() bool
}

// Given reports whether the user chose a format.
func (o *Output) Given() bool { return o.given != nil && o.given() }

// Value is the format, as it was given or by default.
func (o *Output) Value() string { return o.value }

// AddFlag defines -o with the formats that the command has; the first one is the default.
func (o *Output) AddFlag(cmd *cobra.Command, allowed ...printer.Format) {
	o.allowed = allowed
	names := ""
	for i, a := range allowed {
		if i > 0 {
			names += "|"
		}
		names += string(a)
	}
	o.given = func() bool { return cmd.Flags().Changed("output") }
	cmd.Flags().StringVarP(&o.value, "output", "o", string(allowed[0]), "output format: "+names)
	_ = cmd.RegisterFlagCompletionFunc("output", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		choices := make([]string, len(allowed))
		for i, a := range allowed {
			choices[i] = string(a)
		}
		return choices, cobra.ShellCompDirectiveNoFileComp
	})
}

// Printer returns the printer to standard output in the format of the flag, or a usage error.
func (f *Factory) Printer(o Output) (*printer.Printer, error) {
	format, err := printer.ParseFormat(o.value, o.allowed...)
	if err != nil {
		return nil, &exitcode.Error{Code: exitcode.Usage, Err: err}
	}
	return &printer.Printer{Out: f.IO.Out, Format: format, Color: f.Color}, nil
}

// StateRoot is the directory that holds the state of this user's meshes.
func (f *Factory) StateRoot() (string, error) {
	return meshstate.Root(f.Getenv("HOME"), f.Getenv("XDG_STATE_HOME"))
}

// StateDir is the directory of the mesh that --mesh names.
func (f *Factory) StateDir() (string, error) {
	if err := meshstate.ValidName(f.Mesh); err != nil {
		return "", &exitcode.Error{Code: exitcode.Usage, Err: err}
	}
	root, err := f.StateRoot()
	if err != nil {
		return "", err
	}
	return meshstate.Dir(root, f.Mesh), nil
}

// Envoy returns the options to find Envoy with, where explicit is the value of --envoy. Progress goes to standard
// error.
func (f *Factory) Envoy(explicit string) envoybin.Options {
	if explicit == "" {
		explicit = f.Getenv("MESHCTL_ENVOY")
	}
	o := envoybin.Options{Explicit: explicit, Progress: f.IO.ErrOut}
	if dir, err := os.UserCacheDir(); err == nil {
		o.CacheDir = envoybin.CacheDir(dir)
	}
	return o
}
