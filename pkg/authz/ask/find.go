package ask

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// target is a workload that the mesh knows.
type target struct {
	key     config.Key
	labels  map[string]string
	account string
	address string
	// bound entries are those of explicit proxies, whose ports are local ones.
	bound bool
	edge  bool
}

func (t target) String() string { return t.key.Name + "." + t.key.Namespace }

// identity is the SPIFFE id of the workload's account; empty when it has none.
func (t target) identity(s *mesh.Snapshot) string {
	if t.account == "" || strings.HasPrefix(t.account, "spiffe://") {
		return t.account
	}
	return "spiffe://" + s.Config().TrustDomain + "/ns/" + t.key.Namespace + "/sa/" + t.account
}

func (t target) proxy() mesh.Proxy {
	p := mesh.Proxy{Namespace: t.key.Namespace, Name: t.key.Name, Labels: t.labels, ServiceAccount: t.account}
	if t.bound {
		p.Mode = mesh.Explicit
	}
	if t.edge {
		p.Type = mesh.Router
	}
	return p
}

// kinds are the kinds of workloads by the names that people give them, running ones before what makes them.
func kinds() []struct {
	kind  config.Kind
	names []string
} {
	return []struct {
		kind  config.Kind
		names []string
	}{
		{config.Pod, []string{"pod", "pods", "po"}},
		{config.WorkloadEntry, []string{"workloadentry", "workloadentries", "we"}},
		{config.Deployment, []string{"deployment", "deployments", "deploy"}},
		{config.StatefulSet, []string{"statefulset", "statefulsets", "sts"}},
		{config.DaemonSet, []string{"daemonset", "daemonsets", "ds"}},
		{config.WorkloadGroup, []string{"workloadgroup", "workloadgroups", "wg"}},
	}
}

// find returns the workloads that a name means: "NAME", "NAME.NAMESPACE", "KIND/NAME", or the value of the label app.
func find(s *mesh.Snapshot, name, namespace string) ([]target, error) {
	if name == "" {
		return nil, inputf("say which workload is called")
	}
	all := workloads(s)
	if kind, rest, ok := strings.Cut(name, "/"); ok {
		k, known := kindNamed(kind)
		if !known {
			return nil, inputf("%q is no kind of workload: use pod, deployment, statefulset, daemonset, workloadentry or workloadgroup", kind)
		}
		all = slices.DeleteFunc(all, func(t target) bool { return t.key.Kind != k })
		name = rest
	}
	if found := named(all, name, namespace); len(found) > 0 {
		return found, nil
	}
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		if found := named(all, name[:i], name[i+1:]); len(found) > 0 {
			return found, nil
		}
	}
	return nil, unknown(all, name, namespace)
}

// named returns the workload of that name, else those of the app. What makes workloads counts where none runs.
func named(all []target, name, namespace string) []target {
	var byName, byApp []target
	for _, t := range all {
		if t.key.Namespace != namespace {
			continue
		}
		if t.key.Name == name {
			byName = append(byName, t)
		}
		if slices.Contains(apps(t.labels), name) {
			byApp = append(byApp, t)
		}
	}
	if len(byName) > 0 {
		return byName[:1]
	}
	running := slices.DeleteFunc(slices.Clone(byApp), func(t target) bool { return t.key.Kind != config.Pod && t.key.Kind != config.WorkloadEntry })
	if len(running) > 0 {
		return running
	}
	return byApp
}

func apps(labels map[string]string) []string {
	var out []string
	for _, key := range []string{"app", "app.kubernetes.io/name", "service.istio.io/canonical-name"} {
		if v := labels[key]; v != "" {
			out = append(out, v)
		}
	}
	return out
}

func unknown(all []target, name, namespace string) error {
	known := map[string]bool{}
	for _, t := range all {
		known[t.String()] = true
	}
	short, _, _ := strings.Cut(name, ".")
	near := slices.DeleteFunc(slices.Sorted(maps.Keys(known)), func(s string) bool { return !strings.HasPrefix(s, short) })
	switch {
	case len(known) == 0:
		return inputf("no workload %q in namespace %q: the configuration has no Pods, Deployments, WorkloadEntries or WorkloadGroups", name, namespace)
	case len(near) > 0:
		return inputf("no workload %q in namespace %q; did you mean %s?", name, namespace, strings.Join(near, " or "))
	}
	list := slices.Sorted(maps.Keys(known))
	if len(list) > 10 {
		list = append(list[:10], "...")
	}
	return inputf("no workload %q in namespace %q; there are %s", name, namespace, strings.Join(list, ", "))
}

