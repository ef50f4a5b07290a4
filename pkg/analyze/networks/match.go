package networks

import (
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
)

// nameLabel is on every namespace; Kubernetes puts it there.
const nameLabel = "kubernetes.io/metadata.name"

// end is the other end of traffic: pods in a namespace of this cluster.
type end struct {
	namespace string
	// labels of the namespace; nil when they are not known.
	namespaceLabels map[string]string
	// pods are the possible pods; when none are known, hint is what occurs in their labels.
	pods []*analyze.Workload
	hint string
}

func newEnd(p *analyze.Pass, namespace string) end {
	e := end{namespace: namespace}
	if o := p.Get(config.Key{Kind: config.Namespace, Name: namespace}); o != nil {
		e.namespaceLabels = map[string]string{nameLabel: namespace}
		for k, v := range o.Meta.Labels {
			e.namespaceLabels[k] = v
		}
	}
	return e
}

// matches reports whether a peer may be some of the end's pods. What is not known of namespaces and pods is taken as the policy's author
// meant it.
func (x peer) matches(e end) bool {
	switch {
	case x.block != nil:
		return local(x.block)
	case x.namespaces == nil:
		return x.own == e.namespace && e.hasPods(x.pods)
	}
	return e.inNamespaces(x.namespaces) && e.hasPods(x.pods)
}

func (e end) inNamespaces(s labels.Selector) bool {
	if e.namespaceLabels != nil {
		return s.Matches(labels.Set(e.namespaceLabels))
	}
	requirements, _ := s.Requirements()
	return !slices.ContainsFunc(requirements, func(r labels.Requirement) bool { return !e.meant(r) })
}

// meant reports whether a namespace of unknown labels may meet a requirement. A label whose key ends in "name" is taken to hold the name.
func (e end) meant(r labels.Requirement) bool {
	if !strings.HasSuffix(strings.ToLower(r.Key()), "name") {
		return true
	}
	has := r.ValuesUnsorted()
	switch r.Operator() {
	case selection.Equals, selection.DoubleEquals, selection.In:
		return slices.Contains(has, e.namespace)
	case selection.NotEquals, selection.NotIn:
		return !slices.Contains(has, e.namespace)
	}
	return r.Operator() != selection.DoesNotExist || r.Key() != nameLabel
}

func (e end) hasPods(s labels.Selector) bool {
	if s == nil || s.Empty() {
		return true
	}
	if len(e.pods) > 0 {
		return slices.ContainsFunc(e.pods, func(w *analyze.Workload) bool { return s.Matches(labels.Set(w.Labels)) })
	}
	if e.hint == "" {
		return true
	}
	requirements, _ := s.Requirements()
	return !slices.ContainsFunc(requirements, func(r labels.Requirement) bool {
		return (r.Operator() == selection.In || r.Operator() == selection.Equals || r.Operator() == selection.DoubleEquals) &&
			!slices.ContainsFunc(r.ValuesUnsorted(), func(v string) bool { return strings.Contains(v, e.hint) })
	})
}

// local reports whether a block has addresses that pods, services and nodes usually have: private, shared and link-local ones.
func local(b *networkingv1.IPBlock) bool {
	block, err := netip.ParsePrefix(b.CIDR)
	if err != nil {
		return true
	}
	for _, usual := range [...]string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "fe80::/10"} {
		if inside := netip.MustParsePrefix(usual); inside.Overlaps(block) && !excepted(b, inside, block) {
			return true
		}
	}
	return false
}

// excepted reports whether a block leaves out all that it has in common with a range.
func excepted(b *networkingv1.IPBlock, usual, block netip.Prefix) bool {
	common := usual
	if block.Bits() > usual.Bits() {
		common = block
	}
	return slices.ContainsFunc(b.Except, func(text string) bool {
		except, err := netip.ParsePrefix(text)
		return err == nil && except.Bits() <= common.Bits() && except.Contains(common.Addr())
	})
}

// to reports whether a rule may have the end among its peers.
func (r rule) to(e end) bool {
	return len(r.peers) == 0 || slices.ContainsFunc(r.peers, func(x peer) bool { return x.matches(e) })
}

// at reports whether a rule is about a port. named are the names that the receiving pods give it; with none, names are taken as meant.
func (r rule) at(protocol corev1.Protocol, port int32, named []string) bool {
	return len(r.ports) == 0 || slices.ContainsFunc(r.ports, func(p networkingv1.NetworkPolicyPort) bool {
		if transport(p) != protocol {
			return false
		}
		switch {
		case p.Port == nil:
			return true
		case p.Port.Type == intstr.String:
			return len(named) == 0 || slices.Contains(named, p.Port.StrVal)
		case p.EndPort != nil:
			return p.Port.IntVal <= port && port <= *p.EndPort
		}
		return p.Port.IntVal == port
	})
}

// names reports whether a rule lists a port by itself: then it is about that port's service, whoever the peers are.
func (r rule) names(protocol corev1.Protocol, ports ...int32) bool {
	return slices.ContainsFunc(r.ports, func(p networkingv1.NetworkPolicyPort) bool {
		return transport(p) == protocol && p.Port != nil && p.Port.Type == intstr.Int && slices.Contains(ports, p.Port.IntVal)
	})
}

func transport(p networkingv1.NetworkPolicyPort) corev1.Protocol {
	if p.Protocol == nil {
		return corev1.ProtocolTCP
	}
	return *p.Protocol
}

// portNames are the names that pods give a port.
func portNames(containers []corev1.Container, port int32) []string {
	out := []string{""} // so that a name that no container has is no name of the port
	for _, c := range containers {
		for _, p := range c.Ports {
			if p.ContainerPort == port && p.Name != "" {
				out = append(out, p.Name)
			}
		}
	}
	return out
}
