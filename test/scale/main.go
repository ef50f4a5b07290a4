// Scale measures a control plane from outside: it generates a mesh as a directory of YAML, starts meshd on it, connects
// simulated proxies that speak delta ADS as Envoy does, and prints what they cost as a Markdown table.
//
//	go run ./test/scale -services 500 -proxies 200
//
// Defaults: 10 endpoints, 3 routes and 2 subsets a service, mutual TLS on, services spread evenly over 10 namespaces and 3
// ports (8000 to 8002), proxies are pods of the first services (redirected sidecars). Every service is three files: the
// Service with its WorkloadEntries, its VirtualService and its DestinationRule. With fewer ports a route configuration
// holds more services, and a weight change costs more bytes; -ports 1 is the worst case.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	var o options
	flag.IntVar(&o.Services, "services", 500, "number of services")
	flag.IntVar(&o.Proxies, "proxies", 200, "number of simulated proxies")
	flag.IntVar(&o.Endpoints, "endpoints", 10, "endpoints of every service")
	flag.IntVar(&o.Namespaces, "namespaces", 10, "namespaces that services and proxies are spread over")
	flag.IntVar(&o.Ports, "ports", 3, "distinct service ports")
	flag.IntVar(&o.Changes, "changes", 5, "how often each kind of change is made; the table shows the mean")
	flag.StringVar(&o.Meshd, "meshd", "", "path of meshd (default: built from this module)")
	flag.StringVar(&o.Address, "xds", "127.0.0.1:0", "address that meshd serves plaintext xDS on")
	flag.StringVar(&o.Dir, "dir", "", "directory for the configuration, kept afterwards (default: a temporary one)")
	flag.DurationVar(&o.Timeout, "timeout", 2*time.Minute, "longest wait for any one step")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}
