package proxyconfig

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/proxyconfig"
	"github.com/meshctl/meshctl/pkg/proxyconfig/admin"
)

// LogOptions of `proxy-config log`.
type LogOptions struct {
	Factory *factory.Factory
	Output  factory.Output
	Levels  []string
	Reset   bool
	Proxy   string

	source source
}

func logCmd(f *factory.Factory, runF func(context.Context, *LogOptions) error) *cobra.Command {
	o := &LogOptions{Factory: f, source: source{factory: f}}
	if runF == nil {
		runF = runLog
	}
	cmd := &cobra.Command{
		Use: "log PROXY", Aliases: []string{"o"}, Short: "Show or set what a proxy logs",
		Long: `Show the level of every logger of a proxy's Envoy, or set it until the proxy restarts. Levels: ` + strings.Join(proxyconfig.LogLevels(), ", ") + `.`,
		Example: `  meshctl proxy-config log productpage
  meshctl pc log productpage --level http2:debug,rbac:debug
  meshctl pc log productpage --level info
  meshctl pc log productpage --reset`,
		Args: cobra.ExactArgs(1), ValidArgsFunction: f.CompleteProxy,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Proxy = args[0]
			ctx, cancel := context.WithTimeout(cmd.Context(), o.source.timeout)
			defer cancel()
			return runF(ctx, o)
		},
	}
	cmd.Flags().StringSliceVar(&o.Levels, "level", nil, "levels to set: LOGGER:LEVEL, or LEVEL for all loggers")
	cmd.Flags().BoolVarP(&o.Reset, "reset", "r", false, "set all loggers back to warning")
	cmd.MarkFlagsMutuallyExclusive("level", "reset")
	o.source.addMesh(cmd)
	o.Output.AddFlag(cmd, printer.Formats()...)
	return cmd
}

func runLog(ctx context.Context, o *LogOptions) error {
	p, err := o.Factory.Printer(o.Output)
	if err != nil {
		return err
	}
	levels, err := parseLevels(o.Levels)
	if err != nil {
		return err
	}
	if o.Reset {
		levels = []proxyconfig.LogRow{{Level: "warning"}}
	}
	client, err := o.source.live(ctx, o.Proxy)
	if err != nil {
		return err
	}
	rows, err := setLevels(ctx, client, levels)
	if err != nil {
		return err
	}
	return printer.Print(p, proxyconfig.LogTable(), rows)
}

func setLevels(ctx context.Context, client *admin.Client, levels []proxyconfig.LogRow) (rows []proxyconfig.LogRow, err error) {
	if len(levels) == 0 {
		return client.Logging(ctx)
	}
	for _, l := range levels {
		if rows, err = client.SetLogLevel(ctx, l.Logger, l.Level); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func parseLevels(flags []string) ([]proxyconfig.LogRow, error) {
	rows := make([]proxyconfig.LogRow, len(flags))
	for i, s := range flags {
		logger, level, ok := strings.Cut(s, ":")
		if !ok {
			logger, level = "", s
		}
		if !isLevel(level) || (ok && logger == "") {
			return nil, exitcode.Usagef("--level %q: write LOGGER:LEVEL or LEVEL with one of %s", s, strings.Join(proxyconfig.LogLevels(), ", "))
		}
		rows[i] = proxyconfig.LogRow{Logger: logger, Level: level}
	}
	return rows, nil
}

func isLevel(s string) bool {
	for _, l := range proxyconfig.LogLevels() {
		if l == s {
			return true
		}
	}
	return false
}
