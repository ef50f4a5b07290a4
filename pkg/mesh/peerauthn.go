package mesh

import (
	"fmt"
	"slices"

	security "istio.io/api/security/v1beta1"

	"github.com/meshctl/meshctl/internal/digest"
	"github.com/meshctl/meshctl/pkg/config"
)

// peerPolicy is one PeerAuthentication.
type peerPolicy struct {
	Object   *config.Object
	Spec     *security.PeerAuthentication
	Selector map[string]string // nil: the whole namespace, or the mesh
	Digest   config.Digest
}

// readPolicy takes in a changed PeerAuthentication.
func (t *update) readPolicy(d delta) {
	key := d.key()
	list := t.policies.get(key.Namespace)
	var before, after *peerPolicy
	if at := slices.IndexFunc(list, func(p *peerPolicy) bool { return p.Object.Key == key }); at >= 0 {
		before = list[at]
		list = without(list, func(p *peerPolicy) bool { return p == before })
	}
	if d.after != nil {
		after = t.parsePolicy(d.after)
	}
	if after != nil {
		list = insert(list, after, func(a, b *peerPolicy) int { return older(a.Object, b.Object) })
	}
	setList(&t.policies, key.Namespace, list)
	if before == nil || after == nil || before.Digest != after.Digest {
		t.stalePolicies[key.Namespace] = true
	}
}

func (t *update) parsePolicy(o *config.Object) *peerPolicy {
	spec, ok := o.Spec.(*security.PeerAuthentication)
	if !ok {
		return nil
	}
	p := &peerPolicy{Object: o, Spec: spec}
	if labels := spec.GetSelector().GetMatchLabels(); len(labels) > 0 {
		p.Selector = labels
	}
	c := &checker{object: o}
	if p.Selector == nil && len(spec.PortLevelMtls) > 0 {
		c.fail("spec.portLevelMtls", "portLevelMtls has no effect without a selector", "add spec.selector.matchLabels")
	}
	for port := range spec.PortLevelMtls {
		if port == 0 || port > 65535 {
			c.fail("spec.portLevelMtls", fmt.Sprintf("port %d is not between 1 and 65535", port), "name a port of the workload")
		}
	}
	if p.Selector != nil && o.Key.Namespace == t.root() {
		c.warn("spec.selector", "a PeerAuthentication with a selector has no effect in the root namespace", "put it into the namespace of the workloads")
	}
	t.report(o.Key, c.schema())
	p.Digest = digest.Of(struct {
		Key  config.Key
		Meta config.Meta
		Spec *security.PeerAuthentication
	}{o.Key, config.Meta{Created: o.Meta.Created}, spec})
	return p
}

// applyPolicies marks the workloads whose effective policy may differ.
func (t *update) applyPolicies() {
	if len(t.stalePolicies) == 0 {
		return
	}
	everywhere := t.stalePolicies[t.root()]
	concerns := func(namespace string) bool { return everywhere || t.stalePolicies[namespace] }
	for key := range t.instances.all() {
		if concerns(key.Namespace) {
			t.staleInstances[key] = true
		}
	}
	for key, d := range t.definitions.all() {
		if len(d.Inline) > 0 && concerns(key.Namespace) {
			t.readDefinition(delta{before: d.Object, after: d.Object})
		}
	}
	if everywhere {
		t.change.Inbound[""] = true
		return
	}
	for namespace := range t.stalePolicies {
		t.change.Inbound[namespace] = true
	}
}

// root is the namespace whose rules hold for the whole mesh.
func (t *tables) root() string { return t.config.Mesh.RootNamespace }

// peerAuthn returns the policy in force for a workload: the most specific of workload, namespace and mesh that is set; of
// several at one level the oldest. Policies of the root namespace with a selector are ignored (Istio, PeerAuthentication).
func (t *tables) peerAuthn(namespace string, labels map[string]string) PeerAuthn {
	var mesh, space, workload *peerPolicy
	pick := func(list []*peerPolicy, wide **peerPolicy) {
		for _, p := range list {
			switch {
			case p.Selector == nil && *wide == nil:
				*wide = p
			case p.Selector != nil && p.Object.Key.Namespace != t.root() && Selects(p.Selector, labels) && (workload == nil || older(p.Object, workload.Object) < 0):
				workload = p
			}
		}
	}
	pick(t.policies.get(t.root()), &mesh)
	if namespace != t.root() {
		pick(t.policies.get(namespace), &space)
	}
	var out PeerAuthn
	for _, p := range []*peerPolicy{mesh, space, workload} {
		if p == nil {
			continue
		}
		if mode := p.Spec.GetMtls().GetMode(); mode != security.PeerAuthentication_MutualTLS_UNSET {
			out.Mode = mtlsMode(mode)
			out.From = append(out.From[:0], p.Object.Key)
		}
	}
	if workload != nil && len(workload.Spec.PortLevelMtls) > 0 {
		out.Ports = make(map[uint32]MTLSMode, len(workload.Spec.PortLevelMtls))
		for port, m := range workload.Spec.PortLevelMtls {
			if m.GetMode() == security.PeerAuthentication_MutualTLS_UNSET {
				continue
			}
			out.Ports[port] = mtlsMode(m.GetMode())
		}
		if !slices.Contains(out.From, workload.Object.Key) {
			out.From = append(out.From, workload.Object.Key)
		}
	}
	return out
}

func mtlsMode(m security.PeerAuthentication_MutualTLS_Mode) MTLSMode {
	switch m {
	case security.PeerAuthentication_MutualTLS_STRICT:
		return Strict
	case security.PeerAuthentication_MutualTLS_DISABLE:
		return Disabled
	}
	return Permissive
}
