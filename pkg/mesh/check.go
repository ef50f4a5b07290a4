package mesh

import (
	"fmt"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
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

func (t *tables) checkDestinations(v *virtual) []config.Problem {
	var out []config.Problem
	warn := func(field, message, fix string) {
		out = append(out, problem(v.Object, config.Warning, field, message, fix))
	}
	eachDestination(v.Own, func(field string, d *networking.Destination) {
		if d.Host == "" {
			return // reported as such
		}
		list := t.services.get(d.Host)
		if len(list) == 0 {
			warn(field, fmt.Sprintf("no service has the host %s; requests get 503", d.Host), "create a Service or ServiceEntry, or correct the name")
			return
		}
		port := strings.TrimSuffix(field, "host") + "port.number"
		if n := d.GetPort().GetNumber(); n != 0 && list[0].PortNumber(n) == nil {
			warn(port, fmt.Sprintf("%s has no port %d; requests get 503", d.Host, n), "use one of its ports: "+portNumbers(list[0]))
		}
		if d.Subset != "" && !t.subsetDefined(d, list, v.key().Namespace) {
			warn(strings.TrimSuffix(field, "host")+"subset", fmt.Sprintf("no DestinationRule for %s defines the subset %q; requests get 503", d.Host, d.Subset),
				"add the subset to a DestinationRule")
		}
	})
	return out
}

func portNumbers(s *Service) string {
	var out []string
	for _, p := range s.Ports {
		out = append(out, fmt.Sprint(p.Number))
	}
	return strings.Join(out, ", ")
}

// subsetDefined reports whether any rule that can hold for a destination has its subset.
func (t *tables) subsetDefined(d *networking.Destination, list []*Service, namespace string) bool {
	for _, svc := range list {
		for _, level := range t.ruleLevels(namespace, svc.Namespace) {
			for _, pattern := range append([]string{d.Host}, t.wildcardsOf(d.Host)...) {
				for _, g := range t.ruleHosts.get(hostKey{pattern, level}) {
					for _, s := range g.merged.Spec.Subsets {
						if s.Name == d.Subset {
							return true
						}
					}
				}
			}
		}
	}
	return false
}

func (t *tables) checkGateways(v *virtual) []config.Problem {
	var out []config.Problem
	for i, g := range v.Spec.Gateways {
		namespace, name, _ := strings.Cut(g, "/")
		if g != meshGateway && t.gateways.get(config.Key{Kind: config.Gateway, Namespace: namespace, Name: name}) == nil {
			out = append(out, problem(v.Object, config.Warning, fmt.Sprintf("spec.gateways[%d]", i),
				fmt.Sprintf("there is no Gateway %s", g), "create it, or correct the name"))
		}
	}
	return out
}

// checkRivals reports hosts for which another VirtualService counts on sidecars.
func (t *tables) checkRivals(v *virtual) []config.Problem {
	var out []config.Problem
	for i, h := range v.Spec.Hosts {
		for _, other := range t.routes.get(h) {
			if other.key() == v.key() {
				break
			}
			if len(v.MeshHosts) > 0 && meet(other.Visibility, v.Visibility) && (!v.Precise() || !other.Precise()) {
				out = append(out, problem(v.Object, config.Warning, fmt.Sprintf("spec.hosts[%d]", i),
					fmt.Sprintf("%s already routes %s, and only the oldest VirtualService of a host counts on sidecars", other.key().Origin(), h),
					"merge the two, or remove one"))
				break
			}
		}
	}
	return out
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