func kindNamed(name string) (config.Kind, bool) {
	for _, k := range kinds() {
		if slices.Contains(k.names, strings.ToLower(name)) {
			return k.kind, true
		}
	}
	return config.Kind{}, false
}

// workloads lists what the mesh knows, by kind, namespace and name.
func workloads(s *mesh.Snapshot) []target {
	var selectors []map[string]string
	for o := range s.Set().All(config.Gateway) {
		if spec, ok := o.Spec.(*networking.Gateway); ok && len(spec.GetSelector()) > 0 {
			selectors = append(selectors, spec.GetSelector())
		}
	}
	var out []target
	for _, k := range kinds() {
		for _, o := range s.Set().Sorted(k.kind) {
			t, ok := targetOf(o)
			if !ok {
				continue
			}
			t.edge = slices.ContainsFunc(selectors, func(selector map[string]string) bool { return mesh.Selects(selector, t.labels) })
			out = append(out, t)
		}
	}
	return out
}

func targetOf(o *config.Object) (target, bool) {
	t := target{key: o.Key, bound: o.Meta.Annotations[mesh.AnnotationBoundPorts] == "true"}
	template := func(p *corev1.PodTemplateSpec) {
		t.labels, t.account = p.Labels, cmp.Or(p.Spec.ServiceAccountName, "default")
	}
	switch spec := o.Spec.(type) {
	case *corev1.Pod:
		t.labels, t.account, t.address = o.Meta.Labels, cmp.Or(spec.Spec.ServiceAccountName, "default"), spec.Status.PodIP
	case *networking.WorkloadEntry:
		t.labels, t.account, t.address = merged(o.Meta.Labels, spec.GetLabels()), spec.GetServiceAccount(), spec.GetAddress()
	case *networking.WorkloadGroup:
		t.labels, t.account = merged(spec.GetTemplate().GetLabels(), spec.GetMetadata().GetLabels()), spec.GetTemplate().GetServiceAccount()
	case *appsv1.Deployment:
		template(&spec.Spec.Template)
	case *appsv1.StatefulSet:
		template(&spec.Spec.Template)
	case *appsv1.DaemonSet:
		template(&spec.Spec.Template)
	default:
		return t, false
	}
	return t, true
}

func merged(a, b map[string]string) map[string]string {
	out := maps.Clone(a)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, b)
	return out
}

// identify finds out who calls: the SPIFFE id, and the workload if it is one.
func identify(s *mesh.Snapshot, q Query) (string, *target, error) {
	id, caller, err := caller(s, q)
	if err != nil || q.Plaintext {
		return "", caller, err
	}
	return id, caller, nil
}

func caller(s *mesh.Snapshot, q Query) (string, *target, error) {
	from := q.From
	parts := strings.Split(from, "/")
	switch {
	case from == "":
		return "", nil, nil
	case strings.HasPrefix(from, "spiffe://"):
		return from, nil, nil
	case len(parts) == 5 && parts[1] == "ns" && parts[3] == "sa":
		return "spiffe://" + from, nil, nil
	case len(parts) == 2:
		if _, known := kindNamed(parts[0]); !known {
			return "spiffe://" + s.Config().TrustDomain + "/ns/" + parts[0] + "/sa/" + parts[1], nil, nil
		}
	case len(parts) > 2:
		return "", nil, inputf("%q is neither a workload, nor NAMESPACE/ACCOUNT, nor a SPIFFE id", from)
	}
	found, err := find(s, from, q.Namespace)
	if err != nil {
		return "", nil, err
	}
	ids := map[string]bool{}
	for _, t := range found {
		ids[t.identity(s)] = true
	}
	if len(ids) > 1 {
		return "", nil, inputf("%q are workloads with different identities: %s", from, strings.Join(slices.Sorted(maps.Keys(ids)), ", "))
	}
	only := found[0]
	if len(found) > 1 {
		only.address = ""
	}
	return only.identity(s), &only, nil
}
