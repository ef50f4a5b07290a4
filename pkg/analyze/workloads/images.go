package workloads

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"istio.io/api/annotation"

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
			if len(analyze.Injectors(p)) == 0 {
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
		Message: fmt.Sprintf("the injector gives another proxy image now than these pods have: %s", few(pods)),
		Fix:     "make them anew: kubectl -n " + namespace + " rollout restart deployment",
	})
}

// otherImage reports whether a pod's proxy is not the image that the injector of its namespace would give it.
func otherImage(p *analyze.Pass, o *config.Object) bool {
	revision, injected := revisionOf(p.Mesh().NamespaceLabels(o.Key.Namespace))
	if !injected || o.Meta.Annotations[annotation.SidecarProxyImage.Name] != "" {
		return false
	}
	injector := analyze.Injectors(p)[inject.ConfigMapOf(revision)]
	w := p.Workload(o)
	if w == nil || injector.Image == "" {
		return false
	}
	for _, c := range slices.Concat(w.Pod.Spec.Containers, w.Pod.Spec.InitContainers) {
		if c.Name == analyze.ProxyContainer && !sameImage(c.Image, injector, imageType(p, w)) {
			return true
		}
	}
	return false
}

// revisionOf is the revision that injects into the pods of a namespace with these labels, "" for the default one.
func revisionOf(namespace map[string]string) (revision string, injected bool) {
	if value, labelled := namespace[inject.NamespaceLabel]; labelled {
		return "", value == "enabled"
	}
	revision, injected = namespace[inject.RevisionLabel]
	return revision, injected
}

// sameImage reports whether an image is the injector's, or the variant of it that is asked for ("distroless").
func sameImage(image string, injector inject.Injector, variant string) bool {
	if image == injector.Image {
		return true
	}
	return slices.ContainsFunc([]string{variant, injector.Variant}, func(v string) bool { return v != "" && image == injector.Image+"-"+v })
}

// imageType is the variant of the image that the pod's proxy configuration asks for; empty for the default one.
func imageType(p *analyze.Pass, w *analyze.Workload) string {
	p.Reads(config.ConfigMap, config.ProxyConfig)
	own, _ := p.Mesh().ProxyConfig(w.Proxy(), w.Annotations[config.ProxyConfigAnnotation])
	if t := own.GetImage().GetImageType(); t != "default" {
		return t
	}
	return ""
}

// few lists names for a message, which must not grow with the mesh.
func few(names []string) string {
	const most = 10
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
