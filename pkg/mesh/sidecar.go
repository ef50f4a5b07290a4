package mesh

import (
	"slices"

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
	Ingress  []ingress
	Digest   config.Digest
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
	c := &checker{object: o}
	s.Egress, s.Ingress = parseEgress(c, spec), parseIngress(c, spec)
	c.egressProxy(spec)
	s.Digest = digest.Of(struct {
		Key  config.Key
		Meta config.Meta
		Spec *networking.Sidecar
	}{o.Key, config.Meta{Created: o.Meta.Created}, spec})
	return s, c.schema()
}

// sidecarOf returns the Sidecar in force for a proxy: one that selects its labels, else its namespace's, else the root
// namespace's; nil when there is none. Gateways have none.
func (t *tables) sidecarOf(p Proxy) *sidecar {
	if p.Type == Router {
		return nil
	}
	var wide *sidecar
	for _, s := range t.sidecars.get(p.Namespace) {
		if s.Selector != nil && Selects(s.Selector, p.Labels) {
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

// allowAny reports whether traffic to unknown hosts passes.
func (t *tables) allowAny(s *sidecar) bool {
	if s != nil && s.Spec.OutboundTrafficPolicy != nil {
		return s.Spec.OutboundTrafficPolicy.Mode == networking.OutboundTrafficPolicy_ALLOW_ANY
	}
	return t.config.Mesh.GetOutboundTrafficPolicy().GetMode() == meshconfig.MeshConfig_OutboundTrafficPolicy_ALLOW_ANY
}
