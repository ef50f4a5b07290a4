package mesh

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/meshctl/meshctl/pkg/config"
)

const (
	// proxyContainer is the name of the sidecar in every injected Pod.
	proxyContainer   = "istio-proxy"
	annotationStatus = "sidecar.istio.io/status"
	labelSubzone     = "topology.istio.io/subzone"
)

// podInstance resolves a Pod; nil when it has no address or has ended.
func (t *update) podInstance(o *config.Object) *instance {
	pod, ok := o.Spec.(*corev1.Pod)
	if !ok || pod.Status.PodIP == "" || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return nil
	}
	account := pod.Spec.ServiceAccountName
	if account == "" {
		account = "default"
	}
	i := &instance{
		Key:            o.Key,
		Labels:         o.Meta.Labels,
		Addresses:      podAddresses(pod),
		Named:          containerPorts(pod),
		ServiceAccount: account,
		Identity:       t.identity(o.Key.Namespace, account),
		TLS:            podTLS(o, pod),
		Ready:          podReady(pod),
		Healthy:        true,
		Weight:         1,
		Network:        o.Meta.Labels[labelNetwork],
		Locality:       localityLabel(o.Meta.Labels),
		Node:           pod.Spec.NodeName,
		Authn:          t.peerAuthn(o.Key.Namespace, o.Meta.Labels),
	}
	if i.Locality == "" {
		i.Locality = t.nodeLocality(pod.Spec.NodeName)
	}
	return i.seal()
}

func podAddresses(pod *corev1.Pod) []string {
	out := []string{pod.Status.PodIP}
	for _, ip := range pod.Status.PodIPs {
		if ip.IP != pod.Status.PodIP {
			out = append(out, ip.IP)
		}
	}
	return out
}

func containerPorts(pod *corev1.Pod) map[string]uint32 {
	out := map[string]uint32{}
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for _, c := range list {
			for _, p := range c.Ports {
				if p.Name != "" && p.ContainerPort > 0 {
					out[p.Name] = uint32(p.ContainerPort)
				}
			}
		}
	}
	return out
}

// podTLS reports whether the Pod's proxy terminates mesh mTLS: the label says so, or without one there is a sidecar. What a gateway
// terminates, its servers say.
func podTLS(o *config.Object, pod *corev1.Pod) bool {
	if mode, ok := o.Meta.Labels[labelTLSMode]; ok {
		return mode == "istio"
	}
	if slices.ContainsFunc(pod.Spec.Containers, func(c corev1.Container) bool { return c.Name == proxyContainer && slices.Contains(c.Args, "router") }) {
		return false
	}
	if o.Meta.Annotations[annotationStatus] != "" {
		return true
	}
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for _, c := range list {
			if c.Name == proxyContainer {
				return true
			}
		}
	}
	return false
}

// podReady reports whether a Pod takes traffic. A Pod without conditions (in a file) does.
func podReady(pod *corev1.Pod) bool {
	if pod.DeletionTimestamp != nil {
		return false
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return true
}

// nodeLocality returns "region/zone/subzone" of a Node, "" when it is not known.
func (t *update) nodeLocality(name string) string {
	node := t.set.Get(config.Key{Kind: config.Node, Name: name})
	if name == "" || node == nil {
		return ""
	}
	return labelsLocality(node.Meta.Labels)
}

func labelsLocality(labels map[string]string) string {
	locality := labels[corev1.LabelTopologyRegion] + "/" + labels[corev1.LabelTopologyZone] + "/" + labels[labelSubzone]
	return strings.TrimRight(locality, "/")
}

// readNode resolves the Pods of a Node again when the Node moved.
func (t *update) readNode(d delta) {
	locality := func(o *config.Object) string {
		if o == nil {
			return ""
		}
		return labelsLocality(o.Meta.Labels)
	}
	if locality(d.before) == locality(d.after) {
		return
	}
	for o := range t.set.All(config.Pod) {
		if pod, ok := o.Spec.(*corev1.Pod); ok && pod.Spec.NodeName == d.key().Name {
			t.staleInstances[o.Key] = true
		}
	}
	for o := range t.set.All(config.EndpointSlice) { // endpoints without a Pod tell their Node themselves
		if slice, ok := o.Spec.(*discoveryv1.EndpointSlice); ok && slices.ContainsFunc(slice.Endpoints, func(e discoveryv1.Endpoint) bool {
			return e.NodeName != nil && *e.NodeName == d.key().Name
		}) {
			t.staleBackends[t.kubernetesHost(nsName{o.Key.Namespace, o.Meta.Labels[discoveryv1.LabelServiceName]})] = true
		}
	}
}
