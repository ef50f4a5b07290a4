package config

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	meshconfig "istio.io/api/mesh/v1alpha1"
	networking "istio.io/api/networking/v1alpha3"
)

// MeshConfigName is the name of the ConfigMap in the system namespace whose key MeshConfigKey configures the mesh.
const (
	MeshConfigName = "istio"
	MeshConfigKey  = "mesh"
)

// ProxyConfigAnnotation is the annotation of a pod that overrides the mesh's defaultConfig.
const ProxyConfigAnnotation = "proxy.istio.io/config"

// DecodeMeshConfig reads the key "mesh" of the ConfigMap "istio". It returns what is written there and nothing else: no
// defaults. The message is never nil. Unknown fields are Warnings, because such files live through many releases; a
// field with a value of a wrong type is an Error and left unset.
// See https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/.
func DecodeMeshConfig(o *Object) (*meshconfig.MeshConfig, []Problem) {
	out := &meshconfig.MeshConfig{}
	cm, ok := o.Spec.(*corev1.ConfigMap)
	if !ok {
		return out, nil
	}
	return out, embedded{object: o, path: meshConfigPath(), text: cm.Data[MeshConfigKey]}.decode(out)
}

// MeshNetworksKey is the key of the ConfigMap named MeshConfigName that tells the networks of a mesh of several clusters.
const MeshNetworksKey = "meshNetworks"

// DecodeMeshNetworks reads the key "meshNetworks" of the ConfigMap "istio", as DecodeMeshConfig does.
// See https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshNetworks.
func DecodeMeshNetworks(o *Object) (*meshconfig.MeshNetworks, []Problem) {
	out := &meshconfig.MeshNetworks{}
	cm, ok := o.Spec.(*corev1.ConfigMap)
	if !ok || cm.Data[MeshNetworksKey] == "" {
		return out, nil
	}
	path := []step{{name: "data"}, {name: MeshNetworksKey, isKey: true, index: -1}}
	return out, embedded{object: o, path: path, text: cm.Data[MeshNetworksKey]}.decode(out)
}

// DecodeProxyConfigAnnotation reads the annotation proxy.istio.io/config of a Pod, of the pod template of a Deployment
// and its friends, or of a WorkloadGroup's template; of any other object, its own. It returns nil when there is none.
// Problems are as those of DecodeMeshConfig.
func DecodeProxyConfigAnnotation(o *Object) (*meshconfig.ProxyConfig, []Problem) {
	annotations, prefix := podAnnotations(o)
	text, found := annotations[ProxyConfigAnnotation]
	if !found {
		return nil, nil
	}
	path := append(parsePath(prefix), step{name: ProxyConfigAnnotation, isKey: true, index: -1})
	out := &meshconfig.ProxyConfig{}
	return out, embedded{object: o, path: path, text: text}.decode(out)
}

// podAnnotations returns the annotations that the pods of an object get, and where they are written.
func podAnnotations(o *Object) (annotations map[string]string, path string) {
	const own, template = "metadata.annotations", "spec.template.metadata.annotations"
	switch spec := o.Spec.(type) {
	case *appsv1.Deployment:
		return spec.Spec.Template.Annotations, template
	case *appsv1.ReplicaSet:
		return spec.Spec.Template.Annotations, template
	case *appsv1.StatefulSet:
		return spec.Spec.Template.Annotations, template
	case *appsv1.DaemonSet:
		return spec.Spec.Template.Annotations, template
	case *batchv1.Job:
		return spec.Spec.Template.Annotations, template
	case *batchv1.CronJob:
		return spec.Spec.JobTemplate.Spec.Template.Annotations, "spec.jobTemplate." + template
	case *networking.WorkloadGroup:
		return spec.GetMetadata().GetAnnotations(), "spec." + own
	default:
		return o.Meta.Annotations, own
	}
}
