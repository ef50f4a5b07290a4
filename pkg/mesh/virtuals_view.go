package mesh

import (
	"cmp"
	"slices"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
)

// Virtual is a VirtualService with what else is known of it, for those who judge it.
type Virtual struct {
	*VirtualService
	// Own is the specification without the routes of delegates: the same rules in the same order as written, with every name absolute. Hosts
	// that are none, or stand twice, are left out.
	Own *networking.VirtualService
	// HostFields are the places of Own.Hosts among the hosts as written.
	HostFields []int
	// Gateways are those that it is bound to apart from sidecars, as "namespace/name".
	Gateways []string
	// MeshHosts are the hosts that it routes on sidecars, none when it is not bound to them.
	MeshHosts []string
	rules     []RuleOrigin
}

// RuleOrigin is where an HTTP rule is written.
type RuleOrigin struct {
	Object *config.Object
	// Index within spec.http.
	Index int
}

// Rule returns where the i-th of Spec.Http is written: in the object, or in a delegate.
func (v *Virtual) Rule(i int) RuleOrigin {
	if v.rules == nil {
		return RuleOrigin{v.Object, i}
	}
	return v.rules[i]
}

// Virtuals returns every VirtualService, ordered by age as they take precedence: the oldest first, then by name. Delegates are among them, and what routes
// of other APIs were converted to.
func (s *Snapshot) Virtuals() []*Virtual {
	var out []*Virtual
	for _, v := range s.virtuals.all() {
		out = append(out, &Virtual{
			VirtualService: &v.VirtualService, Own: v.Own, HostFields: v.hostFields, Gateways: v.Gateways, MeshHosts: v.MeshHosts, rules: v.rules,
		})
	}
	slices.SortFunc(out, func(a, b *Virtual) int { return cmp.Or(older(a.Object, b.Object), a.Object.Key.Compare(b.Object.Key)) })
	return out
}

// GatewayHosts lists the hosts of each server of a Gateway, named "namespace/name"; found is false when there is no such Gateway.
func (s *Snapshot) GatewayHosts(namespace, name string) (hosts [][]GatewayHost, found bool) {
	g := s.gateways.get(config.Key{Kind: config.Gateway, Namespace: namespace, Name: name})
	if g == nil {
		return nil, false
	}
	return g.Hosts, true
}

// HostName makes the name of a service absolute, as it is meant in an object of a namespace: see Istio's reference on Destination.host.
func (s *Snapshot) HostName(host, namespace string) string {
	return fqdn(host, namespace, s.config.DomainSuffix)
}

// Registered lists the services that a host means for clients in a namespace, or else those of the most specific wildcard that covers it.
func (s *Snapshot) Registered(host, namespace string) []*Service {
	found, _ := s.registered(host, func(svc *Service) bool { return svc.Visibility.In(namespace) })
	return found
}

// HostCovers reports whether every name that host stands for is one that pattern stands for: "*.example.com" covers "a.example.com" and
// "*.a.example.com", but not "example.com".
func HostCovers(pattern, host string) bool { return hostCovers(pattern, host) }

// HostsMeet reports whether there is a name that both hosts stand for.
func HostsMeet(a, b string) bool { return hostsMeet(a, b) }

// Meet reports whether some namespace sees both of what is exported so.
func (v Visibility) Meet(o Visibility) bool { return meet(v, o) }

// Covers reports whether every namespace that sees what is exported as o also sees what is exported as v.
func (v Visibility) Covers(o Visibility) bool {
	return v.Public || !o.Public && !slices.ContainsFunc(o.Namespaces, func(n string) bool { return !v.In(n) })
}

// Reach answers what one proxy reaches host by host: cheaper than its Scope where few hosts are of interest.
type Reach struct{ r *resolver }

// Reach returns what a proxy reaches.
func (s *Snapshot) Reach(p Proxy) Reach { return Reach{s.resolver(s.ScopeKey(p), p)} }

// Service returns what the proxy sees under a host, see Scope.Service.
func (r Reach) Service(host string) *ScopedService { return r.r.service(host) }

// Follows reports whether a VirtualService on the mesh gateway holds for the proxy: exportTo and its Sidecar let it.
func (r Reach) Follows(v *Virtual) bool {
	known := r.r.virtuals.get(v.Object.Key)
	return known != nil && len(known.MeshHosts) > 0 && r.r.sees(known)
}

// Sidecar is the Sidecar in force for the proxy, nil when none is.
func (r Reach) Sidecar() *config.Object {
	if r.r.sidecar == nil {
		return nil
	}
	return r.r.sidecar.Object
}
