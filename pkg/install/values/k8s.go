package values

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/api/resource"
)

// target is where the Kubernetes settings of a component go: values of the tree, or a gateway's own.
type target struct {
	builder *builder
	path    string // of the component's values in the tree
	name    string // of the component's objects
	gateway *gateway
}

// set reads a value as the component's setting.
func (t target) set(l layer, n *yaml.Node, setting string, path []string) {
	v, ok := t.builder.decode(l, n, get(t.builder.defaults, t.path+"."+setting), path)
	if ok {
		t.put(setting, v)
	}
}

func (t target) put(setting string, v any) {
	over := map[string]any{}
	put(over, setting, v)
	if t.gateway != nil {
		merge(t.gateway.own, over)
		return
	}
	whole := map[string]any{}
	put(whole, t.path, over)
	merge(t.builder.tree, whole)
}

// k8sSettings are the fields of KubernetesResourcesSpec that are values of the component of the same meaning. See
// https://istio.io/latest/docs/reference/config/istio.operator.v1alpha1/#KubernetesResourcesSpec.
var k8sSettings = map[string]struct{ pilot, gateway string }{
	"affinity":            {"affinity", "affinity"},
	"imagePullPolicy":     {"imagePullPolicy", "imagePullPolicy"},
	"nodeSelector":        {"nodeSelector", "nodeSelector"},
	"podAnnotations":      {"podAnnotations", "podAnnotations"},
	"podDisruptionBudget": {"pdb", "podDisruptionBudget"},
	"priorityClassName":   {"priorityClassName", "priorityClassName"},
	"replicaCount":        {"replicaCount", "replicaCount"},
	"resources":           {"resources", "resources"},
	"serviceAnnotations":  {"serviceAnnotations", "serviceAnnotations"},
	"tolerations":         {"tolerations", "tolerations"},
}

// k8sUnsupported are fields that are none, with what to do instead.
var k8sUnsupported = map[string]string{
	"readinessProbe":  "is not supported: the probe asks what the program answers; set single fields by overlays",
	"securityContext": "is not supported: pods run with the least privileges there are; set single fields by overlays",
	"volumes":         "is not supported; add volumes by overlays",
	"volumeMounts":    "is not supported; add mounts by overlays",
}

// k8s reads the Kubernetes settings of a component.
func (b *builder) k8s(l layer, n *yaml.Node, path []string, to target) {
	if n = resolve(n); n.Kind != yaml.MappingNode {
		b.wrong(l, n, path, "must be a mapping")
		return
	}
	for k, v := range b.distinct(l, n, path) {
		at := append(slices.Clone(path), k.Value)
		if s, ok := k8sSettings[k.Value]; ok {
			setting := s.pilot
			if to.gateway != nil {
				setting = s.gateway
			}
			to.set(l, v, setting, at)
			continue
		}
		switch k.Value {
		case "env":
			b.env(l, v, at, to)
		case "hpaSpec":
			b.hpa(l, v, at, to)
		case "strategy":
			b.fieldsOf(l, v, at, to, map[string]string{"rollingUpdate": ""}, map[string]string{"maxSurge": "rollingMaxSurge", "maxUnavailable": "rollingMaxUnavailable"})
		case "service":
			b.service(l, v, at, to)
		case "overlays":
			b.overlay(l, v, at, to)
		default:
			if why, known := k8sUnsupported[k.Value]; known {
				b.wrong(l, k, at, why)
				continue
			}
			b.unknown(l, k, at, k8sFields())
		}
	}
}

func k8sFields() map[string]any {
	all := map[string]any{"env": nil, "hpaSpec": nil, "strategy": nil, "service": nil, "overlays": nil}
	for name := range k8sSettings {
		all[name] = nil
	}
	return all
}

// env reads a container's environment, of which values that are written out are supported.
func (b *builder) env(l layer, n *yaml.Node, path []string, to target) {
	if n.Kind != yaml.SequenceNode {
		b.wrong(l, n, path, "must be a list of name and value")
		return
	}
	env := map[string]any{}
	for i, entry := range n.Content {
		at := append(slices.Clone(path), index(i))
		e := layer{root: resolve(entry)}
		name := e.text("name")
		for k := range fields(e.root) {
			if k.Value != "name" && k.Value != "value" {
				b.wrong(l, k, append(at, k.Value), "is not supported: write a value, or add the variable by overlays")
			}
		}
		if name == "" {
			b.wrong(l, entry, at, "must have a name and a value")
			continue
		}
		env[name] = e.text("value")
		if to.gateway == nil {
			b.variable(l, entry, at, name)
		}
	}
	to.put("env", env)
}

