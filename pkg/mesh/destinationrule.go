package mesh

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/internal/digest"
	"github.com/meshctl/meshctl/pkg/config"
)

// rule is one DestinationRule object.
type rule struct {
	Object     *config.Object
	Spec       *networking.DestinationRule
	Host       string
	Selector   map[string]string // nil: every workload
	Visibility Visibility
	Digest     config.Digest
}

// ruleGroup is the rules of one namespace for one host with the same selector and visibility, merged.
type ruleGroup struct {
	rules      []*rule // oldest first
	selector   map[string]string
	visibility Visibility
	merged     *DestinationRule
}

// readRule takes in a changed DestinationRule.
func (t *update) readRule(d delta) {
	key := d.key()
	if key.Derived() { // its authorities are among what sidecars have of their own
		t.change.Inbound[""] = true
	}
	before := t.rules.get(key)
	var after *rule
	if d.after != nil {
		var problems []config.Problem
		after, problems = t.parseRule(d.after)
		t.report(key, problems)
	}
	if before != nil {
		t.rules.delete(key)
		t.regroup(before, false)
	}
	if after != nil {
		t.rules.set(key, after)
		t.regroup(after, true)
	}
	if before != nil && after != nil && before.Digest == after.Digest {
		return
	}
	for _, r := range []*rule{before, after} {
		if r != nil {
			t.staleRules[hostKey{r.Host, key.Namespace}] = true
			t.useCredential(r.credentials(), key, r == after)
			t.changedRules = append(t.changedRules, r)
		}
	}
}

func (t *update) parseRule(o *config.Object) (*rule, []config.Problem) {
	in, ok := o.Spec.(*networking.DestinationRule)
	if !ok {
		return nil, nil
	}
	r := &rule{
		Object: o, Host: fqdn(in.Host, o.Key.Namespace, t.config.DomainSuffix),
		Visibility: visibility(in.ExportTo, t.config.Mesh.DefaultDestinationRuleExportTo, o.Key.Namespace),
	}
	if r.Host == "" || isWildcard(r.Host) && r.Host != "*" && !strings.HasPrefix(r.Host, "*.") {
		return nil, []config.Problem{problem(o, config.Error, "spec.host", fmt.Sprintf("%q is not a host", in.Host), "write the name of a service, or a wildcard such as *.example.com")}
	}
	if labels := in.GetWorkloadSelector().GetMatchLabels(); len(labels) > 0 {
		r.Selector = labels
	}
	r.Spec = proto.CloneOf(in)
	r.Spec.Host = r.Host
	problems := append(checkDestination(o, in), dropDoubleSubsets(o, r.Spec)...)
	r.Digest = digest.Of(struct {
		Key        config.Key
		Meta       config.Meta
		Spec       *networking.DestinationRule
		Visibility Visibility
	}{o.Key, config.Meta{Created: o.Meta.Created}, r.Spec, r.Visibility})
	return r, problems
}

// dropDoubleSubsets keeps the first subset of each name.
func dropDoubleSubsets(o *config.Object, spec *networking.DestinationRule) []config.Problem {
	var problems []config.Problem
	kept := spec.Subsets[:0]
	for i, s := range spec.Subsets {
		if slices.ContainsFunc(kept, func(k *networking.Subset) bool { return k.Name == s.Name }) {
			problems = append(problems, problem(o, config.Warning, fmt.Sprintf("spec.subsets[%d].name", i),
				fmt.Sprintf("the subset %q is already defined; this one is left out", s.Name), "give each subset its own name"))
			continue
		}
		kept = append(kept, s)
	}
	spec.Subsets = kept
	return problems
}

