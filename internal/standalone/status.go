package standalone

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/agent"
	"github.com/meshctl/meshctl/internal/meshstate"
)

// Status is what there is to know of a mesh on this machine.
type Status struct {
	Mesh      string    `json:"mesh"`
	PID       int       `json:"pid"`
	StartedAt time.Time `json:"startedAt"`
	StateDir  string    `json:"stateDir"`
	// ConfigDirs are the layers of configuration, later ones over earlier ones.
	ConfigDirs []string `json:"configDirs"`
	// IngressURLs are where gateways listen.
	IngressURLs  []string     `json:"ingressURLs"`
	ControlPlane ControlPlane `json:"controlPlane"`
	// Synced says that the control plane answers and every proxy that is connected runs what it should; Waiting names those
	// that do not.
	Synced    bool       `json:"synced"`
	Waiting   []string   `json:"waiting"`
	Workloads []Workload `json:"workloads"`
	// Problems is everything wrong with the configuration; NotEnforced are objects without effect in this version.
	Problems    []adminapi.Problem `json:"problems"`
	NotEnforced []adminapi.Origin  `json:"notEnforced"`
}

// ControlPlane says where the control plane is, and whether it answers.
type ControlPlane struct {
	XDSAddress   string `json:"xdsAddress"`
	AdminAddress string `json:"adminAddress"`
	Healthy      bool   `json:"healthy"`
	Error        string `json:"error,omitempty"`
	Version      string `json:"version,omitempty"`
}

// Workload is one workload with its proxy.
type Workload struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Type is "sidecar" or "router", which is a gateway.
	Type     string            `json:"type"`
	Identity string            `json:"identity"` // SPIFFE id
	Labels   map[string]string `json:"labels,omitempty"`
	Ports    []Port            `json:"ports"` // where the program takes requests
	// Proxy is the URL of the program's HTTP proxy; empty for gateways. Listeners are all local ports of the proxy by name,
	// Services those at which the program reaches services.
	Proxy     string            `json:"proxy,omitempty"`
	Listeners map[string]uint32 `json:"listeners"`
	Services  []ServicePort     `json:"services,omitempty"`
	// AdminAddress is Envoy's, StatusAddress the agent's (health and metrics).
	AdminAddress  string `json:"adminAddress,omitempty"`
	StatusAddress string `json:"statusAddress,omitempty"`
	AgentPID      int    `json:"agentPID,omitempty"`
	EnvoyPID      int    `json:"envoyPID,omitempty"`
	Restarts      int    `json:"restarts"` // of Envoy
	// Healthy says that the proxy is ready and, when the program has a probe, that it passes; Reason why not.
	Healthy bool   `json:"healthy"`
	Reason  string `json:"reason,omitempty"`
	// Synced says that the proxy is connected and runs what it should.
	Synced             bool      `json:"synced"`
	CertificateExpires time.Time `json:"certificateExpires,omitzero"`
	CertificateError   string    `json:"certificateError,omitempty"`
}

// GetStatus looks at the mesh in dir. The error is meshstate.ErrNotFound when none runs; a control plane that does not answer
// is part of the status.
func GetStatus(ctx context.Context, dir string) (Status, error) {
	held, running, err := Running(dir)
	if err != nil {
		return Status{}, err
	}
	if !running {
		return Status{}, fmt.Errorf("%w: nothing runs in %s", meshstate.ErrNotFound, dir)
	}
	state, err := meshstate.Load(dir)
	if err != nil {
		return Status{}, err
	}
	s := Status{
		Mesh: state.Mesh, PID: held.PID, StartedAt: state.StartedAt, StateDir: dir, ConfigDirs: state.ConfigDirs,
		ControlPlane: ControlPlane{XDSAddress: state.XDSAddress, AdminAddress: state.AdminAddress},
		Waiting:      []string{}, Problems: []adminapi.Problem{}, NotEnforced: []adminapi.Origin{},
	}
	if s.Workloads, err = localWorkloads(dir); err != nil {
		return s, err
	}
	s.askControlPlane(ctx)
	s.IngressURLs = ingress(s.Workloads)
	return s, nil
}

// localWorkloads are those whose proxies run on this machine.
func localWorkloads(dir string) ([]Workload, error) {
	records, err := filepath.Glob(filepath.Join(Layout{dir}.workloads(), "*", workloadFile))
	if err != nil {
		return nil, err
	}
	out := []Workload{}
	for _, path := range records {
		r, ok := readRecord(path)
		if _, running, err := holder(filepath.Join(filepath.Dir(path), "run.lock")); !ok || err != nil || !running {
			continue
		}
		out = append(out, r.workload(readState(filepath.Join(filepath.Dir(path), agent.StateFile))))
	}
	return out, nil
}

