package mesh

import (
	"maps"
	"slices"
	"strings"

	meshconfig "istio.io/api/mesh/v1alpha1"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh/convert"
)

// conversion is what became of one object of another API.
type conversion struct {
	derived []convert.Derived
	// reads are what it depends on; a key without a name is every object of its kind in its namespace.
	reads []config.Key
}

// world answers a conversion and remembers what it was asked.
type world struct {
	set   config.Set
	reads map[config.Key]bool
}

func (w world) Get(key config.Key) *config.Object {
	w.reads[key] = true
	return w.set.Get(key)
}

func (w world) In(kind config.Kind, namespace string) []*config.Object {
	w.reads[config.Key{Kind: kind, Namespace: namespace}] = true
	var out []*config.Object
	for o := range w.set.All(kind) {
		if o.Key.Namespace == namespace {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, older)
	return out
}

// derive converts again what may convert differently now, and returns what that changes.
func (t *update) derive(deltas []delta) []delta {
	stale := map[config.Key]bool{}
	kinds := convert.Kinds()
	for _, d := range deltas {
		key := d.key()
		if slices.Contains(kinds, key.Kind) {
			stale[key] = true
		}
		if key.Kind == config.K8sGateway { // that a VirtualService names it is told apart from a name of nothing
			for _, v := range t.toGateway.get(key.Namespace + "/" + key.Name) {
				t.staleChecks[v.key()] = true
			}
		}
		for _, name := range []string{key.Name, ""} {
			for _, reader := range t.readers.get(config.Key{Kind: key.Kind, Namespace: key.Namespace, Name: name}) {
				stale[reader] = true
			}
		}
	}
	var out []delta
	for _, key := range sortedKeys(stale) {
		out = append(out, t.convert(key)...)
	}
	if len(out) == 0 {
		return nil
	}
	var b config.Batch
	for _, d := range out {
		if d.after == nil {
			b.Deletes = append(b.Deletes, d.key())
		} else {
			b.Upserts = append(b.Upserts, d.after)
		}
	}
	t.derived = t.derived.With(b)
	return out
}

// convert replaces what an object was converted to.
func (t *update) convert(key config.Key) []delta {
	before := t.conversions.get(key)
	var after *conversion
	if o := t.set.Get(key); o != nil {
		w := world{t.set, map[config.Key]bool{}}
		result := convert.Object(o, w, t.conversionSettings())
		after = &conversion{derived: result.Objects, reads: sortedKeys(w.reads)}
		t.conversions.set(key, after)
		t.report(key, result.Problems)
	} else {
		t.conversions.delete(key)
		t.report(key, nil)
	}
	t.indexReads(key, before, after)
	return conversionDeltas(before, after)
}

func (t *update) indexReads(key config.Key, before, after *conversion) {
	if before != nil {
		for _, r := range before.reads {
			setList(&t.readers, r, without(t.readers.get(r), func(k config.Key) bool { return k == key }))
		}
	}
	if after != nil {
		for _, r := range after.reads {
			setList(&t.readers, r, insert(t.readers.get(r), key, config.Key.Compare))
		}
	}
}

func conversionDeltas(before, after *conversion) []delta {
	found := map[config.Key]delta{}
	if before != nil {
		for _, d := range before.derived {
			found[d.Object.Key] = delta{before: d.Object}
		}
	}
	if after != nil {
		for _, d := range after.derived {
			found[d.Object.Key] = delta{found[d.Object.Key].before, d.Object}
		}
	}
	out := slices.Collect(maps.Values(found))
	slices.SortFunc(out, func(a, b delta) int { return a.key().Compare(b.key()) })
	return out
}

func (t *update) conversionSettings() convert.Settings {
	m := t.config.Mesh
	s := convert.Settings{
		DomainSuffix: t.config.DomainSuffix, TrustDomain: t.config.TrustDomain, SystemNamespace: t.config.SystemNamespace,
		IngressClass: m.GetIngressClass(), IngressSelector: m.GetIngressSelector(),
	}
	if s.IngressClass == "" {
		s.IngressClass = "istio"
	}
	if s.IngressSelector == "" {
		s.IngressSelector = "ingressgateway"
	}
	switch m.GetIngressControllerMode() {
	case meshconfig.MeshConfig_OFF:
		s.IngressMode = convert.IngressOff
	case meshconfig.MeshConfig_DEFAULT:
		s.IngressMode = convert.IngressDefault
	}
	return s
}

// object returns an object of the mesh, written or derived.
func (t *tables) object(key config.Key) *config.Object {
	if key.Derived() {
		return t.derived.Get(key)
	}
	return t.set.Get(key)
}

// Attribute makes a problem of a derived object one of the object that people wrote, at the field that it is about.
func (s *Snapshot) Attribute(p config.Problem) config.Problem { return s.attribute(p) }

func (t *tables) attribute(p config.Problem) config.Problem {
	if !p.Object.Derived() {
		return p
	}
	key := p.Object
	p.Object = key.Origin()
	c, o := t.conversions.get(p.Object), t.set.Get(p.Object)
	if c == nil || o == nil {
		return p
	}
	for _, d := range c.derived {
		if d.Object.Key == key {
			p.Field = originField(d.Fields, p.Field)
		}
	}
	p.Position = o.FieldPosition(p.Field)
	return p
}

// originField finds what a field of a derived object was made of: the longest path that begins it decides.
func originField(fields map[string]string, field string) string {
	best := ""
	for from := range fields {
		rest, ok := strings.CutPrefix(field, from)
		if ok && len(from) > len(best) && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			best = from
		}
	}
	if best == "" {
		return "spec"
	}
	return fields[best]
}

// precise are the kinds whose rules are ordered by how much they say, and whose prefixes stand for whole segments of a path.
func precise(kind config.Kind) bool {
	return kind == config.HTTPRoute || kind == config.GRPCRoute || kind == config.Ingress
}

// Precise reports whether the Gateway API's way to match requests holds for a VirtualService instead of Istio's: the order of rules is that
// of how much they say, prefixes stand for whole segments of a path, and a destination that does not exist answers with 500.
func (v *VirtualService) Precise() bool {
	return precise(v.Object.Key.Origin().Kind) && v.Object.Key.Derived()
}