// regroup puts a rule into the group of its host, or takes it out.
func (t *update) regroup(r *rule, add bool) {
	h := hostKey{r.Host, r.Object.Key.Namespace}
	same := func(g *ruleGroup) bool {
		return sameLabels(g.selector, r.Selector) && equalVisibility(g.visibility, r.Visibility)
	}
	list := t.ruleHosts.get(h)
	var rules []*rule
	if at := slices.IndexFunc(list, same); at >= 0 {
		rules = without(list[at].rules, func(x *rule) bool { return x.Object.Key == r.Object.Key })
		list = without(list, same)
	}
	if add {
		rules = insert(rules, r, func(a, b *rule) int { return older(a.Object, b.Object) })
	}
	if len(rules) > 0 {
		g := &ruleGroup{rules: rules, selector: r.Selector, visibility: r.Visibility, merged: mergeRules(rules)}
		list = insert(list, g, func(a, b *ruleGroup) int { return older(a.rules[0].Object, b.rules[0].Object) })
	}
	setList(&t.ruleHosts, h, list)
	spaces := without(t.ruleSpaces.get(h.host), func(n string) bool { return n == h.namespace })
	if len(list) > 0 {
		spaces = insert(spaces, h.namespace, strings.Compare)
	}
	setList(&t.ruleSpaces, h.host, spaces)
	t.useWildcard(r.Host, add)
	if r.Selector != nil {
		t.indexLabelled(h.namespace, labelledRule(r), add)
	}
	if labels := comparedLabels(r.Spec); len(labels) > 0 {
		t.indexLabelled("", &labelled{key: r.Object.Key, visibility: r.Visibility, compares: labels}, add)
	}
}

// mergeRules makes one rule of several for one host, as Istio documents: the oldest leads, the others add their subsets; a
// traffic policy of the whole host counts only in the first that has one.
func mergeRules(rules []*rule) *DestinationRule {
	lead := rules[0]
	out := &DestinationRule{Spec: lead.Spec, From: []config.Key{lead.Object.Key}, Digest: lead.Digest}
	if len(rules) == 1 {
		return out
	}
	out.Spec = proto.CloneOf(lead.Spec)
	digests := []config.Digest{lead.Digest}
	for _, r := range rules[1:] {
		digests = append(digests, r.Digest)
		out.From = append(out.From, r.Object.Key)
		if out.Spec.TrafficPolicy == nil {
			out.Spec.TrafficPolicy = r.Spec.TrafficPolicy
		}
		for _, s := range r.Spec.Subsets {
			if !slices.ContainsFunc(out.Spec.Subsets, func(k *networking.Subset) bool { return k.Name == s.Name }) {
				out.Spec.Subsets = append(out.Spec.Subsets, s)
			}
		}
	}
	out.Digest = digest.Of(digests)
	return out
}

// applyRules notes what the changed rules concern.
func (t *update) applyRules() {
	for _, r := range t.changedRules {
		t.poolsChanged(r)
	}
	for h := range t.staleRules {
		concern := func(host string) {
			t.mark(host, Clusters|Routes|Listeners)
			t.destinationChanged(host)
		}
		concern(h.host)
		t.eachCovered(h.host, concern)
		if isWildcard(h.host) {
			for host := range t.toHost.all() {
				if hostCovers(h.host, host) {
					t.destinationChanged(host)
				}
			}
		}
	}
}

// ruleLevels are the namespaces in which a rule for a service is looked for, in order: the client's, the
// service's, the root namespace. For clients in the root namespace that one comes last all the same: its rules are meant for the
// whole mesh, and must not hide a service's own from gateways.
func (t *tables) ruleLevels(client, service string) []string {
	if client == t.root() {
		client = service
	}
	out := []string{client}
	for _, n := range []string{service, t.root()} {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// rule returns the DestinationRule in force for a host of a service's namespace, for a client with labels in a namespace;
// nil when there is none. At each level the most specific host wins; a rule that selects the client by its labels wins over
// one that does not, and holds in its own namespace only.
func (t *tables) rule(host, serviceNamespace, client string, labels map[string]string) *DestinationRule {
	patterns := append([]string{host}, t.wildcardsOf(host)...)
	if client == t.root() { // what it keeps to itself is meant for it, and goes first
		for _, pattern := range patterns {
			private := without(t.ruleHosts.get(hostKey{pattern, client}), func(g *ruleGroup) bool { return !g.visibility.only(client) })
			if r := pickRule(private, client, client, labels); r != nil {
				return r
			}
		}
	}
	for _, level := range t.ruleLevels(client, serviceNamespace) {
		for _, pattern := range patterns {
			if r := pickRule(t.ruleHosts.get(hostKey{pattern, level}), level, client, labels); r != nil {
				return r
			}
		}
	}
	return nil
}

func pickRule(groups []*ruleGroup, level, client string, labels map[string]string) *DestinationRule {
	var plain *DestinationRule
	for _, g := range groups {
		switch {
		case !g.visibility.In(client):
		case g.selector == nil && plain == nil:
			plain = g.merged
		case g.selector != nil && level == client && Selects(g.selector, labels):
			return g.merged
		}
	}
	return plain
}
