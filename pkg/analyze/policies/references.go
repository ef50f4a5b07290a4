package policies

import (
	"fmt"
	"path"
	"strings"

	security "istio.io/api/security/v1beta1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

func references() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "authorizationpolicy-references",
		Doc:   "namespaces and services that AuthorizationPolicies name and that do not exist",
		Codes: []codes.Code{codes.ReferenceNotFound},
		Kinds: workloadKinds(config.AuthzPolicy, config.ConfigMap, config.Service, config.ServiceEntry),
		Run: func(p *analyze.Pass) {
			r := &referenceCheck{Pass: p, known: namespaces(p)}
			for _, o := range p.All(config.AuthzPolicy) {
				if spec, ok := o.Spec.(*security.AuthorizationPolicy); ok && !o.Key.Derived() {
					r.policy(o, spec)
				}
			}
		},
	}
}

// namespaces are those that exist for sure: they are in the input, something is in them, or every cluster has them.
func namespaces(p *analyze.Pass) map[string]bool {
	out := map[string]bool{
		"default": true, "kube-system": true, "kube-public": true, "kube-node-lease": true,
		p.Config().Mesh.GetRootNamespace(): true, p.Config().SystemNamespace: true,
	}
	for _, o := range p.All(config.Namespace) {
		out[o.Key.Name] = true
	}
	for _, w := range analyze.AllWorkloads(p).All {
		out[w.Namespace] = true
	}
	return out
}

// referenceCheck looks up what policies name.
type referenceCheck struct {
	*analyze.Pass
	known map[string]bool
}

func (r *referenceCheck) policy(o *config.Object, spec *security.AuthorizationPolicy) {
	for i, rule := range spec.GetRules() {
		at := fmt.Sprintf("spec.rules[%d].", i)
		for j, from := range rule.GetFrom() {
			source := fmt.Sprintf("%sfrom[%d].source.", at, j)
			r.namespaces(o, source+"namespaces", from.GetSource().GetNamespaces())
			r.namespaces(o, source+"notNamespaces", from.GetSource().GetNotNamespaces())
		}
		for j, to := range rule.GetTo() {
			operation := fmt.Sprintf("%sto[%d].operation.", at, j)
			r.hosts(o, operation+"hosts", to.GetOperation().GetHosts())
			r.hosts(o, operation+"notHosts", to.GetOperation().GetNotHosts())
		}
		for j, when := range rule.GetWhen() {
			if when.GetKey() == "source.namespace" {
				condition := fmt.Sprintf("%swhen[%d].", at, j)
				r.namespaces(o, condition+"values", when.GetValues())
				r.namespaces(o, condition+"notValues", when.GetNotValues())
			}
		}
	}
}

func (r *referenceCheck) namespaces(o *config.Object, field string, list []string) {
	for i, name := range list {
		if name == "" || name == o.Key.Namespace || r.exists(name) {
			continue
		}
		if !r.Knows(config.Namespace) {
			r.Open(codes.ReferenceNotFound, o, "Namespace "+name, config.Namespace)
			continue
		}
		message, fix := "there is no namespace "+name+": nobody calls from it", "correct the name, or create the namespace"
		if near := config.Nearest(name, r.names()); near != "" {
			fix = "did you mean " + near + "?"
		}
		r.Report(analyze.Finding{Code: codes.ReferenceNotFound, Object: o, Field: fmt.Sprintf("%s[%d]", field, i), Message: message, Fix: fix})
	}
}

func (r *referenceCheck) exists(name string) bool {
	if !strings.Contains(name, "*") {
		return r.known[name]
	}
	for known := range r.known {
		if ok, err := path.Match(name, known); ok || err != nil {
			return true
		}
	}
	return false
}

func (r *referenceCheck) names() []string {
	var out []string
	for _, o := range r.All(config.Namespace) {
		out = append(out, o.Key.Name)
	}
	return out
}

// hosts looks at names of services in the cluster. Others are whatever clients write into a request's Host header.
func (r *referenceCheck) hosts(o *config.Object, field string, list []string) {
	suffix := ".svc." + r.Config().DomainSuffix
	for i, written := range list {
		host, _, _ := strings.Cut(strings.ToLower(written), ":")
		name, local := strings.CutSuffix(host, suffix)
		_, namespace, whole := strings.Cut(name, ".")
		if !local || !whole || strings.ContainsAny(namespace, ".") || strings.Contains(name, "*") || r.Service(host, namespace) != nil {
			continue
		}
		if makers := mesh.HostKinds(host, r.Config().DomainSuffix); !r.Knows(makers...) {
			r.Open(codes.ReferenceNotFound, o, "the service "+host, makers...)
			continue
		}
		r.Report(analyze.Finding{
			Code: codes.ReferenceNotFound, Object: o, Field: fmt.Sprintf("%s[%d]", field, i),
			Message: "there is no service " + host + ": no request names it", Fix: "correct the name, or create the Service",
		})
	}
}
