// Package demo is the command `meshctl demo`.
package demo

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/standalone"
	"github.com/meshctl/meshctl/internal/standalone/demo"
)

// Options of the command.
type Options struct {
	Factory      *factory.Factory
	Dir          string
	RPS          float64
	Port         int // -1: prefer 8080
	Duration     time.Duration
	ReadyTimeout time.Duration
	// CertificateTTL is a hidden flag: short-lived certificates are for tests.
	CertificateTTL time.Duration
	Envoy          string
}

// NewCmd returns the command; runF replaces what it does, for tests.
func NewCmd(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Factory: f}
	if runF == nil {
		runF = run
	}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the Bookinfo application in a mesh on this machine, under load",
		Long: `Run a whole mesh on this machine, without Kubernetes and without root: the control plane, the four services of Bookinfo
(reviews in three versions) each behind its own Envoy, an ingress gateway, and a load of requests through it.

The demo's own configuration (services, subsets, the gateway and its route) is the lowest layer. Files in --dir are the layer
above: an object there replaces the one of the same kind, namespace and name. They are read as soon as they change. Istio's
samples for Bookinfo work unchanged; samples/bookinfo holds some of the same.

Ctrl-C stops everything; a second one does so at once.`,
		Example: `  meshctl demo

  # Then, in another terminal
  meshctl proxy-status
  meshctl proxy-config routes productpage-v1

  # For scripts: end after 30 seconds, on any free port
  meshctl demo --port 0 --duration 30s`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runF(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Dir, "dir", "", "directory of your own configuration, made when missing (default: config in the mesh's state directory)")
	flags.Float64Var(&o.RPS, "rps", 10, "requests a second through the gateway, 0 for none")
	flags.IntVar(&o.Port, "port", -1, "port of the gateway, 0 for any free one (default: 8080 if it is free)")
	flags.DurationVar(&o.Duration, "duration", 0, "end by itself after this time (default: run until Ctrl-C)")
	flags.DurationVar(&o.ReadyTimeout, "ready-timeout", standalone.DefaultReadyTimeout, "how long each part may take to become ready")
	flags.DurationVar(&o.CertificateTTL, "certificate-ttl", 0, "life of the workloads' certificates, at least 1m (default: 24h)")
	_ = flags.MarkHidden("certificate-ttl")
	flags.StringVar(&o.Envoy, "envoy", "", "path of the Envoy binary to use (also MESHCTL_ENVOY)")
	return cmd
}

func run(ctx context.Context, o *Options) error {
	switch {
	case o.Port < -1 || o.Port > 65535:
		return exitcode.Usagef("--port %d: give a port from 1 to 65535, or 0 for any free one", o.Port)
	case o.RPS < 0:
		return exitcode.Usagef("--rps %v: give a number of requests a second, 0 for none", o.RPS)
	}
	f := o.Factory
	dir, err := f.StateDir()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	err = demo.Run(ctx, demo.Options{
		Name: f.Mesh, Dir: dir, ConfigDir: o.Dir, Port: uint16(max(o.Port, 0)), AnyPort: o.Port == 0, RPS: o.RPS,
		Duration: o.Duration, Self: self, Env: os.Environ(), Programs: standalone.FindPrograms(self), ReadyTimeout: o.ReadyTimeout, CertificateTTL: o.CertificateTTL,
		Envoy: func(ctx context.Context) (string, error) { return f.FetchEnvoy(ctx, o.Envoy) },
		Say:   f.Say, Live: terminal(f.IO.ErrOut),
	})
	return f.AlreadyRunning(err)
}

// terminal returns w when it is one, else nil.
func terminal(w io.Writer) io.Writer {
	if file, ok := w.(*os.File); ok && isatty.IsTerminal(file.Fd()) {
		return w
	}
	return nil
}
