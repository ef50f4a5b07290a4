package workloads

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/inject"
)

func proxyImages() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "proxy-images",
		Doc:   "pods with another proxy than the injector gives now",
		Codes: []codes.Code{codes.ProxyImage},
		Kinds: []config.Kind{config.Namespace, config.Pod, config.ConfigMap, config.ProxyConfig},
		Run: func(p *analyze.Pass) {
			if len(injectors.Of(p)) == 0 {
				return
			}
			others := map[string][]string{} // pods by namespace
			for _, o := range p.All(config.Pod) {
				if otherImage(p, o) {
					others[o.Key.Namespace] = append(others[o.Key.Namespace], o.Key.Name)
				}
			}
			for _, namespace := range slices.Sorted(maps.Keys(others)) {
				reportImages(p, namespace, others[namespace])
			}
		},
	}
}

func reportImages(p *analyze.Pass, namespace string, pods []string) {
	p.Report(analyze.Finding{
		Code: codes.ProxyImage, Object: p.Get(config.Key{Kind: config.Namespace, Name: namespace}), Field: "metadata.name",
		Message: fmt.Sprintf("the injector gives another proxy now than these pods have: %s", strings.Join(pods, ", ")),
		Fix:     "restart them: kubectl -n " + namespace + " rollout restart deployment",
	})
}

// otherImage reports whether a pod's proxy is not the image that the injector of its namespace would give it.
func otherImage(p *analyze.Pass, o *config.Object) bool {
	labels := p.Mesh().NamespaceLabels(o.Key.Namespace)
	revision, revised := labels[inject.RevisionLabel]
	if !revised && labels[inject.NamespaceLabel] != "enabled" || o.Meta.Annotations["sidecar.istio.io/proxyImage"] != "" {
		return false
	}
	v := injectorValues(p, revision)
	pod, ok := o.Spec.(*corev1.Pod)
	if !ok || v == nil || v.image() == "" {
		return false
	}
	for _, c := range slices.Concat(pod.Spec.Containers, pod.Spec.InitContainers) {
		if c.Name == analyze.ProxyContainer && !sameImage(c.Image, v.image(), imageType(p, o)) {
			return true
		}
	}
	return false
}

// sameImage reports whether an image is the injector's, or its variant ("distroless").
func sameImage(image, injected, variant string) bool {
	return image == injected || variant != "" && image == injected+"-"+variant
}

// imageType is the variant of the image that the pod's proxy configuration asks for.
func imageType(p *analyze.Pass, o *config.Object) string {
	w := analyze.NewWorkload(o, nil)
	if w == nil {
		return ""
	}
	own, _ := p.Mesh().ProxyConfig(w.Proxy(), w.Annotations[config.ProxyConfigAnnotation])
	p.Reads(config.ConfigMap, config.ProxyConfig)
	return own.GetImage().GetImageType()
}
