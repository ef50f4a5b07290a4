package policies

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	security "istio.io/api/security/v1beta1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/authz/rules"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/inject"
	"github.com/meshctl/meshctl/pkg/mesh"
)

func plaintextCallers() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "peerauthentication-callers",
		Doc:   "workloads that take mutual TLS only, and whom the configuration itself lets call in plaintext",
		Codes: []codes.Code{codes.PlaintextCallers},
		Kinds: withInbound(),
		Run: func(p *analyze.Pass) {
			c := &callerCheck{Pass: p, accounts: map[string]*callers{}}
			for _, o := range p.All(config.PeerAuthn) {
				if spec, ok := o.Spec.(*security.PeerAuthentication); ok {
					c.strict = c.strict || isStrict(spec)
				}
			}
			if !c.strict {
				return
			}
			c.index()
			for _, w := range analyze.AllWorkloads(p).All {
				if w.Pod != nil && !w.Gateway && !made(w) && c.inMesh(w) {
					c.probes(w)
					c.metrics(w)
				}
			}
			for _, pol := range authorization.Of(p) {
				if pol.Action == rules.Allow {
					c.policy(pol)
				}
			}
		},
	}
}

func isStrict(spec *security.PeerAuthentication) bool {
	strict := func(m *security.PeerAuthentication_MutualTLS) bool {
		return m.GetMode() == security.PeerAuthentication_MutualTLS_STRICT
	}
	for _, m := range spec.GetPortLevelMtls() {
		if strict(m) {
			return true
		}
	}
	return strict(spec.GetMtls())
}

// callerCheck looks for callers that speak plaintext to workloads that refuse it.
type callerCheck struct {
	*analyze.Pass
	strict bool
	// accounts are the workloads by "NAMESPACE" and by "NAMESPACE/ACCOUNT".
	accounts map[string]*callers
	// scraper is a Prometheus without a proxy.
	scraper *analyze.Workload
}

// callers are the workloads that call by one name.
type callers struct {
	first  *analyze.Workload
	meshed bool
}

func (c *callerCheck) index() {
	for _, w := range analyze.AllWorkloads(c.Pass).All {
		in := c.inMesh(w) || w.Pod == nil
		for _, key := range []string{w.Namespace, w.Namespace + "/" + w.ServiceAccount} {
			if c.accounts[key] == nil {
				c.accounts[key] = &callers{first: w}
			}
			c.accounts[key].meshed = c.accounts[key].meshed || in
		}
		if !in && (w.Labels["app"] == "prometheus" || w.Labels["app.kubernetes.io/name"] == "prometheus") {
			c.scraper = w
		}
	}
}

// inMesh reports whether a workload is known to have a proxy, or to be given one.
func (c *callerCheck) inMesh(w *analyze.Workload) bool {
	if !c.Knows(config.Namespace) {
		return w.Meshed || ambient(w)
	}
	return member(c.Pass, w)
}

// refuses reports whether a workload's sidecar takes mutual TLS only at a port that its pod's annotations redirect to it.
func (c *callerCheck) refuses(w *analyze.Workload, port uint32) (mesh.PeerAuthn, bool) {
	if slices.Contains([]uint32{15020, 15021, 15090}, port) || !intercepted(w, port) {
		return mesh.PeerAuthn{}, false
	}
	authn := c.Inbound(w).PeerAuthn
	return authn, authn.ModeOf(port) == mesh.Strict
}

// intercepted reports whether connections to a port of a pod go through its sidecar; see Istio's reference on resource annotations.
func intercepted(w *analyze.Workload, port uint32) bool {
	listed := func(annotation string) (named, given bool) {
		list, given := w.Annotations["traffic.sidecar.istio.io/"+annotation]
		for one := range strings.SplitSeq(list, ",") {
			one = strings.TrimSpace(one)
			named = named || one == "*" || one == strconv.FormatUint(uint64(port), 10)
		}
		return named, given
	}
	if included, given := listed("includeInboundPorts"); given && !included {
		return false
	}
	excluded, _ := listed("excludeInboundPorts")
	return !excluded
}

const (
	rewriteAnnotation = "sidecar.istio.io/rewriteAppHTTPProbers"
	mergeAnnotation   = "prometheus.istio.io/merge-metrics"
)

// probes looks at the kubelet's. They go through the agent unless an annotation forbids it. A TCP probe needs no more than a connection,
// which the sidecar takes from everybody.
func (c *callerCheck) probes(w *analyze.Workload) {
	rewritten, said := inject.ParseBool(w.Annotations[rewriteAnnotation])
	if !said || rewritten {
		return
	}
	for _, container := range w.Pod.Spec.Containers {
		for _, probe := range []*corev1.Probe{container.ReadinessProbe, container.LivenessProbe, container.StartupProbe} {
			port := probePort(container, probe)
			if authn, refused := c.refuses(w, port); port != 0 && refused {
				c.Report(analyze.Finding{
					Code: codes.PlaintextCallers, Object: w.Object, Field: w.Path + "metadata.annotations[" + rewriteAnnotation + "]",
					Message: fmt.Sprintf("the kubelet probes port %d of %s in plaintext, and the port takes mutual TLS only (%s): the probe fails",
						port, container.Name, policiesNamed(authn)),
					Fix: "remove the annotation, so that the probes go through the proxy's agent, or make the port PERMISSIVE",
				})
				return
			}
		}
	}
}

// probePort returns the port of a probe that reads an answer; 0 for others.
func probePort(container corev1.Container, probe *corev1.Probe) uint32 {
	switch {
	case probe == nil:
		return 0
	case probe.GRPC != nil:
		return uint32(probe.GRPC.Port)
	case probe.HTTPGet == nil || probe.HTTPGet.Host != "":
		return 0
	case probe.HTTPGet.Port.Type == intstr.Int:
		return uint32(probe.HTTPGet.Port.IntVal)
	}
	for _, p := range container.Ports {
		if p.Name == probe.HTTPGet.Port.StrVal {
			return uint32(p.ContainerPort)
		}
	}
	return 0
}

// metrics looks at a port that Prometheus reads, where one without a sidecar is known. Metrics are usually merged into those of the proxy,
// at a port that takes plaintext.
func (c *callerCheck) metrics(w *analyze.Workload) {
	merged, said := inject.ParseBool(w.Annotations[mergeAnnotation])
	if !said && c.Config().Mesh.GetEnablePrometheusMerge() != nil {
		merged, said = c.Config().Mesh.GetEnablePrometheusMerge().GetValue(), true
	}
	port, err := strconv.ParseUint(w.Annotations["prometheus.io/port"], 10, 16)
	if c.scraper == nil || !said || merged || err != nil || w.Annotations["prometheus.io/scrape"] != "true" || w.Annotations["prometheus.io/scheme"] == "https" {
		return
	}
	if authn, refused := c.refuses(w, uint32(port)); refused {
		c.Report(analyze.Finding{
			Code: codes.PlaintextCallers, Object: w.Object, Field: w.Path + "metadata.annotations[prometheus.io/port]",
			Message: fmt.Sprintf("%s, which has no sidecar, reads metrics at port %d in plaintext, and the port takes mutual TLS only (%s)",
				c.scraper.Object.Key, port, policiesNamed(authn)),
			Fix: "let the metrics be merged into those of the proxy (remove " + mergeAnnotation + "), or make the port PERMISSIVE",
		})
	}
}

func policiesNamed(authn mesh.PeerAuthn) string {
	var out []string
	for _, key := range authn.From {
		out = append(out, key.String())
	}
	return few(out)
}
