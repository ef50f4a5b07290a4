package mesh

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// delegateKey returns the VirtualService that a route hands over to.
func delegateKey(d *networking.Delegate, namespace string) config.Key {
	if d.Namespace != "" {
		namespace = d.Namespace
	}
	return config.Key{Kind: config.VirtualService, Namespace: namespace, Name: d.Name}
}

// delegated returns the VirtualServices that an object's routes hand over to.
func delegated(o *config.Object) []config.Key {
	if o == nil {
		return nil
	}
	spec, ok := o.Spec.(*networking.VirtualService)
	if !ok {
		return nil
	}
	var out []config.Key
	for _, r := range spec.Http {
		if r.GetDelegate() != nil {
			if key := delegateKey(r.Delegate, o.Key.Namespace); !slices.Contains(out, key) {
				out = append(out, key)
			}
		}
	}
	return out
}

// indexDelegates keeps who hands over to whom.
func (t *update) indexDelegates(before, after *config.Object) {
	for _, key := range delegated(before) {
		setList(&t.delegates, key, without(t.delegates.get(key), func(k config.Key) bool { return k == before.Key }))
	}
	for _, key := range delegated(after) {
		setList(&t.delegates, key, insert(t.delegates.get(key), after.Key, config.Key.Compare))
	}
}

// mergeDelegates puts the routes of delegates in the place of the routes that hand over to them, as Istio documents: one level
// deep, and only where the delegate's matches are subsets of the root's.
func (t *update) mergeDelegates(v *virtual) {
	if len(delegated(v.Object)) == 0 {
		return
	}
	v.Own = v.Spec
	v.Spec = proto.CloneOf(v.Own)
	v.Spec.Http = nil
	type place struct {
		delegate config.Key
		route    int
	}
	taken := map[place]bool{}
	for i, r := range v.Own.Http {
		if r.Delegate == nil {
			v.Spec.Http = append(v.Spec.Http, r)
			v.rules = append(v.rules, RuleOrigin{v.Object, i})
			continue
		}
		leaf, fault := t.delegate(v, r.Delegate)
		if fault != "" {
			p := problem(v.Object, config.Warning, fmt.Sprintf("spec.http[%d].delegate", i), fault+"; the route is left out", "correct the delegate, or remove the route")
			if leaf == nil {
				p.Code = codes.ReferenceNotFound
			}
			v.problems = append(v.problems, p)
			continue
		}
		v.Delegates = append(v.Delegates, leaf.Object.Key)
		for j, l := range leaf.Spec.Http {
			if l.Delegate != nil {
				continue
			}
			if merged := mergeRoute(r, l); merged != nil {
				v.Spec.Http = append(v.Spec.Http, merged)
				v.rules = append(v.rules, RuleOrigin{leaf.Object, j})
				taken[place{leaf.key(), j}] = true
			}
		}
		t.checkDelegate(v, i, leaf, func(j int) bool { return taken[place{leaf.key(), j}] })
	}
}

// checkDelegate reports the routes of a delegate that the last route which hands over to it leaves unused: another one may take them.
func (t *update) checkDelegate(v *virtual, i int, leaf *virtual, taken func(j int) bool) {
	for _, later := range v.Own.Http[i+1:] {
		if later.Delegate != nil && delegateKey(later.Delegate, v.key().Namespace) == leaf.key() {
			return
		}
	}
	for j, l := range leaf.Spec.Http {
		fault := "has no match that is a subset of one of this route's"
		if l.Delegate != nil {
			fault = "delegates again, which only a root may"
		}
		if !taken(j) {
			v.problems = append(v.problems, problem(v.Object, config.Warning, fmt.Sprintf("spec.http[%d].delegate", i),
				fmt.Sprintf("spec.http[%d] of the VirtualService %s/%s %s; it is left out", j, leaf.key().Namespace, leaf.key().Name, fault),
				"correct the delegate"))
		}
	}
}

