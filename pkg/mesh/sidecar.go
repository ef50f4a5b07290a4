package mesh

import (
	"fmt"
	"slices"
	"strings"

	meshconfig "istio.io/api/mesh/v1alpha1"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/internal/digest"
	"github.com/meshctl/meshctl/pkg/config"
)

// sidecar is one Sidecar object.
type sidecar struct {
	Object   *config.Object
	Spec     *networking.Sidecar
	Selector map[string]string // nil: the whole namespace, or the mesh
	Egress   []egress
	Digest   config.Digest
}

// egress is one egress listener: the hosts that it lets proxies reach.
type egress struct {
	port  uint32 // 0: every port
	hosts []egressHost
}

// egressHost is "namespace/host"; namespace is "*", "." for the proxy's own, or a name.
type egressHost struct{ namespace, host string }

func (h egressHost) admits(namespace, own string) bool {
	switch h.namespace {
	case "*":
		return true
	case ".":
		return namespace == own
	}
	return h.namespace == namespace
}

// readSidecar takes in a changed Sidecar.
func (t *update) readSidecar(d delta) {
	key := d.key()
	list := t.sidecars.get(key.Namespace)
	var before, after *sidecar
	if at := slices.IndexFunc(list, func(s *sidecar) bool { return s.Object.Key == key }); at >= 0 {
		before = list[at]
		list = without(list, func(s *sidecar) bool { return s == before })
	}
	if d.after != nil {
		var problems []config.Problem
		after, problems = parseSidecar(d.after)
		t.report(key, problems)
	}
	if after != nil {
		list = insert(list, after, func(a, b *sidecar) int { return older(a.Object, b.Object) })
	}
	setList(&t.sidecars, key.Namespace, list)
	if before != nil && after != nil && before.Digest == after.Digest {
		return
	}
	t.change.Sidecars[key] = true
	space := key.Namespace
	if space == t.root() {
		space = ""
	}
	t.change.Inbound[space] = true
	if before == nil || after == nil || !sameLabels(before.Selector, after.Selector) || older(before.Object, after.Object) != 0 {
		t.change.Rekey[space] = true
	}
}

func parseSidecar(o *config.Object) (*sidecar, []config.Problem) {
	spec, ok := o.Spec.(*networking.Sidecar)
	if !ok {
		return nil, nil
	}
	s := &sidecar{Object: o, Spec: spec}
	if labels := spec.GetWorkloadSelector().GetLabels(); len(labels) > 0 {
		s.Selector = labels
	}
	var problems []config.Problem
	for i, l := range spec.Egress {
		e := egress{port: l.GetPort().GetNumber()}
		for j, entry := range l.Hosts {
			namespace, host, found := strings.Cut(entry, "/")
			if !found || namespace == "" || host == "" {
				problems = append(problems, problem(o, config.Warning, fmt.Sprintf("spec.egress[%d].hosts[%d]", i, j),
					fmt.Sprintf("%q is not namespace/host; it is left out", entry), `write for example "./*" or "prod/api.example.com"`))
				continue
			}
			if namespace != "~" {
				e.hosts = append(e.hosts, egressHost{namespace, strings.ToLower(host)})
			}
		}
		s.Egress = append(s.Egress, e)
	}
	s.Digest = digest.Of(struct {
		Key  config.Key
		Meta config.Meta
		Spec *networking.Sidecar
	}{o.Key, config.Meta{Created: o.Meta.Created}, spec})
	return s, problems
}

// sidecarOf returns the Sidecar in force for a proxy: one that selects its labels, else its namespace's, else the root
// namespace's; nil when there is none. Gateways have none.
func (t *tables) sidecarOf(p Proxy) *sidecar {
	if p.Type == Router {
		return nil
	}
	var wide *sidecar
	for _, s := range t.sidecars.get(p.Namespace) {
		if s.Selector != nil && labelsMatch(s.Selector, p.Labels) {
			return s
		}
		if s.Selector == nil && wide == nil {
			wide = s
		}
	}
	if wide != nil || p.Namespace == t.root() {
		return wide
	}
	for _, s := range t.sidecars.get(t.root()) {
		if s.Selector == nil {
			return s
		}
	}
	return nil
}

// limits reports whether the Sidecar names what its proxies may reach.
func (s *sidecar) limits() bool { return s != nil && len(s.Egress) > 0 }

// ports returns the ports of a service that proxies of a namespace may use; none when the Sidecar does not list the service.
func (s *sidecar) ports(svc *Service, own string) []Port {
	if !s.limits() {
		return svc.Ports
	}
	var allowed []Port
	for _, e := range s.Egress {
		if !e.covers(svc.Namespace, own, func(pattern string) bool { return hostCovers(pattern, svc.Host) }) {
			continue
		}
		if e.port == 0 {
			return svc.Ports
		}
		if p := svc.PortNumber(e.port); p != nil {
			allowed = append(allowed, *p)
		}
	}
	slices.SortFunc(allowed, func(a, b Port) int { return int(a.Number) - int(b.Number) })
	return slices.CompactFunc(allowed, func(a, b Port) bool { return a.Number == b.Number })
}

// imports reports whether the Sidecar lets a VirtualService hold for its proxies.
func (s *sidecar) imports(v *virtual, own string) bool {
	if !s.limits() {
		return true
	}
	for _, e := range s.Egress {
		for _, h := range v.MeshHosts {
			if e.covers(v.key().Namespace, own, func(pattern string) bool { return hostsMeet(pattern, h) }) {
				return true
			}
		}
	}
	return false
}

func (e egress) covers(namespace, own string, match func(pattern string) bool) bool {
	for _, h := range e.hosts {
		if h.admits(namespace, own) && match(h.host) {
			return true
		}
	}
	return false
}

// allowAny reports whether traffic to unknown hosts passes.
func (t *tables) allowAny(s *sidecar) bool {
	if s != nil && s.Spec.OutboundTrafficPolicy != nil {
		return s.Spec.OutboundTrafficPolicy.Mode == networking.OutboundTrafficPolicy_ALLOW_ANY
	}
	return t.config.Mesh.GetOutboundTrafficPolicy().GetMode() == meshconfig.MeshConfig_OutboundTrafficPolicy_ALLOW_ANY
}
