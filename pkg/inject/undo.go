package inject

import (
	"encoding/json"
	"net/url"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Undo takes out of a pod what Pod added to it. Ports of probes that had names come back as numbers. A pod that was not injected is
// returned as it is.
func Undo(injected *corev1.Pod) *corev1.Pod {
	out := injected.DeepCopy()
	if _, found := Injected(out.Annotations); !found {
		return out
	}
	p := &pod{out: out}
	if p.readPrevious() != nil { // the author's own container cannot be told
		return out
	}
	restoreProbes(out, unescape(p.before.probes))
	drop(out.Annotations, p.added.annotations)
	if target, err := url.Parse(unescape(p.before.metrics)); err == nil && target.Port() != "" {
		for name, value := range map[string]string{"port": target.Port(), "path": target.Path, "scrape": "true"} {
			out.Annotations["prometheus.io/"+name] = value
		}
	}
	if own := p.before.own; own != nil {
		out.Spec.Containers = append(out.Spec.Containers, *own)
	}
	empty(out)
	return out
}

// empty leaves no empty lists and maps behind.
func empty(out *corev1.Pod) {
	if len(out.Annotations) == 0 {
		out.Annotations = nil
	}
	if len(out.Labels) == 0 {
		out.Labels = nil
	}
	if len(out.Spec.InitContainers) == 0 {
		out.Spec.InitContainers = nil
	}
	if len(out.Spec.Volumes) == 0 {
		out.Spec.Volumes = nil
	}
	if len(out.Spec.ImagePullSecrets) == 0 {
		out.Spec.ImagePullSecrets = nil
	}
}

// restoreProbes gives probes and hooks back what the agent ran in their place.
func restoreProbes(out *corev1.Pod, text string) {
	var probes map[string]appProbe
	if text == "" || json.Unmarshal([]byte(text), &probes) != nil {
		return
	}
	restore := func(get **corev1.HTTPGetAction, tcp **corev1.TCPSocketAction, grpc **corev1.GRPCAction) {
		if *get == nil || !strings.HasPrefix((*get).Path, "/app-") {
			return
		}
		if probe, found := probes[(*get).Path]; found {
			*get, *tcp = probe.HTTPGet, probe.TCPSocket
			if grpc != nil {
				*grpc = probe.GRPC
			}
		}
	}
	for _, list := range [][]corev1.Container{out.Spec.InitContainers, out.Spec.Containers} {
		for _, c := range list {
			for _, probe := range []*corev1.Probe{c.ReadinessProbe, c.LivenessProbe, c.StartupProbe} {
				if probe != nil {
					restore(&probe.HTTPGet, &probe.TCPSocket, &probe.GRPC)
				}
			}
			if c.Lifecycle != nil {
				for _, h := range []*corev1.LifecycleHandler{c.Lifecycle.PreStop, c.Lifecycle.PostStart} {
					if h != nil {
						restore(&h.HTTPGet, &h.TCPSocket, nil)
					}
				}
			}
		}
	}
}
