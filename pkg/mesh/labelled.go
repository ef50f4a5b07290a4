package mesh

import (
	"slices"

	"github.com/meshctl/meshctl/internal/digest"
	"github.com/meshctl/meshctl/pkg/config"
)

// labelled is an object that holds for some proxies of a namespace and not for others, by their labels.
type labelled struct {
	key        config.Key
	visibility Visibility
	// local: an object of the root namespace does not hold for the others.
	local bool
	// selectors are the label conditions in the object, in order; each either matches a proxy or does not.
	selectors []map[string]string
	// compares are labels whose values matter, whatever they are.
	compares []string
}

func labelledVirtual(v *virtual) *labelled {
	l := &labelled{key: v.key(), visibility: v.Visibility}
	eachOrigin(v.Spec, func(m origin) {
		if labels := m.GetSourceLabels(); len(labels) > 0 {
			l.selectors = append(l.selectors, labels)
		}
	})
	return l
}

func labelledRule(r *rule) *labelled {
	return &labelled{key: r.Object.Key, visibility: r.Visibility, local: true, selectors: []map[string]string{r.Selector}}
}

// indexLabelled keeps what depends on labels, by namespace; "" holds for every namespace that sees the object.
func (t *update) indexLabelled(namespace string, l *labelled, add bool) {
	list := without(t.labelled.get(namespace), func(x *labelled) bool { return x.key == l.key })
	if add {
		list = insert(list, l, func(a, b *labelled) int { return a.key.Compare(b.key) })
	}
	setList(&t.labelled, namespace, list)
	if namespace == t.root() && !l.local {
		namespace = ""
	}
	t.change.Rekey[namespace] = true
}

// matched is one entry of what ScopeKey.Matched covers.
type matched struct {
	Key    config.Key
	Hits   []bool        // which of the conditions hold
	Values []string      // of the labels that the object compares
	Digest config.Digest // of an attached object's content
}

// matchedBy lists the label-dependent objects that match a proxy.
func (t *tables) matchedBy(p Proxy) []matched {
	var out []matched
	for i, namespace := range []string{"", p.Namespace, t.root()} {
		if i == 2 && namespace == p.Namespace {
			break
		}
		for _, l := range t.labelled.get(namespace) {
			if !l.visibility.In(p.Namespace) || l.local && l.key.Namespace != p.Namespace {
				continue
			}
			m := matched{Key: l.key, Hits: make([]bool, len(l.selectors)), Values: t.valuesOf(p, l.compares)}
			for i, s := range l.selectors {
				m.Hits[i] = Selects(s, p.Labels)
			}
			if slices.Contains(m.Hits, true) || len(m.Values) > 0 {
				out = append(out, m)
			}
		}
	}
	for _, kind := range shapingKinds() {
		for _, o := range t.attachedTo(kind, p) {
			out = append(out, matched{Key: o.Key, Digest: o.Digest})
		}
	}
	if labels := ComparedLabels(t.config.Mesh.GetLocalityLbSetting().GetFailoverPriority()); len(labels) > 0 {
		out = append(out, matched{Key: configKey(t.options), Values: t.valuesOf(p, labels)})
	}
	if p.Type == Router {
		for _, g := range t.gatewaysOf(p) {
			out = append(out, matched{Key: g.Object.Key})
		}
	}
	if own := ownSettings(p); own != nil {
		out = append(out, matched{Digest: digest.Of(own)})
	}
	slices.SortFunc(out, func(a, b matched) int { return a.Key.Compare(b.Key) })
	return out
}

// ScopeKey returns which scope a proxy belongs to.
func (s *Snapshot) ScopeKey(p Proxy) ScopeKey {
	k := ScopeKey{Type: p.Type, Mode: p.Mode, Namespace: p.Namespace, DNS: dnsOf(p)}
	if sc := s.sidecarOf(p); sc != nil {
		k.Sidecar = sc.Object.Key
	}
	if list := s.matchedBy(p); len(list) > 0 {
		k.Matched = digest.Of(list)
	}
	return k
}
