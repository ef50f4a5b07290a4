package workloads

import (
	"fmt"
	"slices"

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
		Kinds: []config.Kind{config.Pod, config.Namespace, config.ConfigMap},
		Run: func(p *analyze.Pass) {
			p.Reads(config.Namespace)
			for _, o := range p.All(config.Pod) {
				labels := p.Mesh().NamespaceLabels(o.Key.Namespace)
				w := analyze.NewWorkload(o, labels)
				if w == nil || w.Meshed || o.Key.Namespace == p.Config().SystemNamespace || labels[modeLabel] == "ambient" && labels[inject.NamespaceLabel] == "" {
					continue
				}
				if inject.Decide(inject.Candidate{Labels: w.Labels, Annotations: w.Annotations, NamespaceLabels: labels, HostNetwork: w.Pod.Spec.HostNetwork}) {
					p.Report(analyze.Finding{
						Code: codes.PodWithoutProxy, Object: o, Field: "metadata.name",
						Message: "the pod runs without a proxy in a namespace that gives one to its pods: it was made before the namespace was labelled, or the injector did not answer",
						Fix:     "make it again: kubectl -n " + o.Key.Namespace + " rollout restart of what owns it",
					})
				}
			}
		},
	}
}

// podMakers are the kinds whose pods are judged where they are written.
func podMakers() []config.Kind {
	return []config.Kind{config.Pod, config.Deployment, config.StatefulSet, config.DaemonSet, config.Job, config.CronJob}
}

// eachPod visits every pod and every template of pods.
func eachPod(p *analyze.Pass, visit func(w *analyze.Workload)) {
	p.Reads(config.Namespace)
	for _, kind := range podMakers() {
		for _, o := range p.All(kind) {
			if w := analyze.NewWorkload(o, p.Mesh().NamespaceLabels(o.Key.Namespace)); w != nil {
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
		Kinds: append(podMakers(), config.Namespace),
		Run: func(p *analyze.Pass) {
			eachPod(p, func(w *analyze.Workload) {
				if controlPlane(w.Object) {
					return
				}
				field, found := runsAsProxy(w)
				if found {
					p.Report(analyze.Finding{
						Code: codes.ProxyUser, Object: w.Object, Field: field,
						Message: fmt.Sprintf("a program with the user id %d passes the proxy by: its traffic is not redirected, has no mutual TLS and obeys no policy", proxyUser),
						Fix:     "use another user id",
					})
				}
			})
		},
	}
}

// runsAsProxy returns the field by which a container other than the proxy's runs as the proxy's user.
func runsAsProxy(w *analyze.Workload) (field string, found bool) {
	spec := &w.Pod.Spec
	if s := spec.SecurityContext; s != nil && s.RunAsUser != nil && *s.RunAsUser == proxyUser {
		return w.Path + "spec.securityContext.runAsUser", true
	}
	for i, c := range spec.Containers {
		if s := c.SecurityContext; c.Name != analyze.ProxyContainer && s != nil && s.RunAsUser != nil && *s.RunAsUser == proxyUser {
			return fmt.Sprintf("%sspec.containers[%d].securityContext.runAsUser", w.Path, i), true
		}
	}
	return "", false
}

func podPorts() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "pod-ports",
		Doc:   "programs that listen on the proxy's own ports",
		Codes: []codes.Code{codes.ProxyPort},
		Kinds: append(podMakers(), config.Namespace),
		Run: func(p *analyze.Pass) {
			eachPod(p, func(w *analyze.Workload) {
				if !w.Meshed || w.Gateway || controlPlane(w.Object) {
					return
				}
				eachContainerPort(w, func(field string, port corev1.ContainerPort) {
					if use := reserved(port.ContainerPort); use != "" && port.Protocol != corev1.ProtocolUDP {
						p.Report(analyze.Finding{
							Code: codes.ProxyPort, Object: w.Object, Field: field,
							Message: fmt.Sprintf("port %d is the proxy's own (%s): one of the two cannot listen, and nothing that is sent there is routed", port.ContainerPort, use),
							Fix:     "let the program listen on another port",
						})
					}
				})
			})
		},
	}
}

func eachContainerPort(w *analyze.Workload, visit func(field string, port corev1.ContainerPort)) {
	for i, c := range w.Pod.Spec.Containers {
		if c.Name == analyze.ProxyContainer {
			continue
		}
		for j, port := range c.Ports {
			visit(fmt.Sprintf("%sspec.containers[%d].ports[%d].containerPort", w.Path, i, j), port)
		}
	}
}

// reserved says what the proxy's container uses a port for; empty for other ports. See
// https://istio.io/latest/docs/ops/deployment/application-requirements/#ports-used-by-istio.
func reserved(port int32) string {
	return map[int32]string{
		15000: "administration", 15001: "outbound traffic", 15002: "collisions of ports", 15004: "debugging", 15006: "inbound traffic", 15008: "tunnels",
		15020: "merged metrics", 15021: "health", 15053: "DNS", 15090: "metrics",
	}[port]
}

func podImage() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "pod-image",
		Doc:   "proxies with the image \"auto\" that no injector replaces",
		Codes: []codes.Code{codes.AutoImageNotSelected, codes.AutoImage},
		Kinds: []config.Kind{config.Pod, config.Deployment, config.Namespace, config.MutatingWebhook},
		Run: func(p *analyze.Pass) {
			for _, o := range p.All(config.Pod) {
				if w := analyze.NewWorkload(o, nil); w != nil && autoImage(w) >= 0 {
					p.Report(analyze.Finding{
						Code: codes.AutoImage, Object: o, Field: imageField(w),
						Message: "the pod's proxy still has the image \"auto\", which stands for the injector's: it was made without injection and cannot start",
						Fix:     "repair the injection of the namespace, and make the pod again",
					})
				}
			}
			for _, o := range p.All(config.Deployment) {
				judgeAutoImage(p, o)
			}
		},
	}
}

func judgeAutoImage(p *analyze.Pass, o *config.Object) {
	p.Reads(config.Namespace)
	namespace := p.Mesh().NamespaceLabels(o.Key.Namespace)
	w := analyze.NewWorkload(o, namespace)
	if w == nil || autoImage(w) < 0 {
		return
	}
	if !p.Knows(config.MutatingWebhook) {
		p.Open(codes.AutoImageNotSelected, o, "the webhook that injects into "+o.Key.Namespace, config.MutatingWebhook)
		return
	}
	for _, rule := range injectionRules(p) {
		if matchesSelector(rule.NamespaceSelector, namespace) && matchesSelector(rule.ObjectSelector, w.Labels) {
			return
		}
	}
	p.Report(analyze.Finding{
		Code: codes.AutoImageNotSelected, Object: o, Field: imageField(w),
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
