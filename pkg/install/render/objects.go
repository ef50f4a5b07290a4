package render

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/meshctl/meshctl/manifests"
	"github.com/meshctl/meshctl/pkg/install/values"
)

// Decode reads the objects of a text of YAML documents; empty documents are left out.
func Decode(text string) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	for doc := range strings.SplitSeq("\n"+text, "\n---") {
		if strings.TrimSpace(doc) == "" {
			continue
		}
		data, err := yaml.YAMLToJSON([]byte(doc))
		if err != nil {
			return nil, err
		}
		o := &unstructured.Unstructured{}
		if err := json.Unmarshal(data, &o.Object); err != nil {
			return nil, err
		}
		if len(o.Object) == 0 {
			continue // comments
		}
		if o.GetKind() == "" || o.GetName() == "" {
			return nil, fmt.Errorf("a document is no object: %.60q", doc)
		}
		out = append(out, o)
	}
	return out, nil
}

// order is that in which kinds are applied: what others refer to comes first, and webhooks come last, as they stop what they cannot judge.
var order = []string{
	"Namespace", "CustomResourceDefinition", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ConfigMap",
	"NetworkPolicy", "PodDisruptionBudget", "Service", "Deployment", "HorizontalPodAutoscaler",
	"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration",
}

func sorted(objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	slices.SortStableFunc(objects, func(a, b *unstructured.Unstructured) int {
		return cmp.Or(
			cmp.Compare(place(a.GetKind()), place(b.GetKind())),
			cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()),
		)
	})
	return objects
}

// place is the kind's in the order; an unknown kind comes last.
func place(kind string) int {
	if i := slices.Index(order, kind); i >= 0 {
		return i
	}
	return len(order)
}

// definitionLabels is how the labels of every definition of Istio's start.
const definitionLabels = "\n  labels:\n"

// labelledDefinitions returns the definitions of resources with the labels of the component Base.
func labelledDefinitions() (string, error) {
	data, err := fs.ReadFile(manifests.FS, manifests.CRDs)
	if err != nil {
		return "", err
	}
	ours := strings.Join([]string{
		"app.kubernetes.io/managed-by: " + ManagedBy, "app.kubernetes.io/name: istio-base", "app.kubernetes.io/part-of: istio",
		"istio.io/rev: default", "operator.istio.io/component: " + values.Base, "",
	}, "\n    ")
	return strings.ReplaceAll(string(data), definitionLabels, definitionLabels+"    "+strings.TrimRight(ours, " ")), nil
}
