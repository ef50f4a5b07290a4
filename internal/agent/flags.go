package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/meshctl/meshctl/internal/agent/bootstrap"
	"github.com/meshctl/meshctl/internal/agent/supervise"
)

// maxDownwardLine is more than a pod's annotations can be, which Kubernetes limits to 256 KiB; quoting makes them longer.
const maxDownwardLine = 2 << 20

// proxyFlags are the parts of Options that need a conversion.
type proxyFlags struct {
	labels, labelsFile, annotationsFile, ports, ips, status, proxyConfig, stats, probes string
	parentFD                                                                            int
	verbose                                                                             bool
}

func proxyCommand(ctx context.Context, args []string, version string, stdout, stderr io.Writer) error {
	o := Options{Version: version, Stdout: stdout, Stderr: stderr}
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		o.Type, args = args[0], args[1:]
	}
	var f proxyFlags
	if err := parse(proxyFlagSet(&o, &f), args, stderr); err != nil {
		return err
	}
	if err := f.apply(&o); err != nil {
		return usageError{err}
	}
	level := slog.LevelInfo
	if f.verbose {
		level = slog.LevelDebug
	}
	o.Log = slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	if f.status != "" {
		listener, err := net.Listen("tcp", f.status)
		if err != nil {
			return fmt.Errorf("status address: %w", err)
		}
		o.StatusListener = listener
	}
	if f.parentFD > 0 {
		pipe := os.NewFile(uintptr(f.parentFD), "parent")
		if pipe == nil {
			return usageError{fmt.Errorf("--parent-fd %d: no such file descriptor", f.parentFD)}
		}
		defer pipe.Close()
		ctx = supervise.WithParent(ctx, pipe)
	}
	return Run(ctx, o)
}

func proxyFlagSet(o *Options, f *proxyFlags) *flag.FlagSet {
	s := flag.NewFlagSet("proxy", flag.ContinueOnError)
	s.StringVar(&o.Namespace, "namespace", "default", "namespace of the workload")
	s.StringVar(&o.Name, "name", "", "name of the workload instance, unique in its namespace")
	s.StringVar(&o.ServiceAccount, "service-account", "default", "service account: the workload's identity")
	s.StringVar(&f.labels, "labels", "", "labels as KEY=VALUE,...")
	s.StringVar(&f.labelsFile, "labels-file", "", "file with labels as Kubernetes' downward API writes them")
	s.StringVar(&f.annotationsFile, "annotations-file", "", "file with annotations as Kubernetes' downward API writes them")
	s.Func("annotation", "annotation as KEY=VALUE; may be given several times", func(v string) error {
		key, value, ok := strings.Cut(v, "=")
		if !ok || key == "" {
			return errors.New("not KEY=VALUE")
		}
		if o.Annotations == nil {
			o.Annotations = map[string]string{}
		}
		o.Annotations[key] = value
		return nil
	})
	s.StringVar(&o.Group, "group", "", "WorkloadGroup of the workload")
	s.StringVar(&o.Workload, "workload", "", "name of the owner in telemetry (default: the group, then the name)")
	s.StringVar(&o.Address, "address", "127.0.0.1", "IP at which other proxies reach this workload")
	s.StringVar(&f.ips, "ips", "", "all IPs of the workload, separated by commas")
	s.StringVar(&f.ports, "ports", "", "where the program listens, as TARGETPORT=LOCALPORT,...")
	s.StringVar(&o.Locality, "locality", "", "REGION/ZONE/SUBZONE")
	s.StringVar(&o.Network, "network", "", "network of the workload")
	s.Func("weight", "load balancing weight", func(v string) error {
		n, err := strconv.ParseUint(v, 10, 32)
		o.Weight = uint32(n)
		return err
	})
	s.StringVar(&o.Mode, "interception-mode", bootstrap.ModeNone, "NONE: programs use local listeners; REDIRECT: see mesh-agent redirect")
	s.StringVar(&o.ClusterID, "cluster-id", "", "cluster of the workload")
	s.StringVar(&o.MeshID, "mesh-id", "", "mesh of the workload")
	s.StringVar(&o.Domain, "domain", "cluster.local", "DNS suffix of services")
	s.StringVar(&o.TrustDomain, "trust-domain", "cluster.local", "trust domain of identities")
	s.StringVar(&f.proxyConfig, "proxy-config", "", "fields of ProxyConfig as JSON, which win over those of the mesh")
	controlPlaneFlags(s, o)
	envoyFlags(s, o, f)
	return s
}

func controlPlaneFlags(s *flag.FlagSet, o *Options) {
	s.StringVar(&o.XDSAddress, "xds-address", "istiod.istio-system.svc:15012", "HOST:PORT of discovery")
	s.StringVar(&o.CAAddress, "ca-address", "", "HOST:PORT of the certificate authority (default: --xds-address)")
	s.StringVar(&o.ServerName, "server-name", "istiod.istio-system.svc", "name in the control plane's certificate")
	s.BoolVar(&o.Plaintext, "plaintext", false, "no TLS to a control plane on loopback: no certificates")
	s.StringVar(&o.RootFile, "root-file", "", "PEM roots of the control plane")
	s.StringVar(&o.TokenFile, "token-file", "", "token for the first certificate")
	s.DurationVar(&o.CertificateTTL, "certificate-ttl", 0, "life of certificates to ask for (default: the authority's)")
}

