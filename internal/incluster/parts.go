package incluster

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiversion "k8s.io/apimachinery/pkg/version"

	"github.com/meshctl/meshctl/internal/gatewaydeploy"
	"github.com/meshctl/meshctl/internal/leader"
	"github.com/meshctl/meshctl/internal/status"
	"github.com/meshctl/meshctl/internal/version"
	"github.com/meshctl/meshctl/internal/webhook"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/inject"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// defaultHub is where images come from that nobody names.
const defaultHub = "meshctl.io"

// versionTimeout is how long an injection waits for the version of its cluster.
const versionTimeout = 3 * time.Second

// wake says that the mesh may be another one.
func (p *process) wake() {
	for _, c := range []chan struct{}{p.changed, p.gateways} {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// wakeByNames wakes when a tag comes, moves or goes.
func (p *process) wakeByNames(ctx context.Context) error {
	for {
		changed := p.names.Changed()
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
			p.wake()
		}
	}
}

// statuses writes into objects what became of them.
func (p *process) statuses() leader.Writer {
	return leader.Writer{Name: "statuses", Run: func(ctx context.Context) error {
		control := p.control.Load()
		(&status.Writer{
			Client: p.client, Changed: p.changed, Mine: p.speaksFor, Log: p.o.Log,
			State: func() (*mesh.Snapshot, []config.Problem) { return control.Snapshot(), control.Problems() },
		}).Run(ctx)
		return nil
	}}
}

// deployments deploys proxies for Gateways by the mesh and the injector's settings of now.
func (p *process) deployments() leader.Writer {
	control, settings := p.control.Load(), p.injector()
	return leader.Gateways{
		Client: p.client, Mine: p.names.Mine, Changed: p.gateways, Log: p.o.Log,
		Objects: func() config.Set { return control.Snapshot().Set() },
		Wanted: func(mine func(string) bool) ([]gatewaydeploy.Deployment, error) {
			snapshot := control.Snapshot()
			s, err := settings.of(snapshot.Set())
			if err != nil {
				return nil, err
			}
			return gatewaydeploy.Of(gatewaydeploy.Input{Mesh: snapshot, Settings: s, Revision: p.o.Revision, Mine: mine}), nil
		},
	}.Writer()
}

// webhooks injects and validates by the mesh of now.
func (p *process) webhooks() http.Handler {
	control := p.control.Load()
	settings := p.injector()
	return webhook.Handler(webhook.Options{
		Settings: func() (inject.Settings, error) { return settings.of(control.Snapshot().Set()) },
		Mesh:     control.Snapshot, Revision: p.o.Revision, NativeSidecars: (&sidecars{version: p.version}).native, Log: p.o.Log,
	})
}

// version asks the cluster for its own.
func (p *process) version() (apiversion.Info, error) {
	ctx, cancel := context.WithTimeout(context.Background(), versionTimeout)
	defer cancel()
	return p.cluster.Version(ctx)
}

func (p *process) injector() *injector {
	return &injector{key: config.Key{Kind: config.ConfigMap, Namespace: p.o.SystemNamespace, Name: "istio-sidecar-injector" + p.o.suffix()}}
}

// injector reads the settings of injections once for each form of their ConfigMap.
type injector struct {
	key config.Key

	mu       sync.Mutex
	object   *config.Object
	settings inject.Settings
	err      error
}

func (i *injector) of(set config.Set) (inject.Settings, error) {
	o := set.Get(i.key)
	if o == nil {
		return inject.Settings{}, fmt.Errorf("there is no ConfigMap %s in namespace %s: install the mesh again", i.key.Name, i.key.Namespace)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.object != o {
		data := map[string]string{}
		if m, ok := o.Spec.(*corev1.ConfigMap); ok {
			data = m.Data
		}
		i.object = o
		if i.settings, i.err = inject.ReadSettings(inject.DefaultSettings(defaultHub, version.String()), data["config"], data["values"]); i.err != nil {
			i.err = fmt.Errorf("ConfigMap %s/%s: %w", i.key.Namespace, i.key.Name, i.err)
		}
	}
	return i.settings, i.err
}

// sidecars knows whether the cluster has native ones, by default since Kubernetes 1.29.
type sidecars struct {
	version func() (apiversion.Info, error)

	mu            sync.Mutex
	known, answer bool
}

// native asks the cluster until it has said its version; meanwhile it is taken for a new one.
func (s *sidecars) native() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known {
		return s.answer
	}
	v, err := s.version()
	if err != nil {
		return true
	}
	minor, err := strconv.Atoi(strings.TrimRight(v.Minor, "+"))
	s.known, s.answer = true, err != nil || v.Major != "1" || minor >= 29
	return s.answer
}
