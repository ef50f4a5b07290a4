package gatewaydeploy

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"sigs.k8s.io/yaml"

	"github.com/meshctl/meshctl/pkg/config"
)

// part is an object with the key of a ConfigMap that holds patches of it.
type part struct {
	key    string
	object runtime.Object
}

// patch changes one object, as where it is written says.
type patch struct{ from, text string }

// patches are those of the class, in a ConfigMap of the system namespace (see ClassDefaults), then those of the Gateway's
// parametersRef, by key.
func (b *builder) patches() (map[string][]patch, error) {
	out := map[string][]patch{}
	add := func(o *config.Object) error {
		m, ok := o.Spec.(*corev1.ConfigMap)
		if !ok {
			return fmt.Errorf("ConfigMap %s/%s cannot be read", o.Key.Namespace, o.Key.Name)
		}
		for _, key := range slices.Sorted(maps.Keys(m.Data)) {
			from := fmt.Sprintf("ConfigMap %s/%s, key %s", o.Key.Namespace, o.Key.Name, key)
			switch key {
			case "deployment", "service", "serviceAccount", "horizontalPodAutoscaler", "podDisruptionBudget":
				out[key] = append(out[key], patch{from, m.Data[key]})
			default:
				b.warnings = append(b.warnings, from+" has no effect: give deployment, service, serviceAccount, horizontalPodAutoscaler or podDisruptionBudget")
			}
		}
		return nil
	}
	if o := b.defaults(); o != nil {
		if err := add(o); err != nil {
			return nil, err
		}
	}
	if b.gateway.Spec.Infrastructure == nil || b.gateway.Spec.Infrastructure.ParametersRef == nil {
		return out, nil
	}
	ref := b.gateway.Spec.Infrastructure.ParametersRef
	if ref.Group != "" || ref.Kind != "ConfigMap" {
		return nil, fmt.Errorf("spec.infrastructure.parametersRef: %s %s/%s is not supported: name a ConfigMap (group \"\")", ref.Kind, ref.Group, ref.Name)
	}
	o := b.Mesh.Set().Get(config.Key{Kind: config.ConfigMap, Namespace: b.key.Namespace, Name: ref.Name})
	if o == nil {
		return nil, fmt.Errorf("spec.infrastructure.parametersRef: there is no ConfigMap %s/%s", b.key.Namespace, ref.Name)
	}
	return out, add(o)
}

// ClassDefaults is the label of a ConfigMap in the system namespace whose patches hold for every Gateway of the class that it names.
const ClassDefaults = "gateway.istio.io/defaults-for-class"

// defaults is the oldest of the ConfigMaps for the class.
func (b *builder) defaults() *config.Object {
	var first *config.Object
	for _, o := range b.Mesh.Set().Sorted(config.ConfigMap) {
		if o.Key.Namespace == b.Mesh.Options().SystemNamespace && o.Meta.Labels[ClassDefaults] == string(b.gateway.Spec.GatewayClassName) &&
			(first == nil || o.Meta.Created.Before(first.Meta.Created)) {
			first = o
		}
	}
	return first
}

// patched is the object after strategic merge patches
// (https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/).
func (p part) patched(patches []patch) (*unstructured.Unstructured, error) {
	data, err := json.Marshal(p.object)
	if err != nil {
		return nil, err
	}
	for _, change := range patches {
		text, err := yaml.YAMLToJSON([]byte(change.text))
		if err == nil && string(text) != "null" {
			data, err = strategicpatch.StrategicMergePatch(data, text, p.object)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", change.from, err)
		}
	}
	u, kind := &unstructured.Unstructured{}, p.object.GetObjectKind().GroupVersionKind()
	if err := json.Unmarshal(data, &u.Object); err != nil {
		return nil, err
	}
	u.SetGroupVersionKind(kind)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(u.Object, p.object.DeepCopyObject(), true); err != nil && len(patches) > 0 {
		return nil, fmt.Errorf("%s: %w", patches[len(patches)-1].from, err)
	}
	return u, nil
}
