package mesh

import (
	"fmt"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// missing makes a problem one of a reference to what is not there.
func missing(p config.Problem, needs ...config.Kind) config.Problem {
	p.Code = codes.ReferenceNotFound
	copy(p.Needs[:], needs)
	return p
}

// checkDestinations reports destinations that requests cannot reach: of delegates at the delegate.
func (t *tables) checkDestinations(v *virtual) []config.Problem {
	var out []config.Problem
	position := v.Object.FieldPositions() // a large object may have many
	warn := func(field, message, fix string) config.Problem {
		return config.Problem{
			Position: position(field), Object: v.key(), Field: field, Severity: config.Warning, Code: config.Unresolved(config.Warning), Message: message, Fix: fix,
		}
	}
	eachDestination(v.Own, func(field string, d *networking.Destination) {
		if d.Host == "" {
			return // reported as such
		}
		found, exact := t.registered(d.Host, func(s *Service) bool { return v.reaches(s) })
		switch {
		case len(found) > 0 && exact:
		case len(found) > 0:
			out = append(out, warn(field,
				fmt.Sprintf("no service has the very host %s; %s covers the name, but routes lead to declared hosts only, and requests get 503", d.Host, found[0].Host),
				"add the host to a ServiceEntry"))
		default:
			message, fix, needs := t.unreachable(v, d.Host)
			out = append(out, missing(warn(field, message, fix), needs...))
		}
		if n := d.GetPort().GetNumber(); n != 0 && len(found) > 0 && !slices.ContainsFunc(found, func(s *Service) bool { return s.PortNumber(n) != nil }) {
			out = append(out, missing(warn(strings.TrimSuffix(field, "host")+"port.number",
				fmt.Sprintf("%s has no port %d; requests get 503", d.Host, n), "use one of its ports: "+portNumbers(found[0]))))
		}
		if d.Subset != "" && !t.subsetDefined(d, v) {
			out = append(out, missing(warn(strings.TrimSuffix(field, "host")+"subset",
				fmt.Sprintf("no DestinationRule for %s defines the subset %q; requests get 503", d.Host, d.Subset),
				"add the subset to a DestinationRule"), config.DestinationRule))
		}
	})
	return out
}

func (t *tables) unreachable(v *virtual, host string) (message, fix string, needs []config.Kind) {
	if hidden, _ := t.registered(host, func(*Service) bool { return true }); len(hidden) > 0 {
		return fmt.Sprintf("%s exists, but %s does not export it to namespace %s; requests get 503", host, hidden[0].From, v.key().Namespace),
			"add the namespace to its exportTo", nil
	}
	return fmt.Sprintf("no service has the host %s; requests get 503", host), "create a Service or ServiceEntry, or correct the name",
		HostKinds(host, t.config.DomainSuffix)
}

// HostKinds are the kinds of which one makes a service with a host, given the domain of the cluster's Services. A name in that domain is a
// Service's, so that ServiceEntries alone do not tell that it is missing.
func HostKinds(host, domain string) []config.Kind {
	if strings.HasSuffix(host, ".svc."+domain) {
		return []config.Kind{config.Service}
	}
	return []config.Kind{config.Service, config.ServiceEntry}
}

// registered lists the services of a host for which use holds, or else those of the most specific wildcard that covers it; exact is false
// then.
func (t *tables) registered(host string, use func(*Service) bool) (found []*Service, exact bool) {
	not := func(s *Service) bool { return !use(s) }
	if found = without(t.services.get(host), not); len(found) > 0 {
		return found, true
	}
	for suffix := range suffixes(host) {
		if found = without(t.services.get("*"+suffix), not); len(found) > 0 {
			break
		}
	}
	return found, false
}

// reaches reports whether clients that follow the VirtualService see a service: those of its own namespace, or of the namespaces to which
// it is exported.
func (v *virtual) reaches(s *Service) bool {
	if v.Visibility.Public {
		return s.Visibility.In(v.key().Namespace)
	}
	return meet(v.Visibility, s.Visibility)
}

func portNumbers(s *Service) string {
	var out []string
	for _, p := range s.Ports {
		out = append(out, fmt.Sprint(p.Number))
	}
	return strings.Join(out, ", ")
}

// subsetDefined reports whether any rule that can hold for a destination has its subset: in a namespace of the clients, of the service, or
// in the root namespace.
func (t *tables) subsetDefined(d *networking.Destination, v *virtual) bool {
	homes := []string{t.root(), t.namespaceOf(d.Host)}
	for _, s := range t.services.get(d.Host) {
		homes = append(homes, s.Namespace)
	}
	for _, pattern := range append([]string{d.Host}, t.wildcardsOf(d.Host)...) {
		for _, namespace := range t.ruleSpaces.get(pattern) {
			for _, g := range t.ruleHosts.get(hostKey{pattern, namespace}) {
				holds := v.Visibility.In(namespace) || slices.Contains(homes, namespace) && meet(g.visibility, v.Visibility)
				if holds && slices.ContainsFunc(g.merged.Spec.Subsets, func(s *networking.Subset) bool { return s.Name == d.Subset }) {
					return true
				}
			}
		}
	}
	return false
}

// namespaceOf is the namespace that the name of a Kubernetes Service says, "" for other names.
func (t *tables) namespaceOf(host string) string {
	name, ok := strings.CutSuffix(host, ".svc."+t.config.DomainSuffix)
	if !ok {
		return ""
	}
	return name[strings.LastIndexByte(name, '.')+1:]
}

func (t *tables) checkGateways(v *virtual) []config.Problem {
	var out []config.Problem
	for i, g := range v.Spec.Gateways {
		namespace, name, _ := strings.Cut(g, "/")
		field := fmt.Sprintf("spec.gateways[%d]", i)
		switch {
		case g == meshGateway || strings.Contains(name, InternalGateway):
		case t.gateways.get(config.Key{Kind: config.Gateway, Namespace: namespace, Name: name}) != nil:
		case t.set.Get(config.Key{Kind: config.K8sGateway, Namespace: namespace, Name: name}) != nil:
			out = append(out, problem(v.Object, config.Warning, field,
				fmt.Sprintf("%s is a Gateway of the Gateway API, to which VirtualServices do not bind; it has no effect there", g), "write an HTTPRoute instead"))
		default:
			out = append(out, missing(problem(v.Object, config.Warning, field, fmt.Sprintf("there is no Gateway %s", g), "create it, or correct the name"),
				config.Gateway, config.K8sGateway))
		}
	}
	return out
}
