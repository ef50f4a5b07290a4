package mesh

import (
	"cmp"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/internal/digest"
	"github.com/meshctl/meshctl/pkg/config"
)

// definition is what one Service or ServiceEntry declares.
type definition struct {
	Object *config.Object
	// Services are the hosts, one each, before definitions of the same host are merged.
	Services []*Service
	// Selector finds the workloads of the definition; nil finds none.
	Selector map[string]string
	// Inline are the endpoints that a ServiceEntry lists itself.
	Inline []*instance
	// External is the name that an ExternalName Service stands for.
	External string
	// NotReady: endpoints count before they are ready (publishNotReadyAddresses).
	NotReady bool
	// IPv6: the Service prefers IPv6 addresses.
	IPv6   bool
	Digest config.Digest
}

func (d *definition) key() config.Key { return d.Object.Key }

// service returns the definition's service of a host.
func (d *definition) service(host string) *Service {
	for _, s := range d.Services {
		if s.Host == host {
			return s
		}
	}
	return nil
}

// leads orders the definitions of one host in one namespace: Kubernetes Services before ServiceEntries, then the oldest.
func leads(a, b *definition) int {
	return cmp.Or(-compareBool(a.key().Kind == config.Service, b.key().Kind == config.Service), older(a.Object, b.Object))
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// readDefinition parses a changed Service or ServiceEntry.
func (t *update) readDefinition(d delta) {
	key := d.key()
	before := t.definitions.get(key)
	var after *definition
	var problems []config.Problem
	if d.after != nil {
		if key.Kind == config.Service {
			after, problems = t.parseService(d.after)
		} else {
			after, problems = t.parseServiceEntry(d.after)
		}
	}
	t.report(key, problems)
	t.replaceDefinition(key, before, after)
}

// replaceDefinition puts a definition in the place of another; either may be nil.
func (t *update) replaceDefinition(key config.Key, before, after *definition) {
	if after != nil {
		after.Digest = digest.Of(struct {
			Services []*Service
			Selector map[string]string
			Inline   []*instance
			External string
			NotReady bool
			IPv6     bool
		}{after.Services, after.Selector, after.Inline, after.External, after.NotReady, after.IPv6})
	}
	if before != nil && after != nil && before.Digest == after.Digest {
		after = before.moved(after.Object)
	} else if before != nil && before.Selector != nil || after != nil && after.Selector != nil {
		t.change.Inbound[key.Namespace] = true
	}
	if before != nil {
		t.forgetDefinition(before)
	}
	if after == nil {
		t.definitions.delete(key)
		setList(&t.members, key, nil)
		return
	}
	t.definitions.set(key, after)
	for _, s := range after.Services {
		h := hostKey{s.Host, s.Namespace}
		setList(&t.declared, h, insert(t.declared.get(h), after, leads))
		t.staleHosts[h] = true
		t.staleBackends[h] = true
	}
	if bucket, ok := after.bucket(); ok {
		setList(&t.selectors, bucket, insert(t.selectors.get(bucket), after, leads))
		if before == nil || !sameLabels(before.Selector, after.Selector) {
			t.reselected = append(t.reselected, after)
		}
	} else {
		setList(&t.members, key, nil)
	}
}

// forgetDefinition takes a definition out of the indices.
func (t *update) forgetDefinition(before *definition) {
	gone := func(x *definition) bool { return x.key() == before.key() }
	for _, s := range before.Services {
		h := hostKey{s.Host, s.Namespace}
		setList(&t.declared, h, without(t.declared.get(h), gone))
		t.staleHosts[h] = true
		t.staleBackends[h] = true
	}
	if bucket, ok := before.bucket(); ok {
		setList(&t.selectors, bucket, without(t.selectors.get(bucket), gone))
	}
}

// moved returns the definition with the same content read from another place.
func (d *definition) moved(o *config.Object) *definition {
	out := *d
	out.Object = o
	return &out
}

// bucket names the index entry of the selector: one of its labels, by which workloads find it.
func (d *definition) bucket() (nsName, bool) {
	if d.Selector == nil {
		return nsName{}, false
	}
	return nsName{d.key().Namespace, firstPair(d.Selector)}, true
}

// firstPair returns one label of a selector as "label=value", "" for the empty selector. The longest pair is taken, as it is
// the likeliest to be rare.
func firstPair(selector map[string]string) string {
	best := ""
	for k, v := range selector {
		pair := k + "=" + v
		if len(pair) > len(best) || len(pair) == len(best) && pair < best {
			best = pair
		}
	}
	return best
}

func sameLabels(a, b map[string]string) bool {
	return (a == nil) == (b == nil) && len(a) == len(b) && labelsMatch(a, b)
}

// applyServices resolves every stale host from the definitions that declare it.
func (t *update) applyServices() {
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
		t.serviceChanged(h, before, after)
	}
}

// serviceChanged notes everything that a changed service concerns.
func (t *update) serviceChanged(h hostKey, before, after *Service) {
	t.mark(h.host, Endpoints|Clusters|Routes|Listeners)
	for _, d := range t.declared.get(h) {
		if d.Selector != nil {
			t.change.Inbound[h.namespace] = true
		}
	}
	t.destinationChanged(h.host, before == nil || after == nil)
	for _, pattern := range t.wildcardsOf(h.host) { // a wildcard without services is a host of its own
		if len(t.routes.get(pattern)) > 0 {
			t.mark(pattern, Routes)
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
