package checkinject

import (
	"fmt"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/inject"
)

// target is what the user named.
type target struct {
	kinds           []config.Kind
	namespace, name string
}

// workload is what was found.
type workload struct {
	object *config.Object
	pod    *corev1.PodTemplateSpec
	// running: it is a pod, and proxied: it has a proxy.
	running, proxied bool
}

func parseTarget(text, namespace string) (target, error) {
	kind, name, given := strings.Cut(text, "/")
	if !given {
		kind, name = "", text
	}
	t := target{namespace: namespace, name: name, kinds: []config.Kind{config.Pod, config.Deployment}}
	if before, after, dotted := strings.Cut(name, "."); dotted {
		t.name, t.namespace = before, after
	}
	if given {
		found, ok := kindOf(kind)
		if !ok {
			return t, exitcode.Usagef("%s has no pods: name a pod, deployment, daemonset, statefulset, replicaset, job or cronjob", kind)
		}
		t.kinds = []config.Kind{found}
	}
	if t.name == "" {
		return t, exitcode.Usagef("%q: write [KIND/]NAME[.NAMESPACE]", text)
	}
	return t, nil
}

func kindOf(name string) (config.Kind, bool) {
	name = strings.ToLower(name)
	short := map[string]string{"po": "pod", "deploy": "deployment", "ds": "daemonset", "sts": "statefulset", "rs": "replicaset", "cj": "cronjob"}
	if long := short[name]; long != "" {
		name = long
	}
	for _, kind := range podKinds() {
		if one := strings.ToLower(kind.Name); name == one || name == one+"s" {
			return kind, true
		}
	}
	return config.Kind{}, false
}

func podKinds() []config.Kind {
	return []config.Kind{config.Pod, config.Deployment, config.DaemonSet, config.StatefulSet, config.ReplicaSet, config.Job, config.CronJob}
}

// find returns the first of the objects that are meant.
func (t target) find(objects []*config.Object, origin string) (workload, error) {
	for _, kind := range t.kinds {
		key := config.Key{Kind: kind, Namespace: t.namespace, Name: t.name}
		i := slices.IndexFunc(objects, func(o *config.Object) bool { return o.Key == key })
		if i < 0 {
			continue
		}
		w := workload{object: objects[i]}
		if pod, ok := w.object.Spec.(*corev1.Pod); ok {
			w.pod = &corev1.PodTemplateSpec{ObjectMeta: pod.ObjectMeta, Spec: pod.Spec}
			w.pod.Labels, w.pod.Annotations = w.object.Meta.Labels, w.object.Meta.Annotations
			w.running = pod.Status.Phase != ""
		} else {
			w.pod, _ = analyze.Template(w.object)
		}
		for _, list := range [][]corev1.Container{w.pod.Spec.InitContainers, w.pod.Spec.Containers} {
			w.proxied = w.proxied || slices.ContainsFunc(list, func(c corev1.Container) bool { return c.Name == inject.ProxyContainer })
		}
		return w, nil
	}
	var names []string
	for _, kind := range t.kinds {
		names = append(names, kind.Name)
	}
	return workload{}, fmt.Errorf("%s: there is no %s %s in namespace %s: name the namespace with -n", origin, strings.Join(names, " or "), t.name, t.namespace)
}

// judge judges the workload by every injector's webhooks among the objects.
func judge(objects []*config.Object, w workload, system string) []inject.Hook {
	c := inject.Candidate{
		Namespace: w.object.Key.Namespace, Labels: w.pod.Labels, Annotations: w.pod.Annotations, HostNetwork: w.pod.Spec.HostNetwork,
		NamespaceLabels: map[string]string{corev1.LabelMetadataName: w.object.Key.Namespace},
	}
	var configurations []*admissionv1.MutatingWebhookConfiguration
	injectors := map[string]inject.Injector{}
	for _, o := range objects {
		switch spec := o.Spec.(type) {
		case *admissionv1.MutatingWebhookConfiguration:
			hooks := spec.DeepCopy()
			hooks.Name, hooks.Labels = o.Key.Name, o.Meta.Labels
			configurations = append(configurations, hooks)
		case *corev1.ConfigMap:
			if o.Key.Namespace == system && strings.HasPrefix(o.Key.Name, inject.ConfigMapName) {
				injectors[o.Key.Name] = inject.ReadInjector(spec)
			}
		default:
			if o.Key.Kind == config.Namespace && o.Key.Name == c.Namespace {
				for name, value := range o.Meta.Labels {
					c.NamespaceLabels[name] = value
				}
			}
		}
	}
	return inject.Hooks(configurations, c, func(revision string) inject.Policy { return injectors[inject.ConfigMapOf(revision)].Policy })
}
