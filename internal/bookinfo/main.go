package bookinfo

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
)

const usage = `Usage: bookinfo [flags] productpage|details|reviews|ratings

Serves one service of Bookinfo until SIGTERM.

`

// Main is the command line: it serves until SIGINT or SIGTERM and returns the exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("bookinfo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	var o Options
	address := flags.String("address", fmt.Sprintf(":%d", Port), "address to listen on")
	flags.StringVar(&o.Version, "version", "v1", "version of the service; reviews has v1, v2 and v3")
	flags.StringVar(&o.PodName, "pod-name", "", "what reviews says of itself (default: the name of the host)")
	flags.StringVar(&o.ClusterName, "cluster-name", "Kubernetes", "what reviews says of its cluster")
	if len(args) == 1 && (args[0] == "-h" || args[0] == "--help") {
		flags.SetOutput(stdout)
	}
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	// Flags may follow the service, which package flag does not know.
	service := flags.Arg(0)
	if err := flags.Parse(flags.Args()[min(1, flags.NArg()):]); err != nil {
		return 2
	}
	if service == "" || flags.NArg() > 0 {
		fmt.Fprintln(stderr, "bookinfo: name one service: productpage, details, reviews or ratings")
		return 2
	}
	o.Service, o.Log = service, slog.New(slog.NewTextHandler(stderr, nil))
	if err := o.serve(*address); err != nil {
		fmt.Fprintln(stderr, "Error:", err)
		return 1
	}
	return 0
}

func (o Options) serve(address string) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if o.PodName == "" {
		if o.PodName, err = os.Hostname(); err != nil {
			return err
		}
	}
	if o.Listener, err = net.Listen("tcp", address); err != nil {
		return err
	}
	o.Log.Info("serving", "service", o.Service, "version", o.Version, "address", o.Listener.Addr().String())
	return Run(ctx, o)
}
