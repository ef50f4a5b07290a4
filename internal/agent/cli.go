package agent

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes of the command line.
const (
	exitOK = iota
	exitFailure
	exitUsage
)

const usage = `mesh-agent runs next to each Envoy.

Usage:
  mesh-agent proxy [sidecar|router] [flags]   run Envoy with certificates, ports and health
  mesh-agent redirect [flags]                 send this network namespace's traffic to Envoy
  mesh-agent wait [flags]                     return once the proxy of this pod is ready
  mesh-agent version                          print the version

mesh-agent COMMAND -h lists the flags.
`

// Main is the command line; it returns the exit code.
func Main(args []string, version string, stdout, stderr io.Writer) int {
	command := ""
	if len(args) > 0 {
		command, args = args[0], args[1:]
	}
	// The second signal ends the process at once; the kernel takes Envoy along.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	defer stop()
	var err error
	switch command {
	case "proxy":
		err = proxyCommand(ctx, args, version, stdout, stderr)
	case "redirect":
		err = redirectCommand(args, stdout, stderr)
	case "wait":
		err = waitCommand(ctx, args, stderr)
	case "version", "-version", "--version":
		_, err = fmt.Fprintln(stdout, version)
	case "", "help", "-h", "-help", "--help":
		_, err = fmt.Fprint(stdout, usage)
	default:
		err = usageError{fmt.Errorf("unknown command %q: use proxy, redirect, wait or version", command)}
	}
	return exitCode(err, stderr)
}

// usageError is an error in the command line.
type usageError struct{ error }

func exitCode(err error, stderr io.Writer) int {
	var usage usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, "mesh-agent:", err)
		return exitUsage
	}
	fmt.Fprintln(stderr, "mesh-agent:", err)
	return exitFailure
}

// parse accepts flags only and says what is wrong in one line.
func parse(flags *flag.FlagSet, args []string, stderr io.Writer) error {
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(stderr)
		fmt.Fprintf(stderr, "Flags of mesh-agent %s:\n", flags.Name())
		flags.PrintDefaults()
		return err
	}
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if err != nil {
		return usageError{fmt.Errorf("%s: %w", flags.Name(), err)}
	}
	return nil
}
