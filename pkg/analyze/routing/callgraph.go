package routing

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	networking "istio.io/api/networking/v1alpha3"
	security "istio.io/api/security/v1beta1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// call is a call that the configuration declares: a workload's own Sidecar names the host, or a policy of the host's workloads names the workload's
// identity. Sidecars and service accounts that several services share declare nothing of one of them.
type call struct {
	reach mesh.Reach // of the caller
	host  string
	by    *config.Object // what declares it
}

// callGraph is the fact of the declared calls of each service, by the host of the calling service.
var callGraph = analyze.NewFact(func(p *analyze.Pass) map[string][]call {
	b := &graphBuilder{
		pass: p, workloads: analyze.AllWorkloads(p), services: map[*analyze.Workload][]string{}, calls: map[string][]call{},
		accounts: map[string][]*analyze.Workload{},
	}
	p.Reads(callKinds()...)
	for _, o := range p.All(config.Service) {
		if s, ok := o.Spec.(*corev1.Service); ok && len(s.Spec.Selector) > 0 {
			host := p.Mesh().HostName(o.Key.Name, o.Key.Namespace)
			for _, w := range b.workloads.Selected(o.Key.Namespace, s.Spec.Selector) {
				b.services[w] = append(b.services[w], host)
			}
		}
	}
	for _, w := range b.workloads.All {
		if w.Meshed && w.ServiceAccount != "" {
			account := w.Namespace + "/" + w.ServiceAccount
			b.accounts[account] = append(b.accounts[account], w)
		}
	}
	for _, s := range sidecarsBySpace.Of(p) {
		for _, o := range slices.Concat(s.selecting, s.wide) {
			b.sidecar(o)
		}
	}
	for _, o := range p.All(config.AuthzPolicy) {
		b.policy(o)
	}
	return b.calls
})

// callKinds are what calls are found in.
func callKinds() []config.Kind {
	return append(append(analyze.WorkloadKinds(), analyze.ServiceKinds()...),
		config.Sidecar, config.AuthzPolicy, config.VirtualService, config.ConfigMap, config.Namespace)
}

type graphBuilder struct {
	pass      *analyze.Pass
	workloads *analyze.Workloads
	services  map[*analyze.Workload][]string // hosts of the services in front of each workload
	accounts  map[string][]*analyze.Workload // meshed workloads by "namespace/service account"
	calls     map[string][]call
}

// caller returns the one service in front of all the workloads, and one of them; nil when they are of several services, or of none.
func (b *graphBuilder) caller(list []*analyze.Workload) (service string, one *analyze.Workload) {
	for _, w := range list {
		hosts := b.services[w]
		if !w.Meshed || w.Gateway || len(hosts) != 1 || service != "" && hosts[0] != service {
			return "", nil
		}
		service, one = hosts[0], w
	}
	return service, one
}

func (b *graphBuilder) add(service string, c call) {
	known := func(k call) bool { return k.host == c.host }
	if c.host != service && !slices.ContainsFunc(b.calls[service], known) {
		b.calls[service] = append(b.calls[service], c)
	}
}

// sidecar reads the hosts that a Sidecar names one by one.
func (b *graphBuilder) sidecar(o *config.Object) {
	if o.Key.Namespace == b.pass.Config().Mesh.GetRootNamespace() {
		return // a default for the mesh says nothing of one workload
	}
	service, w := b.caller(b.workloads.Selected(o.Key.Namespace, selector(o)))
	if w == nil {
		return
	}
	reach := b.pass.Mesh().Reach(w.Proxy())
	if reach.Sidecar() != o {
		return
	}
	for _, l := range o.Spec.(*networking.Sidecar).GetEgress() {
		for _, h := range l.GetHosts() {
			namespace, host, _ := strings.Cut(h, "/")
			if host = strings.ToLower(host); host != "" && !wildcard(host) && !strings.HasPrefix(namespace, "~") && reach.Service(host) != nil {
				b.add(service, call{reach, host, o})
			}
		}
	}
}

// policy reads whom a policy that allows names by their identities.
func (b *graphBuilder) policy(o *config.Object) {
	spec, ok := o.Spec.(*security.AuthorizationPolicy)
	if !ok || spec.GetAction() != security.AuthorizationPolicy_ALLOW || len(spec.GetTargetRefs()) > 0 || spec.GetTargetRef() != nil {
		return
	}
	callee, _ := b.caller(b.workloads.Selected(o.Key.Namespace, spec.GetSelector().GetMatchLabels()))
	if callee == "" {
		return
	}
	for _, r := range spec.GetRules() {
		for _, f := range r.GetFrom() {
			for _, principal := range f.GetSource().GetPrincipals() {
				service, w := b.caller(b.accounts[accountOf(principal)])
				if w == nil {
					continue
				}
				if reach := b.pass.Mesh().Reach(w.Proxy()); reach.Service(callee) != nil {
					b.add(service, call{reach, callee, o})
				}
			}
		}
	}
}

// accountOf reads "TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT"; "" for patterns.
func accountOf(principal string) string {
	_, rest, ok := strings.Cut(principal, "/ns/")
	namespace, account, found := strings.Cut(rest, "/sa/")
	if !ok || !found || strings.Contains(principal, "*") {
		return ""
	}
	return namespace + "/" + account
}

// rules are the HTTP rules that hold for the call, nil when no VirtualService has any.
func (c call) rules() (*mesh.VirtualService, []*networking.HTTPRoute) {
	for _, v := range c.reach.Service(c.host).Virtual {
		if len(v.Spec.GetHttp()) > 0 {
			return v, v.Spec.GetHttp()
		}
	}
	return nil, nil
}
