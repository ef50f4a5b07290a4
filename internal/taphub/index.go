package taphub

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strconv"

	networking "istio.io/api/networking/v1alpha3"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/internal/registry"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/inject"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/tap"
)

// party is somebody who takes part in requests.
type party struct {
	tap.Member
	version, identity string
	// proxied: its agent is connected with this control plane.
	proxied bool
}

// index finds parties by what proxies report of them. It is immutable.
type index struct {
	byInstance map[string]*party // NAMESPACE/NAME
	byAddress  map[string]*party // IP:PORT
	// byIP has nil for addresses of several.
	byIP       map[string]*party
	byIdentity map[string][]*party
	external   map[string]string // IP:PORT of endpoints that are no workload, with their host
	hosts      map[string]bool   // of all services
	suffix     string            // of services' names: cluster.local
}

func newIndex(s *mesh.Snapshot, proxies []registry.Session) *index {
	x := &index{
		byInstance: map[string]*party{}, byAddress: map[string]*party{}, byIP: map[string]*party{},
		byIdentity: map[string][]*party{}, external: map[string]string{}, hosts: map[string]bool{}, suffix: s.Config().DomainSuffix,
	}
	domain := s.Config().TrustDomain
	for o := range s.Set().All(config.Pod) {
		x.addPod(o, domain)
	}
	for o := range s.Set().All(config.WorkloadEntry) {
		x.addEntry(o, domain)
	}
	for _, p := range proxies {
		x.addProxy(p)
	}
	for svc := range s.Services() {
		x.addService(s, svc)
	}
	for _, p := range x.byInstance {
		if p.identity != "" {
			x.byIdentity[p.identity] = append(x.byIdentity[p.identity], p)
		}
	}
	return x
}

func (x *index) addPod(o *config.Object, domain string) {
	pod, ok := o.Spec.(*corev1.Pod)
	if !ok {
		return
	}
	account := cmp.Or(pod.Spec.ServiceAccountName, "default")
	p := &party{
		Member: tap.Member{
			Instance: o.Key.Name, Workload: inject.Workload(pod), Namespace: o.Key.Namespace, ServiceAccount: account,
		},
		version: version(o.Meta.Labels), identity: spiffe(domain, o.Key.Namespace, account),
	}
	x.byInstance[o.Key.Namespace+"/"+o.Key.Name] = p
	if pod.Spec.HostNetwork {
		return
	}
	for _, ip := range pod.Status.PodIPs {
		x.at(ip.IP, p)
	}
	if len(pod.Status.PodIPs) == 0 {
		x.at(pod.Status.PodIP, p)
	}
}

func (x *index) addEntry(o *config.Object, domain string) {
	e, ok := o.Spec.(*networking.WorkloadEntry)
	if !ok {
		return
	}
	p := &party{
		Member: tap.Member{
			Instance: o.Key.Name, Workload: cmp.Or(o.Meta.Annotations[registry.AnnotationGroup], o.Key.Name), Namespace: o.Key.Namespace,
			ServiceAccount: e.GetServiceAccount(),
		},
		version: version(e.GetLabels(), o.Meta.Labels), identity: spiffe(domain, o.Key.Namespace, e.GetServiceAccount()),
	}
	x.byInstance[o.Key.Namespace+"/"+o.Key.Name] = p
	x.at(e.GetAddress(), p)
}

// at notes an address; what several have, tells nothing.
func (x *index) at(ip string, p *party) {
	if addr, err := netip.ParseAddr(ip); err != nil || addr.IsLoopback() {
		return
	}
	if before, taken := x.byIP[ip]; taken && before != p {
		p = nil
	}
	x.byIP[ip] = p
}

// addProxy adds what only its agent tells, such as gateways that no object stands for.
func (x *index) addProxy(s registry.Session) {
	key := s.Proxy.Namespace + "/" + s.Proxy.Name
	p := x.byInstance[key]
	if p == nil {
		p = &party{Member: tap.Member{
			Instance: s.Proxy.Name, Workload: cmp.Or(s.Proxy.Group, s.Proxy.Name), Namespace: s.Proxy.Namespace, ServiceAccount: s.Proxy.ServiceAccount,
		}, version: version(s.Proxy.Labels)}
		x.byInstance[key] = p
	}
	p.Gateway, p.proxied, p.identity = isGateway(s), true, s.Identity.String()
}

// addService notes who serves a host where.
func (x *index) addService(s *mesh.Snapshot, svc *mesh.Service) {
	x.hosts[svc.Host] = true
	for _, port := range svc.Ports {
		for _, e := range s.Endpoints(svc, port).Endpoints {
			at := net.JoinHostPort(e.Address, strconv.FormatUint(uint64(e.Port), 10))
			p := x.byInstance[e.Workload.Namespace+"/"+e.Workload.Name]
			if p == nil || e.Workload.Kind != config.Pod && e.Workload.Kind != config.WorkloadEntry {
				x.external[at] = svc.Host
				continue
			}
			x.byAddress[at] = p
			if !slices.Contains(p.Services, svc.Host) {
				p.Services = append(p.Services, svc.Host)
			}
		}
	}
}

// find returns who stands behind an address and an identity; nil when that cannot be told.
func (x *index) find(address, identity string) *party {
	if p := x.byAddress[address]; p != nil && (identity == "" || p.identity == identity) {
		return p
	}
	ip, _, err := net.SplitHostPort(address)
	if err != nil {
		ip = address
	}
	if p := x.byIP[ip]; p != nil && (identity == "" || p.identity == identity) {
		return p
	}
	if same := x.byIdentity[identity]; identity != "" && len(same) > 0 {
		return common(same)
	}
	return nil
}

// common is what parties with one identity have in common.
func common(same []*party) *party {
	out := *same[0]
	for _, p := range same[1:] {
		if p.Workload != out.Workload {
			out.Workload = ""
		}
		if p.version != out.version {
			out.version = ""
		}
		if p.Instance != out.Instance {
			out.Instance = ""
		}
	}
	return &out
}

func isGateway(s registry.Session) bool { return s.Proxy.Type == routerType }

func version(labels ...map[string]string) string {
	for _, l := range labels {
		if v := cmp.Or(l["service.istio.io/canonical-revision"], l["app.kubernetes.io/version"], l["version"]); v != "" {
			return v
		}
	}
	return ""
}

func spiffe(domain, namespace, account string) string {
	if account == "" {
		return ""
	}
	return "spiffe://" + domain + "/ns/" + namespace + "/sa/" + account
}
