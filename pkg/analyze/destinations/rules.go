package destinations

import (
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// rule is a DestinationRule with the services that it is for.
type rule struct {
	*config.Object
	Spec     *networking.DestinationRule
	Reach    mesh.RuleReach
	Services []*mesh.Service
}

// rules are those that have a usable host, by key.
var rules = analyze.NewFact(func(p *analyze.Pass) []*rule {
	byHost := map[string][]*mesh.Service{}
	for _, s := range p.Services() {
		byHost[s.Host] = append(byHost[s.Host], s)
	}
	var out []*rule
	for _, o := range p.All(config.DestinationRule) {
		spec, ok := o.Spec.(*networking.DestinationRule)
		reach, known := p.Mesh().RuleReach(o.Key)
		if !ok || !known {
			continue
		}
		r := &rule{Object: o, Spec: spec, Reach: reach, Services: byHost[reach.Host]}
		if reach.Wildcard() {
			r.Services = nil
			for _, s := range p.Services() {
				if reach.Covers(s.Host) {
					r.Services = append(r.Services, s)
				}
			}
		}
		out = append(out, r)
	}
	return out
})

// ruleKinds are the kinds behind rules.
func ruleKinds(more ...config.Kind) []config.Kind {
	return append(append(analyze.ServiceKinds(), config.DestinationRule, config.ConfigMap), more...)
}

// inForce returns the rule that holds for a service, for clients of one of the namespaces for which r counts; nil when r counts
// for none of them: another rule takes precedence everywhere. winner is then that other one.
func (r *rule) inForce(p *analyze.Pass, s *mesh.Service) (client string, merged, winner *mesh.DestinationRule) {
	for _, client := range r.clients(p, s) {
		found := p.Mesh().Rule(s, client, r.Reach.Selector)
		if found != nil && slices.Contains(found.From, r.Key) {
			return client, found, nil
		}
		if winner == nil {
			winner = found
		}
	}
	return "", nil, winner
}

// elsewhere stands for any namespace without rules of its own: no namespace has this name.
const elsewhere = "*"

// clients are the namespaces that see the rule, one standing for all that are alike.
func (r *rule) clients(p *analyze.Pass, s *mesh.Service) []string {
	if !r.Reach.Visibility.Public {
		return r.Reach.Visibility.Namespaces
	}
	out := []string{r.Key.Namespace}
	for _, n := range []string{s.Namespace, p.Config().Mesh.GetRootNamespace(), elsewhere} {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// clientsNamed says of which namespace clients are.
func clientsNamed(namespace string) string {
	if namespace == elsewhere {
		return "clients of other namespaces"
	}
	return "clients in " + namespace
}

// declarations are the Services and ServiceEntries of each host, by host.
var declarations = analyze.NewFact(func(p *analyze.Pass) map[string][]*config.Object {
	out := map[string][]*config.Object{}
	for _, s := range p.Services() {
		if s.From.Kind == config.Service {
			if o := p.Get(s.From); o != nil {
				out[s.Host] = append(out[s.Host], o)
			}
		}
	}
	for _, o := range p.All(config.ServiceEntry) {
		if spec, ok := o.Spec.(*networking.ServiceEntry); ok {
			for _, h := range spec.GetHosts() {
				h = strings.ToLower(strings.TrimSuffix(h, "."))
				out[h] = append(out[h], o)
			}
		}
	}
	return out
})

// selectors are the labels by which a service finds its workloads, one for each object that declares it; none where it finds them in
// another way.
func selectors(p *analyze.Pass, s *mesh.Service) []map[string]string {
	var out []map[string]string
	for _, o := range declarations.Of(p)[s.Host] {
		if o.Key.Namespace != s.Namespace {
			continue
		}
		switch spec := o.Spec.(type) {
		case *corev1.Service:
			if len(spec.Spec.Selector) > 0 && spec.Spec.Type != corev1.ServiceTypeExternalName {
				out = append(out, spec.Spec.Selector)
			}
		case *networking.ServiceEntry:
			if spec.GetWorkloadSelector() != nil && len(spec.GetEndpoints()) == 0 {
				out = append(out, spec.GetWorkloadSelector().GetLabels())
			}
		}
	}
	return out
}

// workloads are those of a service that have some labels.
func workloads(p *analyze.Pass, s *mesh.Service, labels map[string]string) []*analyze.Workload {
	var out []*analyze.Workload
	for _, selector := range selectors(p, s) {
		for _, w := range analyze.AllWorkloads(p).Selected(s.Namespace, selector) {
			if mesh.Selects(labels, w.Labels) && !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
	}
	return out
}
