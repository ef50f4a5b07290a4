// Package child is the hidden command `meshctl internal`: the other programs of a mesh on this machine, which standalone mode
// starts as processes of their own.
package child

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/agent"
	"github.com/meshctl/meshctl/internal/agent/supervise"
	"github.com/meshctl/meshctl/internal/bookinfo"
	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/cli/meshd"
	"github.com/meshctl/meshctl/internal/version"
)

// NewCmd returns the command.
func NewCmd(f *factory.Factory) *cobra.Command {
	cmd := &cobra.Command{Use: "internal", Short: "Processes of a standalone mesh", Hidden: true}
	cmd.AddCommand(meshdCmd(f), agentCmd(f), bookinfoCmd(f))
	return cmd
}

// meshdCmd is meshd with one flag more.
func meshdCmd(f *factory.Factory) *cobra.Command {
	cmd := meshd.NewCmd(f.IO.ErrOut, nil)
	cmd.Version = ""
	parentFD := cmd.Flags().Int("parent-fd", 0, "file descriptor of a pipe; stop when its other end closes")
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, closePipe := withParent(cmd.Context(), *parentFD)
		defer closePipe()
		cmd.SetContext(ctx)
		return run(cmd, args)
	}
	return cmd
}

func withParent(ctx context.Context, fd int) (context.Context, func()) {
	if fd <= 0 {
		return ctx, func() {}
	}
	pipe := os.NewFile(uintptr(fd), "parent")
	return supervise.WithParent(ctx, pipe), func() { _ = pipe.Close() }
}

func agentCmd(f *factory.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "agent", Short: "Run mesh-agent", DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			if code := agent.Main(args, version.String(), f.IO.Out, f.IO.ErrOut); code != 0 {
				return &exitcode.Error{Code: exitcode.Code(code)} // it has said why
			}
			return nil
		},
	}
}

// bookinfoCmd runs a service of Bookinfo on a listener that it inherits.
func bookinfoCmd(f *factory.Factory) *cobra.Command {
	var o bookinfo.Options
	var listenFD, parentFD int
	cmd := &cobra.Command{
		Use: "bookinfo SERVICE", Short: "Run a service of Bookinfo", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, closePipe := withParent(cmd.Context(), parentFD)
			defer closePipe()
			o.Service = args[0]
			return runBookinfo(ctx, f, o, listenFD)
		},
	}
	cmd.Flags().StringVar(&o.Version, "version", "v1", "version of the service")
	cmd.Flags().IntVar(&listenFD, "listen-fd", 3, "file descriptor of the listener")
	cmd.Flags().IntVar(&parentFD, "parent-fd", 0, "file descriptor of a pipe; stop when its other end closes")
	return cmd
}

func runBookinfo(ctx context.Context, f *factory.Factory, o bookinfo.Options, fd int) error {
	file := os.NewFile(uintptr(fd), "listener "+strconv.Itoa(fd))
	listener, err := net.FileListener(file)
	if err != nil {
		return fmt.Errorf("file descriptor %d is no listener: %w", fd, err)
	}
	_ = file.Close() // the listener has its own
	o.Listener = listener
	if proxy := f.Getenv("HTTP_PROXY"); proxy != "" {
		if o.Proxy, err = url.Parse(proxy); err != nil {
			return fmt.Errorf("HTTP_PROXY: %w", err)
		}
	}
	o.Log = slog.New(slog.NewTextHandler(f.IO.ErrOut, nil))
	return bookinfo.Run(ctx, o)
}
