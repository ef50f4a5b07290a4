package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/printer"
)

// Main runs meshctl in this process. The first interrupt ends the command in good order, the second one at once.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), ends()...)
	defer stop()
	context.AfterFunc(ctx, stop)
	return Execute(ctx, factory.New(), args)
}

// ends are the signals that end a command. A hangup does, too, so that children end and terminals are restored, unless nohup ignores it.
func ends() []os.Signal {
	out := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		out = append(out, syscall.SIGHUP)
	}
	return out
}

// prepare makes every group of commands refuse words that are no command of it, and returns a function that turns the
// errors made before a command began (by cobra: unknown commands, flags, arguments) into usage errors.
func prepare(root *cobra.Command) func(error) error {
	began := false
	walk(root, func(cmd *cobra.Command) {
		if cmd.HasSubCommands() && !cmd.Runnable() {
			cmd.Args = cobra.ArbitraryArgs
			cmd.RunE = group
		}
		if run := cmd.RunE; run != nil {
			cmd.RunE = func(cmd *cobra.Command, args []string) error {
				began = true
				return run(cmd, args)
			}
		}
	})
	return func(err error) error {
		if err != nil && !began {
			return &exitcode.Error{Code: exitcode.Usage, Err: err}
		}
		return err
	}
}

func walk(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, sub := range cmd.Commands() {
		walk(sub, visit)
	}
}

// group is what a command that only has subcommands does.
func group(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	cmd.SuggestionsMinimumDistance = 2
	hint := ""
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf("; did you mean %s?", strings.Join(near, " or "))
	}
	return exitcode.Usagef("unknown command %q for %q%s", args[0], cmd.CommandPath(), hint)
}

// failure is the machine-readable form of an error.
type failure struct {
	Error    string        `json:"error"`
	ExitCode exitcode.Code `json:"exitCode"`
}

func report(f *factory.Factory, cmd *cobra.Command, err error) int {
	code := exitcode.Of(err)
	if err == nil || err.Error() == "" {
		return int(code)
	}
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	if structured(cmd) {
		enc := json.NewEncoder(f.IO.ErrOut)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(failure{err.Error(), code}) // there is nobody else to tell
		return int(code)
	}
	f.Say("error: %v", err)
	if code == exitcode.Usage && cmd != nil {
		f.Say("see `%s --help`", cmd.CommandPath())
	}
	return int(code)
}

func structured(cmd *cobra.Command) bool {
	if cmd == nil {
		return false
	}
	flag := cmd.Flags().Lookup("output")
	return flag != nil && printer.Format(flag.Value.String()).Structured()
}
