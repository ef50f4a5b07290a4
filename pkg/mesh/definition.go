package mesh

import (
	"cmp"

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
		t.checkMembers(key, nil)
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
	t.checkMembers(key, nil)
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
	return (a == nil) == (b == nil) && len(a) == len(b) && Selects(a, b)
}
