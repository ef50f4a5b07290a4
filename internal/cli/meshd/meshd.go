// Package meshd is the command line of the control plane.
package meshd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/controlplane"
	"github.com/meshctl/meshctl/internal/version"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/source"
	"github.com/meshctl/meshctl/pkg/source/dir"
)

// options are the flags.
type options struct {
	configDirs                []string
	secure, plaintext, admin  string
	stateDir, readyFile       string
	systemNamespace           string
	trustDomain, domainSuffix string
	caDir                     string
	logLevel                  string
	cluster                   cluster
}

// Main runs meshd in this process until SIGINT or SIGTERM and returns the exit code. kubernetes runs it in a cluster.
func Main(args []string, kubernetes Runner) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cmd := NewCmd(os.Stderr, kubernetes)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
	}
	return int(exitcode.Of(err))
}

// NewCmd returns the command, which logs to log. Without a way to run it in a cluster it has no flags for that.
func NewCmd(log io.Writer, kubernetes Runner) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "meshd --config-dir DIR...",
		Short: "Run the control plane of a mesh",
		Long: `meshd reads mesh configuration from directories of YAML and serves it to Envoys.

Directories are layers: an object in a later one replaces the object of the same name in an earlier one. Proxies connect to
--xds-address with mutual TLS; the certificate authority that they need lives in --state-dir. The plaintext port asks for no
certificate and serves no secrets; it is for gRPC's own xDS client and for load tests, and opens on loopback only.`,
		Example: `  # Discovery for proxyless gRPC clients and tests
  meshd --config-dir ./mesh --plaintext-xds-address 127.0.0.1:15010

  # A control plane with certificates
  meshd --config-dir ./mesh --state-dir ./state --xds-address 127.0.0.1:15012

  # The control plane of a Kubernetes cluster, outside of it
  meshd --kubernetes --kubeconfig ~/.kube/config --xds-address 127.0.0.1:15012 --monitoring-address 127.0.0.1:15014`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version.String(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.cluster.on {
				return runCluster(cmd.Context(), o, log, kubernetes)
			}
			return run(cmd.Context(), o, log)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.configDirs, "config-dir", nil, "directory of YAML to read and watch; may be given several times")
	f.StringVar(&o.secure, "xds-address", "", "address for xDS, certificates and agents over TLS, e.g. 127.0.0.1:15012; needs --state-dir")
	f.StringVar(&o.plaintext, "plaintext-xds-address", "", "loopback address for xDS without certificates, e.g. 127.0.0.1:15010")
	f.StringVar(&o.admin, "admin-address", "", "loopback address of the HTTP API that meshctl reads")
	f.StringVar(&o.stateDir, "state-dir", "", "directory for the certificate authority and the registered workloads")
	f.StringVar(&o.caDir, "ca-dir", "", "plugged-in CA: directory with ca-cert.pem, ca-key.pem, cert-chain.pem and root-cert.pem")
	f.StringVar(&o.readyFile, "ready-file", "", "write the addresses to this file, as JSON, once they are open")
	f.StringVar(&o.systemNamespace, "system-namespace", "istio-system", "root namespace of the mesh")
	f.StringVar(&o.trustDomain, "trust-domain", "cluster.local", "trust domain of the workloads' SPIFFE ids")
	f.StringVar(&o.domainSuffix, "domain", "cluster.local", "DNS suffix of services")
	f.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error")
	if kubernetes != nil {
		o.cluster.addFlags(cmd)
	}
	return cmd
}

func run(ctx context.Context, o options, log io.Writer) error {
	if err := check(o); err != nil {
		return &exitcode.Error{Code: exitcode.Usage, Err: err}
	}
	logger, err := o.logger(log)
	if err != nil {
		return err
	}
	options := controlplane.Options{
		Mesh:       mesh.Options{SystemNamespace: o.systemNamespace, DomainSuffix: o.domainSuffix, TrustDomain: o.trustDomain},
		ConfigDirs: o.configDirs,
		Log:        logger,
	}
	options.Instance, _ = os.Hostname()
	tightenCollector()
	for _, d := range o.configDirs {
		options.Layers = append(options.Layers, source.Source(dir.New(dir.Options{Paths: []string{d}})))
	}
	if err := addState(o, &options); err != nil {
		return err
	}
	ready, err := listen(o, &options)
	if err != nil {
		return err
	}
	if o.readyFile != "" {
		if err := ready.write(o.readyFile); err != nil {
			return err
		}
	}
	return controlplane.Run(ctx, options)
}

// tightenCollector saves a quarter of the peak for little time: most of the heap is configuration that stays.
func tightenCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}

func (o options) logger(out io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.logLevel)); err != nil {
		return nil, &exitcode.Error{Code: exitcode.Usage, Err: fmt.Errorf("--log-level %q: use debug, info, warn or error", o.logLevel)}
	}
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level})), nil
}

// check refuses flags that cannot work together.
func check(o options) error {
	switch {
	case len(o.configDirs) == 0:
		return errors.New("--config-dir is required: a directory of YAML")
	case o.secure == "" && o.plaintext == "":
		return errors.New("no address to serve on: give --xds-address, --plaintext-xds-address or both")
	case o.secure != "" && o.stateDir == "":
		return errors.New("--xds-address needs --state-dir, where the certificate authority is kept")
	}
	for flag, address := range map[string]string{"--plaintext-xds-address": o.plaintext, "--admin-address": o.admin} {
		if address != "" && !loopback(address) {
			return fmt.Errorf("%s %s: it asks nobody for a certificate, so only a loopback address such as 127.0.0.1:15010 is allowed", flag, address)
		}
	}
	for _, d := range o.configDirs {
		if info, err := os.Stat(d); err != nil {
			return fmt.Errorf("--config-dir %s: %w", d, err)
		} else if !info.IsDir() {
			return fmt.Errorf("--config-dir %s is not a directory", d)
		}
	}
	return nil
}

func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// addState opens the certificate authority, the key of join tokens and the memory of registrations.
func addState(o options, out *controlplane.Options) error {
	if o.stateDir == "" {
		return nil
	}
	store, err := ca.OpenStore(filepath.Join(o.stateDir, "ca"))
	if err != nil {
		return err
	}
	caOptions := ca.Options{TrustDomain: o.trustDomain}
	if o.caDir != "" {
		out.Authority, err = ca.OpenPlugged(os.DirFS(o.caDir), caOptions)
	} else {
		out.Authority, err = ca.Open(store, caOptions)
	}
	if err != nil {
		return err
	}
	tokens, err := ca.OpenTokens(store, caOptions)
	if err != nil {
		return err
	}
	out.Tokens, out.Registrations = tokens, store.File("registrations.json")
	return nil
}
