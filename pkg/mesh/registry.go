package mesh

import (
	"cmp"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/internal/digest"
	"github.com/meshctl/meshctl/pkg/config"
)

// applyServices resolves every stale host from the definitions that declare it.
func (t *update) applyServices() {
	changed := map[string]bool{}
	defer t.checkUnder(changed)
	for h := range t.staleHosts {
		list := t.services.get(h.host)
		at := slices.IndexFunc(list, func(s *Service) bool { return s.Namespace == h.namespace })
		var before *Service
		if at >= 0 {
			before = list[at]
		}
		after := mergeDefinitions(h.host, t.declared.get(h))
		if before != nil && after != nil && before.Digest == after.Digest {
			continue
		}
		list = without(list, func(s *Service) bool { return s == before })
		if after != nil {
			list = insert(list, after, preference)
		}
		setList(&t.services, h.host, list)
		t.staleBackends[h] = true
		t.serviceChanged(h)
		if isWildcard(h.host) {
			changed[h.host] = true
		}
	}
}

// serviceChanged notes everything that a changed service concerns.
func (t *update) serviceChanged(h hostKey) {
	t.presenceChanged(h.host)
	for _, d := range t.declared.get(h) {
		if d.Selector != nil {
			t.change.Inbound[h.namespace] = true
		}
	}
	t.destinationChanged(h.host)
}

// checkUnder has routes to what changed wildcards cover checked again: such a host is told apart from a name of nothing.
func (t *update) checkUnder(wildcards map[string]bool) {
	if len(wildcards) == 0 {
		return
	}
	for host := range t.toHost.all() {
		for suffix := range suffixes(host) {
			if wildcards["*"+suffix] {
				t.checkDestinationsTo(host)
				break
			}
		}
	}
}

// mergeDefinitions makes one service of all that declare a host in a namespace: the first leads, the others add ports,
// addresses and names. With one definition it is that definition's service.
func mergeDefinitions(host string, list []*definition) *Service {
	if len(list) == 0 {
		return nil
	}
	lead := list[0].service(host)
	if len(list) == 1 {
		return lead
	}
	out := *lead
	out.Digest = config.Digest{}
	for _, d := range list[1:] {
		s := d.service(host)
		for _, p := range s.Ports {
			if out.PortNumber(p.Number) == nil {
				out.Ports = insert(out.Ports, p, func(a, b Port) int { return cmp.Compare(a.Number, b.Number) })
			}
		}
		out.Addresses = union(out.Addresses, s.Addresses)
		out.SubjectAltNames = union(out.SubjectAltNames, s.SubjectAltNames)
	}
	out.Digest = digest.Of(out)
	return &out
}

// union returns a with what is only in b at its end; it never changes a.
func union(a, b []string) []string {
	out := slices.Clip(a)
	for _, s := range b {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// preference orders the services of one host in several namespaces for clients that are in neither: Kubernetes first,
// then the oldest.
func preference(a, b *Service) int {
	return cmp.Or(-compareBool(a.Name != "", b.Name != ""), a.Created.Compare(b.Created), strings.Compare(a.Namespace, b.Namespace))
}

// prefer picks the service that a namespace sees under a host, among those for which use holds.
func prefer(list []*Service, namespace string, use func(*Service) bool) *Service {
	var best *Service
	for _, s := range list {
		if !s.Visibility.In(namespace) || !use(s) {
			continue
		}
		if s.Namespace == namespace {
			return s
		}
		if best == nil {
			best = s
		}
	}
	return best
}

// PortNumber returns the port with a number, nil when there is none.
func (s *Service) PortNumber(number uint32) *Port {
	for i := range s.Ports {
		if s.Ports[i].Number == number {
			return &s.Ports[i]
		}
	}
	return nil
}
