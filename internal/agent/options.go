// Package agent is what stands next to each Envoy: it gives it a bootstrap, certificates and ports, keeps it running, drains
// it, and tells the control plane and the operator how it is. Configuration goes from the control plane to Envoy directly.
package agent

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/meshctl/meshctl/internal/agent/bootstrap"
	"github.com/meshctl/meshctl/internal/ca"
)

// Options of Run. Namespace, Name, StateDir, EnvoyPath and XDSAddress are required.
type Options struct {
	// Type is bootstrap.TypeSidecar (default) or bootstrap.TypeRouter.
	Type string
	// Namespace and Name identify the workload instance; Name is unique in its namespace.
	Namespace string
	Name      string
	// ServiceAccount is "default" when empty.
	ServiceAccount string
	Labels         map[string]string
	// Annotations of the workload, as a pod has them. proxy.istio.io/config overrides the mesh's defaultConfig.
	Annotations map[string]string
	// Group is the WorkloadGroup whose template supplies what is not said here; may be empty.
	Group string
	// Workload is the name of the owner in telemetry; Group, then Name, when empty.
	Workload string
	// Address at which other proxies reach this workload; 127.0.0.1 when empty. IPs are all of its addresses.
	Address string
	IPs     []string
	// Ports maps target port numbers to the ports on loopback at which the program really listens.
	Ports map[uint32]uint32
	// Locality is "region/zone/subzone", trailing parts optional.
	Locality string
	Network  string
	// Weight for load balancing; 0 means unset.
	Weight uint32
	// Mode is bootstrap.ModeNone (default): programs address local listeners; or bootstrap.ModeRedirect: the kernel sends
	// them traffic (see package redirect).
	Mode string
	// ClusterID and MeshID may be empty. Domain and TrustDomain are "cluster.local" when empty.
	ClusterID, MeshID, Domain, TrustDomain string
	// ProxyConfig sets fields of istio.mesh.v1alpha1.ProxyConfig under their JSON names, whatever the control plane says.
	ProxyConfig map[string]any

	// XDSAddress is "host:port" of discovery over mutual TLS, for Envoy. CAAddress is that of the certificate authority and
	// of the agent's own stream; XDSAddress when empty.
	XDSAddress, CAAddress string
	// ServerName is the DNS name in the control plane's certificate; "istiod.istio-system.svc" when empty.
	ServerName string
	// Plaintext turns TLS off, for a control plane on loopback: no certificates and no secrets.
	Plaintext bool
	// RootFile holds the PEM roots of the control plane; TokenFile the token that buys the first certificate.
	RootFile, TokenFile string
	// CertificateTTL to ask for; 0 leaves it to the authority.
	CertificateTTL time.Duration

	// StateDir is this instance's own directory (0700): ports, bootstrap, state.json, the socket for secrets.
	StateDir  string
	EnvoyPath string
	// LogLevel of Envoy; "warning" when empty.
	LogLevel string
	// Concurrency is Envoy's number of worker threads, AllCores for one a core; when 0, what ProxyConfig says, and
	// DefaultConcurrency when that says nothing.
	Concurrency int
	// AdminPort of Envoy on 127.0.0.1; 0 means any.
	AdminPort uint16
	// HealthPort and PrometheusPort, when not 0, are opened by Envoy on all addresses (15021 and 15090 in a pod).
	HealthPort, PrometheusPort uint16
	// StatusListener serves health and merged metrics; 127.0.0.1:0 when nil. Run closes it.
	StatusListener net.Listener
	// Stats to record besides the default ones and those of ProxyConfig.
	Stats bootstrap.Stats
	// ApplicationMetrics is the URL of the program's own metrics, merged into ours; may be empty.
	ApplicationMetrics string
	// AppProbes are the program's own probes, which the status server runs for the kubelet; may be nil.
	AppProbes AppProbes
	// DrainDuration bounds how long open connections may take to end when Run stops, none when negative; when 0, what
	// ProxyConfig's terminationDrainDuration says, else 5 s.
	DrainDuration time.Duration

	// Stdout and Stderr receive Envoy's output; may be nil.
	Stdout, Stderr io.Writer
	Log            *slog.Logger
	// Changed is told each new State, one call at a time; it must not block. May be nil.
	Changed func(State)
	// Version of the agent.
	Version string
}

func (o Options) complete() (Options, error) {
	for _, required := range []struct{ name, value string }{
		{"Namespace", o.Namespace}, {"Name", o.Name}, {"StateDir", o.StateDir}, {"EnvoyPath", o.EnvoyPath}, {"XDSAddress", o.XDSAddress},
	} {
		if required.value == "" {
			return o, fmt.Errorf("agent: %s is required", required.name)
		}
	}
	for _, d := range []struct {
		field *string
		value string
	}{
		{&o.Type, bootstrap.TypeSidecar}, {&o.ServiceAccount, "default"}, {&o.Workload, o.Group}, {&o.Workload, o.Name},
		{&o.Address, "127.0.0.1"}, {&o.Mode, bootstrap.ModeNone}, {&o.Domain, "cluster.local"},
		{&o.TrustDomain, ca.DefaultTrustDomain}, {&o.CAAddress, o.XDSAddress},
		{&o.ServerName, "istiod.istio-system.svc"}, {&o.LogLevel, "warning"},
	} {
		if *d.field == "" {
			*d.field = d.value
		}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Changed == nil {
		o.Changed = func(State) {}
	}
	return o, o.validate()
}

func (o Options) validate() error {
	var problems []error
	if _, err := netip.ParseAddr(o.Address); err != nil {
		problems = append(problems, fmt.Errorf("address %q: give an IP address", o.Address))
	}
	if o.Type != bootstrap.TypeSidecar && o.Type != bootstrap.TypeRouter {
		problems = append(problems, fmt.Errorf("type %q: use %s or %s", o.Type, bootstrap.TypeSidecar, bootstrap.TypeRouter))
	}
	if o.Mode != bootstrap.ModeNone && o.Mode != bootstrap.ModeRedirect {
		problems = append(problems, fmt.Errorf("interception mode %q: use %s or %s", o.Mode, bootstrap.ModeRedirect, bootstrap.ModeNone))
	}
	if o.PrometheusPort != 0 && o.AdminPort == 0 {
		problems = append(problems, errors.New("a Prometheus port needs a fixed admin port"))
	}
	if _, err := o.xds(); err != nil {
		problems = append(problems, err)
	}
	if err := o.identity().Validate(); err != nil {
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

func (o Options) xds() (bootstrap.Server, error) {
	host, port, err := net.SplitHostPort(o.XDSAddress)
	number, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || portErr != nil || host == "" {
		return bootstrap.Server{}, fmt.Errorf("discovery address %q: give HOST:PORT", o.XDSAddress)
	}
	return bootstrap.Server{Host: host, Port: uint16(number), Name: o.ServerName, Plaintext: o.Plaintext}, nil
}

func (o Options) identity() ca.Identity {
	return ca.Identity{TrustDomain: o.TrustDomain, Namespace: o.Namespace, ServiceAccount: o.ServiceAccount}
}

func (o Options) node() bootstrap.Node {
	return bootstrap.Node{
		Type: o.Type, Address: o.Address, Name: o.Name, Namespace: o.Namespace, Domain: o.Domain,
		ServiceAccount: o.ServiceAccount, Labels: o.Labels, Annotations: o.Annotations, Workload: o.Workload, Mode: o.Mode,
		ClusterID: o.ClusterID, MeshID: o.MeshID, Network: o.Network, Locality: o.Locality, IPs: o.IPs,
		Version: o.Version,
	}
}
