package traffichub

import (
	"cmp"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/registry"
	"github.com/meshctl/meshctl/internal/taphub"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/traffic"
)

// known is what a snapshot says of those who take part in traffic. It is immutable but for the routes of callers, which are found when they are
// first needed.
type known struct {
	snapshot  *mesh.Snapshot
	sessions  []registry.Session
	workloads map[string]topology.Node // by id
	serving   map[string][]string      // ids of the workloads behind each host
	of        map[string]string        // id of the node, by NAMESPACE/NAME of the instance
	addresses map[string]traffic.Address
	byHost    map[string]*mesh.Service
	virtuals  []*mesh.Virtual
	hostsOf   map[config.Key][]string // hosts of the services that an object makes
	leads     map[config.Key][]string // hosts to which the HTTP routes of a VirtualService lead

	mu      sync.Mutex
	byProxy map[string]routes // by node id
	byScope map[mesh.ScopeKey]routes
}

func newKnown(s *mesh.Snapshot, sessions []registry.Session) *known {
	k := &known{
		snapshot: s, sessions: sessions, workloads: map[string]topology.Node{}, serving: map[string][]string{}, of: map[string]string{},
		addresses: map[string]traffic.Address{}, byHost: map[string]*mesh.Service{}, virtuals: s.Virtuals(), leads: map[config.Key][]string{}, hostsOf: map[config.Key][]string{},
		byProxy: map[string]routes{}, byScope: map[mesh.ScopeKey]routes{},
	}
	parties := taphub.Parties(s, sessions)
	for _, instance := range slices.Sorted(maps.Keys(parties)) { // the version of a workload is that of its first instance
		k.addParty(instance, parties[instance])
	}
	for svc := range s.Services() {
		k.byHost[svc.Host] = svc
		k.hostsOf[svc.From] = append(k.hostsOf[svc.From], svc.Host)
		k.addEndpoints(svc, parties)
	}
	for _, v := range k.virtuals {
		for _, rule := range v.Spec.GetHttp() {
			for _, d := range rule.GetRoute() {
				k.leads[v.Object.Key] = append(k.leads[v.Object.Key], s.HostName(d.GetDestination().GetHost(), v.Object.Key.Namespace))
			}
		}
	}
	return k
}

// isOf reports whether that is still what is known; a nil known is of nothing.
func (k *known) isOf(s *mesh.Snapshot, sessions []registry.Session) bool {
	return k != nil && k.snapshot == s && registry.SameSessions(k.sessions, sessions)
}

func (k *known) addParty(instance string, p taphub.Party) {
	kind := topology.Workload
	if p.Gateway {
		kind = topology.Gateway
	}
	id := string(kind) + "/" + p.Namespace + "/" + p.Workload
	n, found := k.workloads[id]
	if !found {
		n = topology.Node{ID: id, Kind: kind, Name: p.Workload, Namespace: p.Namespace, Version: p.Version, Identity: p.Identity}
		slices.Sort(p.Services)
		for _, host := range p.Services {
			if name, ok := k.short(host, p.Namespace); ok && n.Service == "" {
				n.Service = name
			}
		}
	}
	n.Instances++
	if p.Proxied {
		n.Proxies++
	}
	k.workloads[id], k.of[instance] = n, id
	for _, host := range p.Services {
		if !slices.Contains(k.serving[host], id) {
			k.serving[host] = append(k.serving[host], id)
		}
	}
}

// short is the name of a service in its own namespace.
func (k *known) short(host, namespace string) (string, bool) {
	return strings.CutSuffix(host, "."+namespace+".svc."+k.snapshot.Config().DomainSuffix)
}