func (r record) workload(s agent.State) Workload {
	w := Workload{
		Namespace: r.Namespace, Name: r.Name, Type: "sidecar", Labels: r.Labels, Ports: r.Ports,
		Identity:  fmt.Sprintf("spiffe://%s/ns/%s/sa/%s", r.TrustDomain, r.Namespace, r.ServiceAccount),
		Listeners: s.Bindings, AdminAddress: s.AdminAddress, StatusAddress: s.StatusAddress, AgentPID: s.PID, EnvoyPID: s.EnvoyPID,
		Restarts: s.Restarts, Healthy: s.Ready, Reason: s.Reason, CertificateError: s.CertificateError,
	}
	if r.Gateway {
		w.Type = "router"
	}
	if w.Ports == nil {
		w.Ports = []Port{}
	}
	if w.Listeners == nil {
		w.Listeners = map[string]uint32{}
	}
	if port := s.Bindings[httpProxy]; port != 0 {
		w.Proxy = fmt.Sprintf("http://127.0.0.1:%d", port)
	}
	w.Services = ServicePorts(s.Services, r.Namespace)
	if h := s.Health; s.Ready && h != nil && !h.Healthy {
		w.Healthy, w.Reason = false, h.Reason
	}
	if s.Certificate != nil {
		w.CertificateExpires = s.Certificate.NotAfter
	}
	return w
}

// askControlPlane adds what only the control plane knows.
func (s *Status) askControlPlane(ctx context.Context) {
	client := adminapi.NewClient(s.ControlPlane.AdminAddress)
	status, err := client.Status(ctx)
	var proxies []adminapi.Proxy
	if err == nil {
		proxies, err = client.Proxies(ctx)
	}
	if err != nil {
		s.ControlPlane.Error = err.Error()
		return
	}
	s.ControlPlane.Healthy, s.ControlPlane.Version = true, status.Version
	s.Problems = append(s.Problems, status.Problems...)
	s.NotEnforced = append(s.NotEnforced, status.NotEnforced...)
	for _, p := range proxies {
		s.merge(p)
	}
	slices.SortFunc(s.Workloads, func(a, b Workload) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	for _, w := range s.Workloads {
		if !w.Synced {
			s.Waiting = append(s.Waiting, w.Name+"."+w.Namespace)
		}
	}
	s.Synced = len(s.Waiting) == 0
}

// merge adds what the control plane knows of a proxy, which may run on another machine.
func (s *Status) merge(p adminapi.Proxy) {
	i := slices.IndexFunc(s.Workloads, func(w Workload) bool { return w.Name == p.Name && w.Namespace == p.Namespace })
	if i < 0 {
		if !p.Connected {
			return
		}
		s.Workloads = append(s.Workloads, Workload{
			Namespace: p.Namespace, Name: p.Name, Type: p.Type, Ports: []Port{}, Listeners: map[string]uint32{}, Healthy: true,
			AdminAddress: p.AdminAddress, StatusAddress: p.StatusAddress,
		})
		i = len(s.Workloads) - 1
	}
	w := &s.Workloads[i]
	w.Synced = p.Connected && !slices.ContainsFunc(p.Sync, func(t adminapi.TypeSync) bool {
		return t.State == adminapi.Stale || t.State == adminapi.Rejected
	})
	if c := p.Certificate; c != nil {
		w.Identity, w.CertificateExpires = c.SPIFFE, c.NotAfter
	}
}

// ingress are the URLs of all gateways' ports.
func ingress(workloads []Workload) []string {
	urls := []string{}
	for _, w := range workloads {
		urls = append(urls, IngressURLs(w.Listeners)...)
	}
	return urls
}

// IngressURLs are where a gateway with these listeners takes requests, the lowest server port first. A port of a server that is
// 443 or 8443 is taken to be HTTPS.
func IngressURLs(listeners map[string]uint32) []string {
	var names []string
	for name := range listeners {
		if strings.HasPrefix(name, "gateway|") {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	urls := []string{}
	for _, name := range names {
		scheme := "http"
		if number := strings.TrimPrefix(name, "gateway|"); number == "443" || number == "8443" {
			scheme = "https"
		}
		urls = append(urls, fmt.Sprintf("%s://127.0.0.1:%d", scheme, listeners[name]))
	}
	return urls
}
