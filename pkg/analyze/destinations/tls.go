package destinations

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/inject"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/translate"
)

func ruleTLS() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "destinationrule-tls",
		Doc:   "TLS modes of DestinationRules that the destination does not accept",
		Codes: []codes.Code{codes.TLSContradiction},
		Kinds: ruleKinds(append(analyze.WorkloadKinds(), config.Namespace, config.PeerAuthn)...),
		Run: func(p *analyze.Pass) {
			for _, r := range rules.Of(p) {
				if !setsTLS(r.Spec) {
					continue
				}
				told := map[string]bool{} // fields
				for _, s := range r.Services {
					checkTLS(p, r, s, told)
				}
			}
		},
	}
}

// setsTLS reports whether a rule says anything about TLS, at any level.
func setsTLS(spec *networking.DestinationRule) bool {
	sets := func(t *networking.TrafficPolicy) bool {
		return t.GetTls() != nil || slices.ContainsFunc(t.GetPortLevelSettings(), func(s *networking.TrafficPolicy_PortTrafficPolicy) bool { return s.GetTls() != nil })
	}
	return sets(spec.GetTrafficPolicy()) || slices.ContainsFunc(spec.GetSubsets(), func(s *networking.Subset) bool { return sets(s.GetTrafficPolicy()) })
}

// checkTLS reports the settings of a rule that workloads of a service contradict, each once.
func checkTLS(p *analyze.Pass, r *rule, s *mesh.Service, told map[string]bool) {
	client, merged, _ := r.inForce(p, s)
	if merged == nil || merged.From[0] != r.Key { // of what others add to a rule, little is in force
		return
	}
	own := &mesh.DestinationRule{Spec: r.Spec}
	subsets := append([]*networking.Subset{nil}, r.Spec.GetSubsets()...)
	for _, port := range s.Ports {
		for _, subset := range subsets {
			tls, field := translate.ClientTLS(own, port.Number, subset.GetName())
			if tls == nil || told[field] {
				continue
			}
			for _, w := range workloads(p, s, subset.GetLabels()) {
				if f := contradiction(p, r, tls.GetMode(), w, port); f != nil {
					told[field] = true
					f.Field = field + ".mode"
					f.Message = fmt.Sprintf("mode %s towards port %d of %s %s: requests of %s get 503", tls.GetMode(), port.Number, s.Host, f.Message, clientsNamed(client))
					p.Report(*f)
					break
				}
			}
		}
	}
}

// contradiction says why a workload does not take connections of a mode; nil when it may.
func contradiction(p *analyze.Pass, r *rule, mode networking.ClientTLSSettings_TLSmode, w *analyze.Workload, port mesh.Port) *analyze.Finding {
	f := &analyze.Finding{Code: codes.TLSContradiction, Object: r.Object}
	target := targetPort(w, port)
	if target == 0 || w.Gateway || bypassed(w, target) {
		return nil
	}
	if !w.Meshed {
		if mode != networking.ClientTLSSettings_ISTIO_MUTUAL || !withoutProxy(p, r, w) {
			return nil
		}
		f.Message = fmt.Sprintf("asks for mutual TLS of the mesh, and %s has no proxy to take it", w.Object.Key)
		f.Fix = "remove tls, so that proxies use what each endpoint takes, or give the workload a proxy"
		f.Related = related(p, w.Object.Key, "has no proxy")
		return f
	}
	p.Reads(config.PeerAuthn)
	policy := p.Mesh().PeerAuthn(w.Namespace, w.Labels)
	if len(policy.From) == 0 {
		return nil
	}
	by := policy.From[len(policy.From)-1]
	switch accepted := policy.ModeOf(target); {
	case accepted == mesh.Strict && mode == networking.ClientTLSSettings_DISABLE:
		f.Message = fmt.Sprintf("sends plaintext, and %s makes %s take mutual TLS of the mesh only (STRICT)", by, w.Object.Key)
	case accepted == mesh.Strict && mode == networking.ClientTLSSettings_SIMPLE:
		f.Message = fmt.Sprintf("presents no certificate, and %s makes %s take mutual TLS of the mesh only (STRICT)", by, w.Object.Key)
	case accepted == mesh.Disabled && mode == networking.ClientTLSSettings_ISTIO_MUTUAL:
		f.Message = fmt.Sprintf("asks for mutual TLS of the mesh, which %s turns off at %s (DISABLE)", by, w.Object.Key)
	default:
		return nil
	}
	f.Fix = "remove tls, so that proxies use what each endpoint takes, or change the PeerAuthentication"
	f.Related = related(p, by, "decides what the workload takes")
	return f
}

// targetPort is the port at which a workload serves a port of a service; 0 when it does not.
func targetPort(w *analyze.Workload, port mesh.Port) uint32 {
	if entry, ok := w.Object.Spec.(*networking.WorkloadEntry); ok {
		return cmp.Or(entry.GetPorts()[port.Name], port.TargetPort)
	}
	if port.TargetName == "" || w.Pod == nil {
		return port.TargetPort
	}
	for _, list := range [][]corev1.Container{w.Pod.Spec.InitContainers, w.Pod.Spec.Containers} {
		for _, c := range list {
			for _, own := range c.Ports {
				if own.Name == port.TargetName && own.ContainerPort > 0 {
					return uint32(own.ContainerPort)
				}
			}
		}
	}
	return 0
}

// bypassed reports whether a pod's annotations lead connections to a port past its proxy.
func bypassed(w *analyze.Workload, port uint32) bool {
	const included, excluded = "traffic.sidecar.istio.io/includeInboundPorts", "traffic.sidecar.istio.io/excludeInboundPorts"
	lists := func(annotation string) bool {
		for one := range strings.SplitSeq(w.Annotations[annotation], ",") {
			if one = strings.TrimSpace(one); one == "*" || one == strconv.FormatUint(uint64(port), 10) {
				return true
			}
		}
		return false
	}
	_, limited := w.Annotations[included]
	return limited && !lists(included) || lists(excluded)
}

// withoutProxy reports whether a pod will not have a proxy. Whether its namespace asks for one can be told only where Namespaces are
// known.
func withoutProxy(p *analyze.Pass, r *rule, w *analyze.Workload) bool {
	if w.Pod == nil {
		return false // a machine's entry does not say what serves it
	}
	pod, isPod := w.Object.Spec.(*corev1.Pod)
	if isPod && pod.Status.PodIP != "" { // it runs, as it is
		return true
	}
	if p.Injected(w) {
		return false
	}
	if asks, says := inject.ParseBool(w.Labels[inject.Label]); says && !asks || w.Pod.Spec.HostNetwork || p.Get(config.Key{Kind: config.Namespace, Name: w.Namespace}) != nil {
		return true
	}
	p.Open(codes.TLSContradiction, r.Object, "Namespace "+w.Namespace+", which says whether "+w.Object.Key.String()+" gets a proxy", config.Namespace)
	return false
}
