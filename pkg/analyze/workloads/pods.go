package workloads

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/inject"
)

func podProxy() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "pod-proxy",
		Doc:   "pods that should have a proxy and have none",
		Codes: []codes.Code{codes.PodWithoutProxy},
		Kinds: []config.Kind{config.Pod, config.Namespace, config.ConfigMap, config.MutatingWebhook},
		Run: func(p *analyze.Pass) {
			served := servedRevisions(p)
			for _, o := range p.All(config.Pod) {
				w := p.Workload(o)
				if w == nil || w.Meshed || o.Key.Namespace == p.Config().SystemNamespace || refuses(w) || !p.Injected(w) || !injects(p.Mesh().NamespaceLabels(w.Namespace), served) {
					continue
				}
				p.Report(analyze.Finding{
					Code: codes.PodWithoutProxy, Object: o, Field: "metadata.name",
					Message: "the pod has no proxy, although new pods of namespace " + o.Key.Namespace + " get one: it was made before the namespace was labelled, or the injector was not asked",
					Fix:     "make it anew: kubectl -n " + o.Key.Namespace + " rollout restart, or delete the pod",
				})
			}
		},
	}
}

// injects reports whether a namespace has its pods injected: it says so, or names a revision for which there is an injector.
func injects(namespace map[string]string, served []string) bool {
	return namespace[inject.NamespaceLabel] == "enabled" || slices.Contains(served, namespace[inject.RevisionLabel])
}

// refuses also understands spellings of "false" that injectors do not: they were meant so.
func refuses(w *analyze.Workload) bool {
	text, labelled := w.Labels[inject.Label]
	if !labelled {
		text = w.Annotations[inject.Annotation]
	}
	return strings.EqualFold(text, "false")
}

// podMakers are the kinds whose pods are judged where they are written.
func podMakers() []config.Kind {
	return []config.Kind{config.Pod, config.Deployment, config.StatefulSet, config.DaemonSet, config.Job, config.CronJob}
}

// podKinds are those behind eachPod.
func podKinds(more ...config.Kind) []config.Kind {
	return append(append(podMakers(), config.Namespace, config.ConfigMap), more...)
}

// eachPod visits every pod and every template of pods.
func eachPod(p *analyze.Pass, visit func(w *analyze.Workload)) {
	p.Reads(config.Namespace, config.ConfigMap)
	for _, kind := range podMakers() {
		for _, o := range p.All(kind) {
			if w := p.Workload(o); w != nil {
				visit(w)
			}
		}
	}
}

// proxyUser is the user that the proxy runs as: its own traffic is not redirected to it.
const proxyUser = 1337

func podUser() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "pod-user",
		Doc:   "programs that run as the proxy's user",
		Codes: []codes.Code{codes.ProxyUser},
		Kinds: podKinds(),
		Run: func(p *analyze.Pass) {
			eachPod(p, func(w *analyze.Workload) {
				if controlPlane(w.Object) {
					return
				}
				for _, field := range runsAsProxy(w) {
					p.Report(analyze.Finding{
						Code: codes.ProxyUser, Object: w.Object, Field: field,
						Message: fmt.Sprintf("user %d is the proxy's: the traffic of a program with it passes the proxy by, without mutual TLS, routes and policies", proxyUser),
						Fix:     "run the program as another user",
					})
				}
			})
		},
	}
}

// runsAsProxy returns the fields by which containers other than the proxy's run as the proxy's user: their own, or the pod's for those
// without one. Containers that only run before the pod starts may do so, to reach the network without the proxy.
func runsAsProxy(w *analyze.Workload) (fields []string) {
	pod := w.Pod.Spec.SecurityContext
	inherited := pod != nil && pod.RunAsUser != nil && *pod.RunAsUser == proxyUser
	inherits := false
	for i, c := range w.Pod.Spec.Containers {
		switch {
		case c.Name == analyze.ProxyContainer:
		case c.SecurityContext == nil || c.SecurityContext.RunAsUser == nil:
			inherits = true
		case *c.SecurityContext.RunAsUser == proxyUser:
			fields = append(fields, fmt.Sprintf("%sspec.containers[%d].securityContext.runAsUser", w.Path, i))
		}
	}
	if inherited && inherits {
		fields = append(fields, w.Path+"spec.securityContext.runAsUser")
	}
	return fields
}

func podImage() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "pod-image",
		Doc:   "proxies with the image \"auto\" that no injector replaces",
		Codes: []codes.Code{codes.AutoImageNotSelected, codes.AutoImage},
		Kinds: podKinds(config.MutatingWebhook),
		Run: func(p *analyze.Pass) {
			rules := injectionRules(p)
			eachPod(p, func(w *analyze.Workload) {
				switch {
				case autoImage(w) < 0:
				case w.Path != "":
					judgeAutoImage(p, w, rules)
				default:
					p.Report(analyze.Finding{
						Code: codes.AutoImage, Object: w.Object, Field: imageField(w),
						Message: "the image \"auto\" stands for the injector's, which replaces it while a pod is made: a pod that has it was not injected and cannot start",
						Fix:     "repair the injection of namespace " + w.Namespace + ", and make the pod anew",
					})
				}
			})
		},
	}
}

func judgeAutoImage(p *analyze.Pass, w *analyze.Workload, rules []rule) {
	if !p.Knows(config.MutatingWebhook) {
		if !p.Injected(w) {
			p.Open(codes.AutoImageNotSelected, w.Object, "the webhook that injects into namespace "+w.Namespace, config.MutatingWebhook)
		}
		return
	}
	namespace := p.Mesh().NamespaceLabels(w.Namespace)
	for _, rule := range rules {
		if matchesSelector(rule.NamespaceSelector, namespace) && matchesSelector(rule.ObjectSelector, w.Labels) {
			return
		}
	}
	p.Report(analyze.Finding{
		Code: codes.AutoImageNotSelected, Object: w.Object, Field: imageField(w),
		Message: "the image \"auto\" stands for the injector's, and no injector selects these pods: they will not start",
		Fix:     "label the namespace istio-injection: enabled, or the pods " + inject.Label + ": \"true\"",
	})
}

func autoImage(w *analyze.Workload) int {
	return slices.IndexFunc(w.Pod.Spec.Containers, func(c corev1.Container) bool { return c.Name == analyze.ProxyContainer && c.Image == "auto" })
}

func imageField(w *analyze.Workload) string {
	return fmt.Sprintf("%sspec.containers[%d].image", w.Path, autoImage(w))
}