func envoyFlags(s *flag.FlagSet, o *Options, f *proxyFlags) {
	s.StringVar(&o.StateDir, "state-dir", "", "directory of this instance")
	s.StringVar(&o.EnvoyPath, "envoy", "/usr/local/bin/envoy", "path of Envoy")
	s.StringVar(&o.LogLevel, "log-level", "warning", "log level of Envoy")
	s.BoolVar(&f.verbose, "verbose", false, "log the agent's own details")
	s.Func("concurrency", "worker threads of Envoy, 0 for one a core (default: as the mesh's ProxyConfig says, else 2)", func(v string) error {
		n, err := strconv.ParseUint(v, 10, 16)
		if o.Concurrency = int(n); n == 0 {
			o.Concurrency = AllCores
		}
		return err
	})
	port16(s, &o.AdminPort, "admin-port", "port of Envoy's admin interface on 127.0.0.1 (default: any)")
	port16(s, &o.HealthPort, "health-port", "port on all addresses for /healthz/ready (15021 in a pod)")
	port16(s, &o.PrometheusPort, "prometheus-port", "port on all addresses for Envoy's metrics (15090 in a pod)")
	s.StringVar(&f.status, "status-address", "", "HOST:PORT of health and merged metrics (default 127.0.0.1:0; :15020 in a pod)")
	s.StringVar(&f.stats, "stats-matcher", "", "ProxyStatsMatcher as JSON: statistics to record besides the default ones")
	s.StringVar(&o.ApplicationMetrics, "application-metrics", "", "URL of the program's own metrics")
	s.StringVar(&f.probes, "probes", "", "JSON object of the program's probes that the status address answers, by path below /app-health/")
	s.DurationVar(&o.DrainDuration, "drain-duration", 0, "how long open connections may take to end (default: as the mesh's ProxyConfig says, else 5s)")
	s.IntVar(&f.parentFD, "parent-fd", 0, "file descriptor of a pipe; stop when its other end closes")
}

func port16(s *flag.FlagSet, to *uint16, name, usage string) {
	s.Func(name, usage, func(v string) error {
		n, err := strconv.ParseUint(v, 10, 16)
		*to = uint16(n)
		return err
	})
}

func (f proxyFlags) apply(o *Options) error {
	o.Labels = map[string]string{}
	if err := readDownward("--labels-file", f.labelsFile, o.Labels); err != nil {
		return err
	}
	if f.annotationsFile != "" && o.Annotations == nil {
		o.Annotations = map[string]string{}
	}
	if err := readDownward("--annotations-file", f.annotationsFile, o.Annotations); err != nil {
		return err
	}
	for pair := range split(f.labels) {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return fmt.Errorf("--labels: %q is not KEY=VALUE", pair)
		}
		o.Labels[key] = value
	}
	o.Ports = map[uint32]uint32{}
	for pair := range split(f.ports) {
		target, local, _ := strings.Cut(pair, "=")
		t, err := strconv.ParseUint(target, 10, 16)
		l, err2 := strconv.ParseUint(local, 10, 16)
		if err != nil || err2 != nil || t == 0 || l == 0 {
			return fmt.Errorf("--ports: %q is not TARGETPORT=LOCALPORT", pair)
		}
		o.Ports[uint32(t)] = uint32(l)
	}
	for ip := range split(f.ips) {
		o.IPs = append(o.IPs, ip)
	}
	if f.proxyConfig != "" {
		if err := json.Unmarshal([]byte(f.proxyConfig), &o.ProxyConfig); err != nil {
			return fmt.Errorf("--proxy-config: %w", err)
		}
	}
	if f.stats != "" {
		if err := json.Unmarshal([]byte(f.stats), &o.Stats.Matcher); err != nil {
			return fmt.Errorf("--stats-matcher: %w", err)
		}
	}
	if f.probes != "" {
		var err error
		if o.AppProbes, err = parseAppProbes(f.probes); err != nil {
			return err
		}
	}
	return nil
}

// readDownward reads lines of KEY="VALUE" with Go's escapes, the format of the downward API's metadata.labels and
// metadata.annotations, from the file that a flag names, if it does. What is in the map already stays.
func readDownward(flag, path string, to map[string]string) error {
	if path == "" {
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, maxDownwardLine)
	for lines.Scan() {
		key, quoted, ok := strings.Cut(lines.Text(), "=")
		if !ok {
			continue
		}
		value, err := strconv.Unquote(quoted)
		if err != nil {
			return fmt.Errorf("%s: %s: the value of %s is not a quoted string", flag, path, key)
		}
		if _, given := to[key]; !given {
			to[key] = value
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %s: %w", flag, path, err)
	}
	return nil
}

// split yields the parts of a list that commas separate; none for an empty one.
func split(list string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for part := range strings.SplitSeq(list, ",") {
			if part = strings.TrimSpace(part); part != "" && !yield(part) {
				return
			}
		}
	}
}
