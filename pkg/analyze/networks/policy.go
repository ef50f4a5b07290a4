package networks

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
)

// direction is one that a policy may isolate its pods in.
type direction int

const (
	ingress direction = iota
	egress
)

// policy is a NetworkPolicy, read.
type policy struct {
	object   *config.Object
	selector labels.Selector
	// required are the labels that the selector asks for by equality.
	required map[string]string
	isolates [2]bool
	rules    [2][]rule
}

// rule lets traffic through from, or to, any of the peers (everybody, where there are none) at any of the ports (all, likewise).
type rule struct {
	peers []peer
	ports []networkingv1.NetworkPolicyPort
}

// peer is one kind of other end: addresses, or pods.
type peer struct {
	block      *networkingv1.IPBlock
	namespaces labels.Selector // nil: the policy's own
	pods       labels.Selector // nil: all
	own        string          // the policy's namespace
}

// policies is the fact of all NetworkPolicies by namespace. Those whose selectors Kubernetes would refuse are left out.
var policies = analyze.NewFact(func(p *analyze.Pass) map[string][]*policy {
	out := map[string][]*policy{}
	for _, o := range p.All(config.NetworkPolicy) {
		spec, ok := o.Spec.(*networkingv1.NetworkPolicy)
		if !ok {
			continue
		}
		if read := readPolicy(o, &spec.Spec); read != nil {
			out[o.Key.Namespace] = append(out[o.Key.Namespace], read)
		}
	}
	return out
})

func readPolicy(o *config.Object, spec *networkingv1.NetworkPolicySpec) *policy {
	selector, err := metav1.LabelSelectorAsSelector(&spec.PodSelector)
	if err != nil {
		return nil
	}
	out := &policy{object: o, selector: selector, required: spec.PodSelector.MatchLabels}
	for _, t := range spec.PolicyTypes {
		out.isolates[ingress] = out.isolates[ingress] || t == networkingv1.PolicyTypeIngress
		out.isolates[egress] = out.isolates[egress] || t == networkingv1.PolicyTypeEgress
	}
	if len(spec.PolicyTypes) == 0 {
		out.isolates = [2]bool{ingress: true, egress: len(spec.Egress) > 0}
	}
	for _, r := range spec.Ingress {
		if peers, ok := readPeers(o, r.From); ok {
			out.rules[ingress] = append(out.rules[ingress], rule{peers, r.Ports})
		}
	}
	for _, r := range spec.Egress {
		if peers, ok := readPeers(o, r.To); ok {
			out.rules[egress] = append(out.rules[egress], rule{peers, r.Ports})
		}
	}
	return out
}

// readPeers returns the peers of a rule; ok is false when there are some and none can be read, so that the rule admits nobody.
func readPeers(o *config.Object, list []networkingv1.NetworkPolicyPeer) (out []peer, ok bool) {
	for _, given := range list {
		one := peer{block: given.IPBlock, own: o.Key.Namespace}
		var err, also error
		if given.NamespaceSelector != nil {
			one.namespaces, err = metav1.LabelSelectorAsSelector(given.NamespaceSelector)
		}
		if given.PodSelector != nil {
			one.pods, also = metav1.LabelSelectorAsSelector(given.PodSelector)
		}
		if err == nil && also == nil {
			out = append(out, one)
		}
	}
	return out, len(out) > 0 || len(list) == 0
}

// subject is pods that the same policies select: those of a workload, or those that a policy means while no workload of its namespace is
// known.
type subject struct {
	namespace string
	// workload is nil for pods that are not known.
	workload *analyze.Workload
	// policies select the pods for sure. Others may select some of those that are not known.
	policies, others []*policy
}

