package inject

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

const (
	// StatusAnnotation of an injected pod says, as JSON, what injection added.
	StatusAnnotation = "sidecar.istio.io/status"
	// overridesAnnotation keeps the author's own istio-proxy of an injected pod, as JSON.
	overridesAnnotation = "proxy.istio.io/overrides"
)

// Status is the value of StatusAnnotation: the names of what was added.
type Status struct {
	InitContainers   []string `json:"initContainers"`
	Containers       []string `json:"containers"`
	Volumes          []string `json:"volumes"`
	ImagePullSecrets []string `json:"imagePullSecrets"`
	Revision         string   `json:"revision"`
	Labels           []string `json:"labels,omitempty"`
	Annotations      []string `json:"annotations,omitempty"`
}

// Injected returns what an earlier injection says that it added; false for a pod that was not injected.
func Injected(annotations map[string]string) (Status, bool) {
	var s Status
	text, found := annotations[StatusAnnotation]
	if !found || json.Unmarshal([]byte(text), &s) != nil {
		return Status{}, false
	}
	return s, true
}

// previous is what an earlier injection left.
type previous struct {
	// proxy and init are the containers as they were found, with what others have added to them since.
	proxy, init *corev1.Container
	// own is the author's istio-proxy.
	own *corev1.Container
	// probes and metrics are arguments of the earlier proxy: what it was told of the program.
	probes, metrics string
}

// overrides is the value of overridesAnnotation.
type overrides struct {
	Containers     []corev1.Container `json:"containers,omitempty"`
	InitContainers []corev1.Container `json:"initContainers,omitempty"`
}

// readPrevious takes out of the pod what an earlier injection added, and finds the author's own istio-proxy.
func (p *pod) readPrevious() error {
	status, injected := Injected(p.out.Annotations)
	found, wasInit := take(p.out, ProxyContainer)
	if !injected {
		p.before.own = found
		return p.keepOverrides(wasInit)
	}
	p.before.init, _ = take(p.out, InitContainer)
	p.before.proxy = found
	if found != nil {
		p.before.probes, p.before.metrics = argument(found.Args, "--probes="), argument(found.Args, "--application-metrics=")
	}
	wasInit, err := p.readOverrides()
	if err != nil {
		return err
	}
	p.out.Spec.Volumes = slices.DeleteFunc(p.out.Spec.Volumes, func(v corev1.Volume) bool { return slices.Contains(status.Volumes, v.Name) })
	p.out.Spec.ImagePullSecrets = slices.DeleteFunc(p.out.Spec.ImagePullSecrets, func(r corev1.LocalObjectReference) bool {
		return slices.Contains(status.ImagePullSecrets, r.Name)
	})
	drop(p.out.Labels, status.Labels)
	drop(p.out.Annotations, status.Annotations)
	delete(p.out.Annotations, StatusAnnotation)
	return p.keepOverrides(wasInit)
}

// readOverrides finds the author's istio-proxy that an earlier injection wrote down.
func (p *pod) readOverrides() (wasInit bool, err error) {
	text, given := p.out.Annotations[overridesAnnotation]
	if !given {
		return false, nil
	}
	delete(p.out.Annotations, overridesAnnotation)
	var o overrides
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return false, fmt.Errorf("annotation %s: %w", overridesAnnotation, err)
	}
	for _, list := range [][]corev1.Container{o.Containers, o.InitContainers} {
		for _, c := range list {
			if c.Name == ProxyContainer {
				p.before.own = &c
				wasInit = len(o.InitContainers) > 0
			}
		}
	}
	return wasInit, nil
}

// keepOverrides writes the author's istio-proxy down, so that another injection finds it as it was.
func (p *pod) keepOverrides(wasInit bool) error {
	if p.before.own == nil {
		return nil
	}
	var o overrides
	if wasInit {
		o.InitContainers = []corev1.Container{*p.before.own}
	} else {
		o.Containers = []corev1.Container{*p.before.own}
	}
	text, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("container %s: %w", ProxyContainer, err)
	}
	p.added.annotations = add(&p.out.Annotations, map[string]string{overridesAnnotation: string(text)}, p.added.annotations)
	return nil
}

// writeStatus says what was added.
func (p *pod) writeStatus() error {
	status := Status{
		InitContainers: ours(p.out.Spec.InitContainers), Containers: ours(p.out.Spec.Containers), Volumes: p.added.volumes,
		ImagePullSecrets: p.added.secrets, Revision: p.revision(),
		Labels: p.added.labels, Annotations: p.added.annotations,
	}
	text, err := json.Marshal(status)
	p.out.Annotations[StatusAnnotation] = string(text)
	return err
}

func ours(list []corev1.Container) (names []string) {
	for _, c := range list {
		if c.Name == ProxyContainer || c.Name == InitContainer {
			names = append(names, c.Name)
		}
	}
	return names
}

// take removes a container of a name from the pod.
func take(pod *corev1.Pod, name string) (found *corev1.Container, wasInit bool) {
	for _, list := range []*[]corev1.Container{&pod.Spec.Containers, &pod.Spec.InitContainers} {
		if i := slices.IndexFunc(*list, func(c corev1.Container) bool { return c.Name == name }); i >= 0 {
			c := (*list)[i]
			*list = slices.Delete(*list, i, i+1)
			return &c, list == &pod.Spec.InitContainers
		}
	}
	return nil, false
}

func argument(args []string, prefix string) string {
	for _, a := range args {
		if value, found := strings.CutPrefix(a, prefix); found {
			return value
		}
	}
	return ""
}

// add puts into a map what it does not have, and returns the names of that in addition to those given, sorted.
func add(to *map[string]string, what map[string]string, names []string) []string {
	if *to == nil {
		*to = map[string]string{}
	}
	for _, name := range slices.Sorted(maps.Keys(what)) {
		if _, has := (*to)[name]; !has {
			(*to)[name] = what[name]
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func drop(from map[string]string, names []string) {
	for _, name := range names {
		delete(from, name)
	}
}
