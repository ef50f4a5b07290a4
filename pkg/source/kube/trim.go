package kube

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshctl/meshctl/pkg/config"
)

// proxyContainer is the container whose arguments say whether a pod is a gateway.
const proxyContainer = "istio-proxy"

// trimmed is an object without what a mesh does not read of it: of a large cluster that is most.
func trimmed(o *config.Object) *config.Object {
	out := *o
	if _, there := o.Meta.Annotations[corev1.LastAppliedConfigAnnotation]; there {
		out.Meta.Annotations = maps.Clone(o.Meta.Annotations)
		delete(out.Meta.Annotations, corev1.LastAppliedConfigAnnotation)
	}
	switch spec := o.Spec.(type) {
	case *corev1.Pod:
		out.Spec = trimmedPod(spec, out.Meta.Labels)
	case *corev1.Node:
		out.Spec = &corev1.Node{ObjectMeta: trimmedMeta(&spec.ObjectMeta)}
	case *corev1.Namespace:
		out.Spec = &corev1.Namespace{ObjectMeta: trimmedMeta(&spec.ObjectMeta)}
	case metav1.Object:
		spec.SetManagedFields(nil)
		spec.SetAnnotations(out.Meta.Annotations)
	}
	return config.New(out)
}

// trimmedMeta leaves out labels and annotations, which config.Meta holds.
func trimmedMeta(m *metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: m.Name, Namespace: m.Namespace, DeletionTimestamp: m.DeletionTimestamp}
}

// trimmedPod keeps what names the pod's workload: its controller, the start of its name, and the labels, which it shares with config.Meta.
func trimmedPod(in *corev1.Pod, labels map[string]string) *corev1.Pod {
	out := &corev1.Pod{ObjectMeta: trimmedMeta(&in.ObjectMeta)}
	out.Labels, out.GenerateName = labels, in.GenerateName
	if c := metav1.GetControllerOfNoCopy(in); c != nil {
		out.OwnerReferences = []metav1.OwnerReference{{APIVersion: c.APIVersion, Kind: c.Kind, Name: c.Name, Controller: c.Controller}}
	}
	out.Spec = corev1.PodSpec{
		ServiceAccountName: in.Spec.ServiceAccountName, NodeName: in.Spec.NodeName, HostNetwork: in.Spec.HostNetwork,
		InitContainers: trimmedContainers(in.Spec.InitContainers), Containers: trimmedContainers(in.Spec.Containers),
	}
	out.Status = corev1.PodStatus{Phase: in.Status.Phase, PodIP: in.Status.PodIP, PodIPs: in.Status.PodIPs}
	for _, c := range in.Status.Conditions {
		if c.Type == corev1.PodReady {
			out.Status.Conditions = []corev1.PodCondition{{Type: c.Type, Status: c.Status}}
		}
	}
	return out
}

func trimmedContainers(in []corev1.Container) []corev1.Container {
	var out []corev1.Container
	for _, c := range in {
		kept := corev1.Container{Name: c.Name, Ports: c.Ports}
		if c.Name == proxyContainer {
			kept.Args = c.Args
		}
		if len(kept.Ports) > 0 || len(kept.Args) > 0 || c.Name == proxyContainer {
			out = append(out, kept)
		}
	}
	return out
}
