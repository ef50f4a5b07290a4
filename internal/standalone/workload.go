package standalone

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/agent"
	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/internal/meshstate"
)

// WorkloadOptions describe one workload. Name, Agent and Envoy are required.
type WorkloadOptions struct {
	// Name is unique in Namespace ("default" when empty). ServiceAccount is its identity; when empty, that of the
	// group, and "default" without one.
	Name, Namespace, ServiceAccount string
	Labels                          map[string]string
	// Annotations as a pod has them: proxy.istio.io/config overrides the mesh's defaultConfig.
	Annotations map[string]string
	// Group is the WorkloadGroup whose template supplies what is not said here; may be empty.
	Group string
	Ports []Port
	// Gateway makes it a gateway, which has no program.
	Gateway bool
	// Address at which other proxies reach it; 127.0.0.1 when empty.
	Address string
	// Program to run once the proxy is ready; nil runs the proxy until ctx ends.
	Program *Program
	// Agent is the command line of mesh-agent (see Programs), Envoy the path of Envoy.
	Agent []string
	Envoy string
	// Concurrency is the number of Envoy's worker threads, agent.AllCores for one a core; as the mesh's ProxyConfig says
	// when 0 (agent.DefaultConcurrency when that says nothing).
	Concurrency int
	// ReadyTimeout is DefaultReadyTimeout when 0. Drain bounds how long open connections may take to end; as the mesh's
	// ProxyConfig says when 0 (terminationDrainDuration, 5 s by default, a minute at most).
	ReadyTimeout, Drain time.Duration
	// CertificateTTL is the life of certificates to ask for; the authority's default when 0.
	CertificateTTL time.Duration
	// Ready is told once the proxy is; may be nil.
	Ready func(agent.State)
	Log   *slog.Logger // nil: silent
}

// workloadFile is the name of the file in the workload's directory that says what was asked for.
const workloadFile = "workload.json"

// record is its content.
type record struct {
	Namespace      string            `json:"namespace"`
	Name           string            `json:"name"`
	ServiceAccount string            `json:"serviceAccount"`
	Labels         map[string]string `json:"labels,omitempty"`
	Annotations    map[string]string `json:"annotations,omitempty"`
	Group          string            `json:"group,omitempty"`
	Gateway        bool              `json:"gateway,omitempty"`
	Ports          []Port            `json:"ports,omitempty"`
	Command        []string          `json:"command,omitempty"`
	TrustDomain    string            `json:"trustDomain"`
}

func (o WorkloadOptions) complete(ctx context.Context, j Join) (WorkloadOptions, error) {
	o.Namespace = cmp.Or(o.Namespace, "default")
	if o.ServiceAccount == "" && o.Group != "" && j.Admin != "" {
		group, err := adminapi.NewClient(j.Admin).WorkloadGroup(ctx, o.Namespace, o.Group)
		if err != nil {
			return o, fmt.Errorf("service account of WorkloadGroup %s/%s: %w", o.Namespace, o.Group, err)
		}
		o.ServiceAccount = group.ServiceAccount
	}
	o.ServiceAccount = cmp.Or(o.ServiceAccount, "default")
	o.ReadyTimeout = cmp.Or(o.ReadyTimeout, DefaultReadyTimeout)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Name == "" || o.Name != filepath.Base(o.Name) || o.Name[0] == '.' {
		return o, fmt.Errorf("workload name %q: give one like reviews-v1, unique in its namespace", o.Name)
	}
	if o.Gateway && o.Program != nil {
		return o, errors.New("a gateway runs no program: leave the command out")
	}
	id := ca.Identity{TrustDomain: cmp.Or(j.TrustDomain, ca.DefaultTrustDomain), Namespace: o.Namespace, ServiceAccount: o.ServiceAccount}
	if err := id.Validate(); err != nil {
		return o, err
	}
	return o, checkPorts(o.Ports)
}

// RunWorkload runs a program as a workload of the mesh: first its proxy, then, once that is ready, the program, with the mesh in
// its environment (see Environment). When the program ends, or ctx does, the workload is drained and leaves the mesh. The code is
// the program's exit code; the error says why it could not run.
func RunWorkload(ctx context.Context, j Join, o WorkloadOptions) (code int, err error) {
	o, err = o.complete(ctx, j)
	if err != nil {
		return 1, err
	}
	dir := j.Layout.Workload(o.Namespace, o.Name)
	if err := prepare(dir); err != nil {
		return 1, err
	}
	held, err := acquire(filepath.Join(dir, "run.lock"), fmt.Sprintf("workload %s/%s", o.Namespace, o.Name))
	if err != nil {
		return 1, err
	}
	defer held.release()
	if err := writeRecord(dir, j, o); err != nil {
		return 1, err
	}
	defer forget(dir)
	p, err := startProxy(ctx, j, o, dir)
	if err != nil {
		return 1, err
	}
	defer p.stop()
	state, err := p.ready(ctx)
	if err != nil {
		return 1, err
	}
	if o.Ready != nil {
		o.Ready(state)
	}
	if o.Program == nil {
		select {
		case <-ctx.Done():
			return 0, nil
		case <-p.ended:
			return 1, p.err
		}
	}
	code, err = o.Program.run(ctx, Environment(state, o.Namespace), o.Log)
	if o.Program.Exited != nil {
		o.Program.Exited()
	}
	return code, err
}

func writeRecord(dir string, j Join, o WorkloadOptions) error {
	r := record{
		Namespace: o.Namespace, Name: o.Name, ServiceAccount: o.ServiceAccount, Labels: o.Labels, Annotations: o.Annotations,
		Group: o.Group, Gateway: o.Gateway, Ports: o.Ports, TrustDomain: cmp.Or(j.TrustDomain, ca.DefaultTrustDomain),
	}
	if o.Program != nil {
		r.Command = o.Program.Args
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = meshstate.WriteFile(filepath.Join(dir, workloadFile), append(data, '\n'))
	}
	if err != nil {
		return explainDisk(dir, err)
	}
	return nil
}

func readRecord(path string) (record, bool) {
	var r record
	data, err := os.ReadFile(path)
	return r, err == nil && json.Unmarshal(data, &r) == nil
}

// forget removes what would make an ended workload look alive, and its token. The ports stay: a workload that comes back has
// them again.
func forget(dir string) {
	for _, name := range []string{workloadFile, agent.StateFile, "token"} {
		_ = os.Remove(filepath.Join(dir, name))
	}
}