// delegate resolves a delegate, or says what is wrong with it.
func (t *update) delegate(root *virtual, d *networking.Delegate) (leaf *virtual, fault string) {
	key := delegateKey(d, root.key().Namespace)
	name := key.Namespace + "/" + key.Name
	leaf = t.expanded(t.set.Get(key))
	switch {
	case leaf == nil:
		return nil, "there is no VirtualService " + name
	case len(leaf.Spec.Hosts) > 0:
		return leaf, "the VirtualService " + name + " has hosts, which a delegate must not have"
	case !leaf.Visibility.In(root.key().Namespace):
		return leaf, "the VirtualService " + name + " is not exported to this namespace"
	}
	return leaf, ""
}

// mergeRoute makes one route of a root's and a delegate's: the matches of both hold, and what only the root sets is kept. It
// returns nil when the matches contradict each other.
func mergeRoute(root, leaf *networking.HTTPRoute) *networking.HTTPRoute {
	matches, ok := mergeMatches(root.Match, leaf.Match)
	if !ok {
		return nil
	}
	out := proto.CloneOf(leaf)
	out.Match = matches
	dst := out.ProtoReflect()
	root.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if name := f.Name(); name != "match" && name != "delegate" && name != "name" && !dst.Has(f) {
			dst.Set(f, v)
		}
		return true
	})
	if root.Headers != nil && leaf.Headers != nil {
		out.Headers = proto.CloneOf(root.Headers)
		proto.Merge(out.Headers, leaf.Headers)
	}
	out.Name = strings.Trim(root.Name+"-"+leaf.Name, "-")
	return out
}

func mergeMatches(root, leaf []*networking.HTTPMatchRequest) ([]*networking.HTTPMatchRequest, bool) {
	if len(root) == 0 {
		return leaf, true
	}
	if len(leaf) == 0 {
		return root, true
	}
	var out []*networking.HTTPMatchRequest
	for _, r := range root {
		for _, l := range leaf {
			if !subsetMatch(r, l) {
				continue
			}
			m := proto.CloneOf(r)
			if len(l.Gateways) > 0 {
				m.Gateways = nil
			}
			proto.Merge(m, l)
			m.Name = strings.Trim(r.Name+"-"+l.Name, "-")
			out = append(out, m)
		}
	}
	return out, len(out) > 0
}

// subsetMatch reports whether everything that the delegate's match takes could pass the root's.
func subsetMatch(root, leaf *networking.HTTPMatchRequest) bool {
	for _, pair := range [][2]*networking.StringMatch{
		{root.Uri, leaf.Uri}, {root.Scheme, leaf.Scheme}, {root.Method, leaf.Method}, {root.Authority, leaf.Authority},
	} {
		if !subsetString(pair[0], pair[1]) {
			return false
		}
	}
	for _, pair := range [][2]map[string]*networking.StringMatch{
		{root.Headers, leaf.Headers}, {root.WithoutHeaders, leaf.WithoutHeaders}, {root.QueryParams, leaf.QueryParams},
	} {
		for name, r := range pair[0] {
			if !subsetString(r, pair[1][name]) {
				return false
			}
		}
	}
	for name, value := range root.SourceLabels {
		if l, ok := leaf.SourceLabels[name]; ok && l != value {
			return false
		}
	}
	for _, g := range leaf.Gateways {
		if len(root.Gateways) > 0 && !slices.Contains(root.Gateways, g) {
			return false
		}
	}
	return (root.Port == 0 || leaf.Port == 0 || root.Port == leaf.Port) &&
		(root.SourceNamespace == "" || leaf.SourceNamespace == "" || root.SourceNamespace == leaf.SourceNamespace) &&
		(root.Uri == nil || leaf.Uri == nil || root.IgnoreUriCase == leaf.IgnoreUriCase)
}

// subsetString reports whether what leaf takes is taken by root; where one of them is not set there is no conflict.
func subsetString(root, leaf *networking.StringMatch) bool {
	if root.GetMatchType() == nil || leaf.GetMatchType() == nil {
		return true
	}
	if prefix, ok := root.MatchType.(*networking.StringMatch_Prefix); ok {
		if _, regex := leaf.MatchType.(*networking.StringMatch_Regex); regex {
			return false
		}
		return strings.HasPrefix(leaf.GetExact()+leaf.GetPrefix(), prefix.Prefix)
	}
	return proto.Equal(root, leaf)
}
