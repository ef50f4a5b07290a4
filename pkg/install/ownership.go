package install

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshctl/meshctl/pkg/install/client"
	"github.com/meshctl/meshctl/pkg/install/inventory"
)

const managedBy = "app.kubernetes.io/managed-by"

// ForeignError is the error of an object that is there already and belongs to somebody else.
type ForeignError struct {
	ID     inventory.ID
	Owner  string
	Reason string // why it cannot be used as it is; may be empty
}

func (e *ForeignError) Error() string {
	s := fmt.Sprintf("%s is there already and belongs to %s", e.ID, e.Owner)
	if e.Reason != "" {
		s += ", and " + e.Reason
	}
	return s + ": delete it, let its owner bring it up to date, or take it over with --force-adopt"
}

// claim decides whose an object is: ours to apply, or found there and to be left as it is. Definitions and namespaces that others made are
// used; anything else of the same name is an error.
func (s state) claim(d desired, adopt bool) (inventory.Origin, error) {
	live := s.live[d.id]
	if live == nil {
		return inventory.Ours, nil
	}
	origin, listed := s.origin(d.id)
	switch {
	case listed && origin == inventory.Ours, Ours(live), adopt && d.stage != stageNamespace:
		return inventory.Ours, nil
	case d.stage == stageNamespace:
		return inventory.Found, nil
	case d.stage == stageDefinitions:
		if lacking := LackingVersions(d.object, live); len(lacking) > 0 {
			return "", &ForeignError{d.id, Owner(live), "does not serve " + strings.Join(lacking, ", ")}
		}
		return inventory.Found, nil
	default:
		return "", &ForeignError{d.id, Owner(live), ""}
	}
}

// Ours reports whether an object says of itself that meshctl manages it.
func Ours(u *unstructured.Unstructured) bool { return u.GetLabels()[managedBy] == client.Manager }

// Owner says for people whose an object is.
func Owner(u *unstructured.Unstructured) string {
	annotations := u.GetAnnotations()
	if release := annotations["meta.helm.sh/release-name"]; release != "" {
		return fmt.Sprintf("Helm release %s in %s", release, annotations["meta.helm.sh/release-namespace"])
	}
	if by := u.GetLabels()[managedBy]; by != "" {
		return by
	}
	if component := u.GetLabels()["install.operator.istio.io/owning-resource"]; component != "" {
		return "Istio (" + component + ")"
	}
	var managers []string
	for _, e := range u.GetManagedFields() {
		if e.Subresource == "" && e.Manager != "" && !slices.Contains(managers, e.Manager) {
			managers = append(managers, e.Manager)
		}
	}
	if len(managers) == 0 {
		return "an unknown owner"
	}
	return "field manager " + strings.Join(managers, ", ")
}

// LackingVersions are those that a definition must serve and the live one does not.
func LackingVersions(wanted, live *unstructured.Unstructured) []string {
	served := servedVersions(live)
	return slices.DeleteFunc(servedVersions(wanted), func(v string) bool { return slices.Contains(served, v) })
}

func servedVersions(definition *unstructured.Unstructured) []string {
	list, _, _ := unstructured.NestedSlice(definition.Object, "spec", "versions")
	var out []string
	for _, item := range list {
		if v, ok := item.(map[string]any); ok && v["served"] == true {
			name, _ := v["name"].(string)
			out = append(out, name)
		}
	}
	return out
}

// sameFields reports whether two states of an object give our manager the same fields.
func sameFields(a, b *unstructured.Unstructured) bool {
	x, y := fieldsOf(a), fieldsOf(b)
	return x != "" && x == y
}

func fieldsOf(u *unstructured.Unstructured) string {
	for _, e := range u.GetManagedFields() {
		if e.Manager == client.Manager && e.Operation == metav1.ManagedFieldsOperationApply && e.FieldsV1 != nil {
			return e.APIVersion + e.FieldsV1.GetRawString()
		}
	}
	return ""
}