// addEndpoints notes who is behind the addresses of a service.
func (k *known) addEndpoints(svc *mesh.Service, parties map[string]taphub.Party) {
	for _, port := range svc.Ports {
		for _, e := range k.snapshot.Endpoints(svc, port).Endpoints {
			at := net.JoinHostPort(e.Address, strconv.FormatUint(uint64(e.Port), 10))
			instance := e.Workload.Namespace + "/" + e.Workload.Name
			p, found := parties[instance]
			if !found || e.Workload.Kind != config.Pod && e.Workload.Kind != config.WorkloadEntry {
				if _, taken := k.addresses[at]; !taken {
					k.addresses[at] = traffic.Address{Node: k.service(svc).ID, MutualTLS: e.MutualTLS, Why: "not part of the mesh"}
				}
				continue
			}
			a := traffic.Address{Node: k.of[instance], MutualTLS: e.MutualTLS}
			if p.Proxied {
				a.Proxy = p.Instance + "." + p.Namespace
			}
			if !e.MutualTLS {
				a.Why = k.refuses(e, p)
			}
			k.addresses[at] = a
		}
	}
}

// refuses says why an endpoint takes no mutual TLS.
func (k *known) refuses(e mesh.Endpoint, p taphub.Party) string {
	policy := k.snapshot.PeerAuthn(e.Workload.Namespace, e.Labels)
	disabled := policy.Mode == mesh.Disabled
	for _, mode := range policy.Ports {
		disabled = disabled || mode == mesh.Disabled
	}
	switch {
	case disabled && len(policy.From) > 0:
		return named(policy.From[0]) + " is DISABLE"
	case !p.Proxied:
		return "no sidecar"
	}
	return "its sidecar is not known to take mutual TLS"
}

// named is an object as people wrote it.
func named(key config.Key) string {
	key = key.Origin()
	if key.Namespace == "" {
		return key.Kind.Name + " " + key.Name
	}
	return key.Kind.Name + " " + key.Namespace + "/" + key.Name
}

// service is the node of a service as such.
func (k *known) service(svc *mesh.Service) topology.Node {
	n := topology.Node{Kind: topology.Service, Name: cmp.Or(svc.Name, svc.Host), Namespace: svc.Namespace, Service: cmp.Or(svc.Name, svc.Host)}
	if svc.External {
		n = topology.Node{Kind: topology.External, Name: svc.Host}
	}
	n.ID = string(n.Kind) + "/" + n.Namespace + "/" + n.Name
	return n
}

// nodes are the workloads with how they are.
func (k *known) nodes(proxies []adminapi.Proxy, problems []config.Problem) []topology.Node {
	stale, rejected := map[string]int{}, map[string]int{}
	for _, p := range proxies {
		id := k.of[p.Namespace+"/"+p.Name]
		switch worst(p.Sync) {
		case adminapi.Rejected:
			rejected[id]++
		case adminapi.Stale:
			stale[id]++
		}
	}
	findings := k.findings(problems)
	out := make([]topology.Node, 0, len(k.workloads))
	for id, n := range k.workloads {
		n.Stale, n.Rejected, n.Findings = stale[id], rejected[id], findings[id]
		out = append(out, n)
	}
	return out
}

// findings are the problems that concern each workload, worst first.
func (k *known) findings(problems []config.Problem) map[string][]topology.Finding {
	out := map[string][]topology.Finding{}
	for _, p := range problems {
		finding := topology.Finding{Code: string(p.Code), Level: p.Severity.String(), Message: p.Error()}
		for _, id := range k.concerned(p.Object) {
			out[id] = append(out[id], finding)
		}
	}
	for _, list := range out {
		slices.SortStableFunc(list, topology.WorstFirst)
	}
	return out
}

func worst(sync []adminapi.TypeSync) adminapi.SyncState {
	state := adminapi.Synced
	for _, t := range sync {
		switch t.State {
		case adminapi.Rejected:
			return adminapi.Rejected
		case adminapi.Stale:
			state = adminapi.Stale
		}
	}
	return state
}

// concerned are the workloads that an object is an instance or a service of, or a rule for.
func (k *known) concerned(key config.Key) (ids []string) {
	if id := k.of[key.Namespace+"/"+key.Name]; id != "" && (key.Kind == config.Pod || key.Kind == config.WorkloadEntry) {
		ids = append(ids, id)
	}
	hosts := slices.Concat(k.hostsOf[key], k.leads[key])
	if reach, isRule := k.snapshot.RuleReach(key); isRule {
		for host := range k.byHost {
			if reach.Covers(host) {
				hosts = append(hosts, host)
			}
		}
	}
	for _, host := range hosts {
		ids = append(ids, k.serving[host]...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