// hpa reads the spec of a HorizontalPodAutoscaler.
func (b *builder) hpa(l layer, n *yaml.Node, path []string, to target) {
	to.put("autoscaleEnabled", true)
	for k, v := range b.distinct(l, n, path) {
		at := append(slices.Clone(path), k.Value)
		switch k.Value {
		case "minReplicas":
			to.set(l, v, "autoscaleMin", at)
		case "maxReplicas":
			to.set(l, v, "autoscaleMax", at)
		case "behavior":
			to.set(l, v, "autoscaleBehavior", at)
		case "scaleTargetRef":
			if name := (layer{root: v}).text("name"); name != "" && name != to.name {
				b.wrong(l, v, at, "the autoscaler is that of the component's own Deployment, "+to.name)
			}
		case "metrics":
			for i, m := range v.Content {
				b.metric(l, resolve(m), append(slices.Clone(at), index(i)), to)
			}
		default:
			b.unknown(l, k, at, map[string]any{"minReplicas": 1, "maxReplicas": 1, "behavior": nil, "scaleTargetRef": nil, "metrics": nil})
		}
	}
}

// metric reads a metric of a HorizontalPodAutoscaler: the utilization of CPU or memory is supported.
func (b *builder) metric(l layer, n *yaml.Node, path []string, to target) {
	var m struct {
		Type     string `yaml:"type"`
		Resource struct {
			Name                     string `yaml:"name"`
			TargetAverageUtilization int    `yaml:"targetAverageUtilization"` // autoscaling/v2beta1
			Target                   struct {
				Type               string `yaml:"type"`
				AverageUtilization int    `yaml:"averageUtilization"`
			} `yaml:"target"`
		} `yaml:"resource"`
	}
	err := n.Decode(&m)
	percent := max(m.Resource.TargetAverageUtilization, m.Resource.Target.AverageUtilization)
	if err != nil || m.Type != "Resource" || percent == 0 || m.Resource.Name != "cpu" && m.Resource.Name != "memory" {
		b.wrong(l, n, path, "is not supported: the autoscaler looks at the utilization of cpu and memory")
		return
	}
	to.put(m.Resource.Name+".targetAverageUtilization", percent)
}

// fieldsOf reads fields, in a mapping in a mapping, that are settings under other names.
func (b *builder) fieldsOf(l layer, n *yaml.Node, path []string, to target, outer, inner map[string]string) {
	for k, v := range b.distinct(l, n, path) {
		at := append(slices.Clone(path), k.Value)
		setting, known := outer[k.Value]
		switch {
		case known && setting == "":
			b.fieldsOf(l, v, at, to, inner, nil)
		case known:
			to.set(l, v, setting, at)
		case k.Value == "type" && v.Value == "RollingUpdate":
		default:
			b.wrong(l, k, at, "is not supported; set it by overlays")
		}
	}
}

// service reads the spec of a component's Service.
func (b *builder) service(l layer, n *yaml.Node, path []string, to target) {
	settings := map[string]string{"ipFamilyPolicy": "ipFamilyPolicy", "ipFamilies": "ipFamilies"}
	if to.gateway != nil {
		for _, name := range []string{
			"type", "ports", "clusterIP", "loadBalancerIP", "loadBalancerClass", "loadBalancerSourceRanges", "externalTrafficPolicy", "externalIPs",
		} {
			settings[name] = name
		}
	}
	b.fieldsOf(l, n, path, to, settings, nil)
}

// largest merges two resource requirements, the larger of each.
func largest(a, b map[string]any) map[string]any {
	out := clone(a)
	for kind, amounts := range b {
		asked, _ := amounts.(map[string]any)
		mine, _ := out[kind].(map[string]any)
		mine = clone(mine)
		for name, amount := range asked {
			if of, than := quantity(amount), quantity(mine[name]); mine[name] == nil || of.Cmp(than) > 0 {
				mine[name] = amount
			}
		}
		out[kind] = mine
	}
	return out
}

// quantity is zero for what is none, which the cluster will refuse.
func quantity(v any) resource.Quantity {
	q, err := resource.ParseQuantity(fmt.Sprint(v))
	if err != nil {
		return resource.Quantity{}
	}
	return q
}

// sortedEntries yields entries in the order of their places.
func sortedEntries(entries map[int]*yaml.Node) iter.Seq2[int, *yaml.Node] {
	return func(yield func(int, *yaml.Node) bool) {
		for _, i := range slices.Sorted(maps.Keys(entries)) {
			if !yield(i, entries[i]) {
				return
			}
		}
	}
}
