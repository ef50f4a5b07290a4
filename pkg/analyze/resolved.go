package analyze

import (
	"cmp"
	"slices"
	"sync"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// ServiceKinds are the kinds that make the mesh's services.
func ServiceKinds() []config.Kind {
	return []config.Kind{config.Service, config.ServiceEntry}
}

// Service returns the service that a client in a namespace reaches under a fully qualified host, see
// mesh.Snapshot.Service.
func (p *Pass) Service(host, namespace string) *mesh.Service {
	p.Reads(ServiceKinds()...)
	p.Reads(config.ConfigMap)
	return p.run.in.Mesh.Service(host, namespace)
}

// Services returns every service, ordered by host and namespace. The list is shared.
func (p *Pass) Services() []*mesh.Service { return services.Of(p) }

var services = NewFact(func(p *Pass) []*mesh.Service {
	p.Reads(ServiceKinds()...)
	p.Reads(config.ConfigMap)
	return slices.SortedFunc(p.Mesh().Services(), func(a, b *mesh.Service) int {
		if a.Host != b.Host {
			return cmp.Compare(a.Host, b.Host)
		}
		return cmp.Compare(a.Namespace, b.Namespace)
	})
})

// ScopeKinds are the kinds that decide what a proxy sees of the mesh.
func ScopeKinds() []config.Kind {
	return append(ServiceKinds(), config.ConfigMap, config.Namespace, config.VirtualService, config.DestinationRule, config.Sidecar, config.Gateway,
		config.EnvoyFilter, config.Telemetry, config.WasmPlugin, config.TrafficExtension)
}

// Scope returns what the workload's proxy sees of the mesh. Scopes are shared between proxies that see the same.
func (p *Pass) Scope(w *Workload) *mesh.Scope {
	p.Reads(ScopeKinds()...)
	proxy := w.Proxy()
	key := p.Mesh().ScopeKey(proxy)
	return once(&p.run.scopes, key, func() *mesh.Scope { return p.Mesh().Scope(key, proxy) })
}

// once returns the value under key, which is computed by whoever asks first.
func once[K comparable, V any](values *sync.Map, key K, compute func() V) V {
	value, known := values.Load(key)
	if !known {
		value, _ = values.LoadOrStore(key, sync.OnceValue(compute))
	}
	return value.(func() V)()
}

// InboundKinds are the kinds that decide what a workload's own proxy does with requests to it.
func InboundKinds() []config.Kind {
	return append(ServiceKinds(), config.ConfigMap, config.Namespace, config.Sidecar, config.PeerAuthn, config.RequestAuthn, config.AuthzPolicy,
		config.Telemetry, config.WasmPlugin, config.TrafficExtension, config.Pod, config.WorkloadEntry)
}

// Inbound returns the inbound side of the workload's sidecar: its ports, and the policies that hold for it.
func (p *Pass) Inbound(w *Workload) *mesh.Workload {
	p.Reads(InboundKinds()...)
	return once(&p.run.inbound, w, func() *mesh.Workload { return p.Mesh().Workload(w.Proxy()) })
}
