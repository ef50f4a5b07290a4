package inject

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

const (
	tokenAudience = "istio-ca"
	// tokenSeconds is how long a token that buys certificates lives; the kubelet renews it.
	tokenSeconds = 43200
	rootsName    = "istio-ca-root-cert"
)

func volumes() []corev1.Volume {
	seconds := int64(tokenSeconds)
	item := func(path string) corev1.DownwardAPIVolumeFile {
		return corev1.DownwardAPIVolumeFile{Path: path, FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata." + path}}
	}
	return []corev1.Volume{
		{Name: "istio-envoy", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}}},
		{Name: "istio-podinfo", VolumeSource: corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{
			Items: []corev1.DownwardAPIVolumeFile{item("labels"), item("annotations")},
		}}},
		{Name: "istio-token", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
			Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{
				Audience: tokenAudience, ExpirationSeconds: &seconds, Path: "istio-token",
			}}},
		}}},
		{Name: "istiod-ca-cert", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: rootsName},
		}}},
	}
}

// addVolumes adds ours and those of the annotation sidecar.istio.io/userVolume.
func (p *pod) addVolumes() error {
	own, err := named[corev1.Volume](p.out.Annotations, "sidecar.istio.io/userVolume", func(v *corev1.Volume) *string { return &v.Name })
	if err != nil {
		return err
	}
	for _, v := range append(volumes(), own...) {
		if p.hasVolume(v.Name) {
			continue
		}
		p.out.Spec.Volumes = append(p.out.Spec.Volumes, v)
		p.added.volumes = append(p.added.volumes, v.Name)
	}
	_, err = p.userMounts()
	return err
}

func (p *pod) hasVolume(name string) bool {
	return slices.ContainsFunc(p.out.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == name })
}

func (p *pod) mounts() []corev1.VolumeMount {
	own, _ := p.userMounts() // addVolumes has told of the error
	return append([]corev1.VolumeMount{
		{Name: "istio-envoy", MountPath: "/etc/istio/proxy"},
		{Name: "istio-podinfo", MountPath: "/etc/istio/pod"},
		{Name: "istio-token", MountPath: "/var/run/secrets/tokens"},
		{Name: "istiod-ca-cert", MountPath: "/var/run/secrets/istio"},
	}, own...)
}

func (p *pod) userMounts() ([]corev1.VolumeMount, error) {
	return named[corev1.VolumeMount](p.out.Annotations, "sidecar.istio.io/userVolumeMount", func(m *corev1.VolumeMount) *string { return &m.Name })
}

// named reads an annotation that has objects by name, or a list of objects with names, as JSON.
func named[T any](annotations map[string]string, annotation string, name func(*T) *string) ([]T, error) {
	text, given := annotations[annotation]
	if !given {
		return nil, nil
	}
	var list []T
	if json.Unmarshal([]byte(text), &list) != nil {
		var byName map[string]T
		if err := json.Unmarshal([]byte(text), &byName); err != nil {
			return nil, fmt.Errorf("annotation %s: give a JSON object of the form {\"NAME\": {...}}: %w", annotation, err)
		}
		list = nil
		for _, n := range slices.Sorted(maps.Keys(byName)) {
			one := byName[n]
			*name(&one) = n
			list = append(list, one)
		}
	}
	for i := range list {
		if *name(&list[i]) == "" {
			return nil, fmt.Errorf("annotation %s: entry %d has no name", annotation, i)
		}
	}
	return list, nil
}
