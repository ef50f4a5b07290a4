package mesh

import (
	"slices"
	"strings"

	"github.com/meshctl/meshctl/internal/digest"
	"github.com/meshctl/meshctl/pkg/config"
)

// resolver resolves the mesh as one set of like proxies sees it.
type resolver struct {
	*tables
	key     ScopeKey
	proxy   Proxy // any of them
	sidecar *sidecar
	config  *Config // the proxies' own
}

func (s *Snapshot) resolver(k ScopeKey, p Proxy) *resolver {
	p.Type, p.Mode, p.Namespace = k.Type, k.Mode, k.Namespace
	r := &resolver{tables: &s.tables, key: k, proxy: p, config: s.configOf(p)}
	for _, sc := range s.sidecars.get(k.Sidecar.Namespace) {
		if sc.Object.Key == k.Sidecar {
			r.sidecar = sc
		}
	}
	return r
}

// service resolves a host; nil when the scope does not see it.
func (r *resolver) service(host string) *ScopedService {
	list := r.services.get(host)
	if len(list) == 0 {
		return nil
	}
	own := r.key.Namespace
	var ports []Port
	svc := prefer(list, own, func(s *Service) bool {
		allowed := r.sidecar.ports(s, own)
		if len(allowed) == 0 && (r.sidecar.limits() || len(s.Ports) > 0) {
			return false
		}
		if s.Namespace == own || ports == nil { // prefer takes the own namespace's, else the first
			ports = allowed
		}
		return true
	})
	if svc == nil && r.sidecar.limits() && r.importedByRoute(host) {
		if svc = prefer(list, own, func(*Service) bool { return true }); svc != nil {
			ports = svc.Ports
		}
	}
	if svc == nil {
		return nil
	}
	if r.key.DNS.Allocate {
		svc = allocated(svc)
	}
	out := &ScopedService{Service: svc, Ports: ports, Rule: r.rule(host, svc.Namespace, own, r.proxy.Labels), Virtual: r.virtual(host)}
	out.Digest = digest.Of(struct {
		Service *Service
		Ports   []Port
		Rule    *DestinationRule
		Virtual []*VirtualService
	}{svc, ports, out.Rule, out.Virtual})
	return out
}

// importedByRoute reports whether a VirtualService that the Sidecar lets in leads to a host: Istio then adds the host, so
// that the route works.
func (r *resolver) importedByRoute(host string) bool {
	for _, v := range r.toHost.get(host) {
		if len(v.MeshHosts) > 0 && r.sees(v) {
			return true
		}
	}
	return false
}

func (r *resolver) sees(v *virtual) bool {
	return v.Visibility.In(r.key.Namespace) && r.sidecar.imports(v, r.key.Namespace)
}

// virtual returns the VirtualServices of a host on the mesh gateway as the scope's proxies see them.
func (r *resolver) virtual(host string) []*VirtualService {
	if r.key.Type == Router {
		return nil
	}
	var out []*VirtualService
	from := source{gateway: meshGateway, namespace: r.key.Namespace, labels: r.proxy.Labels}
	r.meshVirtuals(host, func(v *virtual) {
		if r.sees(v) {
			if n := v.narrow(from); n != nil {
				out = append(out, n)
			}
		}
	})
	return out
}

// host resolves a host that VirtualServices route although no service of the scope has it; nil when there is none such.
func (r *resolver) host(host string, services []*ScopedService) *ScopedHost {
	if r.key.Type == Router || len(r.routes.get(host)) == 0 || served(host, services) {
		return nil
	}
	list := r.virtual(host)
	if len(list) == 0 || !slices.ContainsFunc(list, func(v *VirtualService) bool { return slices.Contains(v.Spec.Hosts, host) }) {
		return nil
	}
	return &ScopedHost{Host: host, Virtual: list, Digest: digest.Of(list)}
}

// served reports whether a service of the scope answers to a host, or to a name that a wildcard covers.
func served(host string, services []*ScopedService) bool {
	if !isWildcard(host) {
		return find(services, host) != nil
	}
	return slices.ContainsFunc(services, func(s *ScopedService) bool { return hostCovers(host, s.Host) })
}

// all resolves everything, keeping what is equal in old, which may be nil.
func (r *resolver) all(old *Scope) *Scope {
	if old == nil {
		old = &Scope{}
	}
	next := &Scope{
		Key: r.key, Config: r.config, AllowAny: r.allowAny(r.sidecar), Egress: r.sidecar.listeners(),
		EnvoyFilters: r.attachedTo(config.EnvoyFilter, r.proxy), Telemetries: r.attachedTo(config.Telemetry, r.proxy),
		WasmPlugins: r.attachedTo(config.WasmPlugin, r.proxy), TrafficExtensions: r.attachedTo(config.TrafficExtension, r.proxy),
	}
	if r.sidecar != nil {
		next.Sidecar = r.sidecar.Object
	}
	services := map[string]*ScopedService{}
	for host := range r.services.all() {
		services[host] = r.service(host)
	}
	for _, s := range old.Services {
		if _, ok := services[s.Host]; !ok {
			services[s.Host] = nil
		}
	}
	next.Services = patch(old.Services, services)
	next.EgressProxy = r.egressProxy(next.Services)
	hosts := map[string]*ScopedHost{}
	for host := range r.routes.all() {
		hosts[host] = r.host(host, next.Services)
	}
	for _, h := range old.Hosts {
		if _, ok := hosts[h.Host]; !ok {
			hosts[h.Host] = nil
		}
	}
	next.Hosts = patch(old.Hosts, hosts)
	next.Servers = r.servers(old.Servers)
	return next
}

// hosted is an entry of a scope.
type hosted interface {
	comparable
	hostName() string
	content() config.Digest
}

func (s *ScopedService) hostName() string       { return s.Host }
func (s *ScopedService) content() config.Digest { return s.Digest }
func (h *ScopedHost) hostName() string          { return h.Host }
func (h *ScopedHost) content() config.Digest    { return h.Digest }

// find returns the entry of a host in a sorted list, nil when there is none.
func find[E hosted](list []E, host string) E {
	at, ok := slices.BinarySearchFunc(list, host, func(e E, h string) int { return strings.Compare(e.hostName(), h) })
	if !ok {
		var none E
		return none
	}
	return list[at]
}

// patch returns a sorted list with some entries replaced, added, or with nil taken out. An entry that stays equal keeps its
// pointer; when all do, the list itself is returned.
func patch[E hosted](list []E, changes map[string]E) []E {
	var none E
	var differ []string
	for host, e := range changes {
		old := find(list, host)
		if old == e || old != none && e != none && old.content() == e.content() {
			continue
		}
		differ = append(differ, host)
	}
	if len(differ) == 0 {
		return list
	}
	slices.Sort(differ)
	out := make([]E, 0, len(list)+len(differ))
	for _, host := range differ {
		at, found := slices.BinarySearchFunc(list, host, func(e E, h string) int { return strings.Compare(e.hostName(), h) })
		out = append(out, list[:at]...)
		if found {
			at++
		}
		list = list[at:]
		if e := changes[host]; e != none {
			out = append(out, e)
		}
	}
	return append(out, list...)
}
