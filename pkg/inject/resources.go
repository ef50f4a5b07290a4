package inject

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func defaultResources() corev1.ResourceRequirements {
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("128Mi")},
		Limits:   corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourceMemory: resource.MustParse("1Gi")},
	}
}

// resources are those of the settings, unless an annotation names any: then only those of annotations, as with Istio.
func (p *pod) resources(settings corev1.ResourceRequirements) (corev1.ResourceRequirements, error) {
	var own corev1.ResourceRequirements
	given := false
	for _, a := range []struct {
		name string
		list *corev1.ResourceList
		of   corev1.ResourceName
	}{
		{"proxyCPU", &own.Requests, corev1.ResourceCPU}, {"proxyMemory", &own.Requests, corev1.ResourceMemory},
		{"proxyCPULimit", &own.Limits, corev1.ResourceCPU}, {"proxyMemoryLimit", &own.Limits, corev1.ResourceMemory},
	} {
		text, found := p.out.Annotations["sidecar.istio.io/"+a.name]
		if !found {
			continue
		}
		quantity, err := resource.ParseQuantity(text)
		if err != nil {
			return own, fmt.Errorf("annotation sidecar.istio.io/%s: %q is no amount such as 100m or 128Mi", a.name, text)
		}
		if *a.list == nil {
			*a.list = corev1.ResourceList{}
		}
		(*a.list)[a.of], given = quantity, true
	}
	if given {
		return own, withinLimits(own)
	}
	return *settings.DeepCopy(), nil
}

// withinLimits refuses requests above their limits, which Kubernetes would refuse with a message that names no annotation.
func withinLimits(r corev1.ResourceRequirements) error {
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		request, limit := r.Requests[name], r.Limits[name]
		if _, limited := r.Limits[name]; limited && request.Cmp(limit) > 0 {
			return fmt.Errorf("annotations sidecar.istio.io/proxy*: the request of %s of %s is above its limit of %s", request.String(), name, limit.String())
		}
	}
	return nil
}