// subjects is the fact of everything that policies select. Pods in the host's network are not concerned, and what a controller made is
// judged where it is defined.
var subjects = analyze.NewFact(func(p *analyze.Pass) []*subject {
	var out []*subject
	byNamespace := policies.Of(p)
	for _, o := range p.All(config.NetworkPolicy) { // in the order of their keys
		list := byNamespace[o.Key.Namespace]
		i := slices.IndexFunc(list, func(one *policy) bool { return one.object == o })
		if i < 0 {
			continue
		}
		pods := pods(p, o.Key.Namespace)
		if i == 0 {
			out = append(out, selected(list, pods)...)
		}
		if len(pods) == 0 {
			out = append(out, unknown(list[i], list))
		}
	}
	return out
})

func pods(p *analyze.Pass, namespace string) []*analyze.Workload {
	return slices.DeleteFunc(slices.Clone(analyze.AllWorkloads(p).Selected(namespace, nil)), func(w *analyze.Workload) bool {
		meta, ok := w.Object.Spec.(metav1.Object)
		return w.Pod == nil || w.Pod.Spec.HostNetwork || ok && len(meta.GetOwnerReferences()) > 0
	})
}

func selected(list []*policy, pods []*analyze.Workload) []*subject {
	var out []*subject
	for _, w := range pods {
		s := &subject{namespace: w.Namespace, workload: w}
		for _, one := range list {
			if one.selector.Matches(labels.Set(w.Labels)) {
				s.policies = append(s.policies, one)
			}
		}
		if len(s.policies) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// unknown is the pods that a policy means. Which others select some of them as well cannot be told for sure, unless they select all.
func unknown(one *policy, list []*policy) *subject {
	s := &subject{namespace: one.object.Key.Namespace, policies: []*policy{one}}
	for _, other := range list {
		switch {
		case other == one:
		case other.selector.Empty():
			s.policies = append(s.policies, other)
		case !contradict(one.required, other.required):
			s.others = append(s.others, other)
		}
	}
	return s
}

// contradict reports whether no pod can have the labels of both.
func contradict(a, b map[string]string) bool {
	for k, v := range a {
		if other, ok := b[k]; ok && other != v {
			return true
		}
	}
	return false
}

// isolated reports whether the pods take or send nothing but what a rule lets through.
func (s *subject) isolated(d direction) bool {
	return slices.ContainsFunc(s.policies, func(one *policy) bool { return one.isolates[d] })
}

// passes reports whether a rule that satisfies the condition may hold for the pods, or they are not isolated at all.
func (s *subject) passes(d direction, condition func(rule) bool) bool {
	return !s.isolated(d) || slices.ContainsFunc(slices.Concat(s.policies, s.others), func(one *policy) bool {
		return one.isolates[d] && slices.ContainsFunc(one.rules[d], condition)
	})
}

// culprit is the policy that isolates the pods: the one that lets the least through.
func (s *subject) culprit(d direction) *policy {
	var out *policy
	for _, one := range s.policies {
		if one.isolates[d] && (out == nil || len(one.rules[d]) < len(out.rules[d])) {
			out = one
		}
	}
	return out
}

// field is where the policy says that it isolates.
func (one *policy) field(d direction) string {
	spec, _ := one.object.Spec.(*networkingv1.NetworkPolicy)
	if len(spec.Spec.PolicyTypes) > 0 {
		return "spec.policyTypes"
	}
	return [...]string{ingress: "spec.ingress", egress: "spec.egress"}[d]
}

// name describes the pods to people.
func (s *subject) name() string {
	if s.workload != nil {
		return "the pods of " + s.workload.Object.Key.String()
	}
	if s.policies[0].selector.Empty() {
		return "all pods of the namespace " + s.namespace
	}
	return "the pods with " + s.policies[0].selector.String() + " in the namespace " + s.namespace
}

// containers of the pods; none are known of pods that are not.
func (s *subject) containers() []corev1.Container {
	if s.workload == nil {
		return nil
	}
	return slices.Concat(s.workload.Pod.Spec.InitContainers, s.workload.Pod.Spec.Containers)
}
