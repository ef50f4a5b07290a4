package mesh

import (
	"fmt"
	"slices"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// check looks again at what VirtualServices refer to, where that may have changed.
func (t *update) check() {
	for _, key := range sortedKeys(t.staleChecks) {
		if key.Kind == config.WorkloadEntry {
			t.checkEntry(key)
			continue
		}
		v := t.virtuals.get(key)
		if v == nil {
			t.report(key, nil)
			continue
		}
		var problems []config.Problem
		if !key.Derived() { // the conversion has checked what it refers to
			problems = append(problems, v.problems...)
			problems = append(problems, t.checkDestinations(v)...)
			problems = append(problems, t.checkGateways(v)...)
		}
		problems = append(problems, t.checkRivals(v)...)
		t.report(key, problems)
	}
}

// checkMembers notes members that have names instead of addresses, and those that left.
func (t *update) checkMembers(owner config.Key, changes []membership) {
	for _, c := range changes {
		if i := t.instances.get(c.key); c.key.Kind == config.WorkloadEntry && i != nil && i.named() {
			t.staleChecks[c.key] = true
		}
	}
	for _, i := range t.members.get(owner) {
		if i.Key.Kind == config.WorkloadEntry && i.named() {
			t.staleChecks[i.Key] = true
		}
	}
}

// checkEntry reports a WorkloadEntry with a name that services select which need addresses.
func (t *update) checkEntry(key config.Key) {
	i := t.instances.get(key)
	if i == nil {
		return
	}
	var problems []config.Problem
	for _, d := range t.selecting(key.Namespace, i.Labels) {
		if i.named() && !d.Services[0].Resolution.byName() {
			problems = append(problems, problem(t.set.Get(key), config.Warning, "spec.address",
				fmt.Sprintf("%q is a name, and %s needs an IP address; the endpoint is left out of it", i.Addresses[0], d.key()),
				"write the address, or use a ServiceEntry with resolution: DNS"))
		}
	}
	t.report(key, problems)
}

// checkRivals reports hosts that another VirtualService routes on sidecars, too: of those that one namespace sees only the oldest counts. Both
// are told, once each, as Istio does. Rules of the Gateway API are made to be merged among themselves.
func (t *tables) checkRivals(v *virtual) []config.Problem {
	if len(v.MeshHosts) == 0 {
		return nil
	}
	for i, h := range v.Spec.Hosts {
		if !slices.Contains(v.MeshHosts, h) {
			continue
		}
		leads := false
		for _, other := range t.routes.get(h) {
			if other.key() == v.key() {
				leads = true
				continue
			}
			if !meet(other.Visibility, v.Visibility) || v.Precise() && other.Precise() {
				continue
			}
			written := !v.key().Derived() && !other.key().Derived()
			if !written && leads {
				continue
			}
			message := fmt.Sprintf("%s already routes %s, and only the oldest VirtualService of a host counts on sidecars", other.key().Origin(), h)
			if leads {
				message = fmt.Sprintf("%s routes %s as well, and only the oldest VirtualService of a host counts on sidecars; the other's routes have no effect", other.key().Origin(), h)
			}
			p := problem(v.Object, config.Warning, v.hostField(i), message, "merge the two, remove one, or limit them to different namespaces by exportTo")
			if written {
				p.Code = codes.VirtualServiceConflict
			}
			return []config.Problem{p}
		}
	}
	return nil
}

// meet reports whether some namespace sees both objects.
func meet(a, b Visibility) bool {
	if a.Public || b.Public {
		return a.Public && b.Public || len(a.Namespaces)+len(b.Namespaces) > 0
	}
	for _, n := range a.Namespaces {
		if b.In(n) {
			return true
		}
	}
	return false
}
