package install

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshctl/meshctl/pkg/install/client"
	"github.com/meshctl/meshctl/pkg/install/inventory"
	"github.com/meshctl/meshctl/pkg/install/values"
)

// stage is the order in which objects are applied; they are deleted in the opposite order, but for webhooks, which go first.
type stage int

const (
	stageNamespace stage = iota
	stageDefinitions
	stageAccess        // who may do what
	stageConfiguration // what workloads read, and the addresses at which they are reached
	stagePilot         // the control plane
	stageWebhooks      // what has the API server ask the control plane; pods that are injected come after it
	stageGateways      // all other workloads
	stages
)

var (
	namespaceKind  = schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}
	configMapKind  = schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}
	deploymentKind = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
	definitionKind = schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}
)

const admissionGroup = "admissionregistration.k8s.io"

func stageOf(component string, k schema.GroupKind) stage {
	switch {
	case k == namespaceKind.GroupKind():
		return stageNamespace
	case k == definitionKind.GroupKind():
		return stageDefinitions
	case k.Group == admissionGroup:
		return stageWebhooks
	case k.Group == "rbac.authorization.k8s.io", k.Group == "" && k.Kind == "ServiceAccount":
		return stageAccess
	case !workload(k) && k.Group != "autoscaling":
		return stageConfiguration
	case component == values.Base, component == values.Pilot:
		return stagePilot
	default:
		return stageGateways
	}
}

func workload(k schema.GroupKind) bool { return k.Group == "apps" || k.Group == "batch" }

// desired is an object that is to be in the cluster.
type desired struct {
	id        inventory.ID
	object    *unstructured.Unstructured
	component string
	set       string
	stage     stage
	// adopt is an object that belongs to somebody else and is taken over.
	adopt bool
}

// wanted lists the objects of a request by stage. The system namespace is one of them whether it is rendered or not.
func (i *Installer) wanted(r Request) []desired {
	var out []desired
	for _, c := range r.Components {
		set := inventory.SetOf(r.Revision)
		if c.Name == values.Base {
			set = inventory.Base
		}
		for _, u := range c.Objects {
			id := inventory.IDOf(u)
			out = append(out, desired{id: id, object: u.DeepCopy(), component: c.Name, set: set, stage: stageOf(c.Name, id.GroupKind)})
		}
	}
	system := i.namespace()
	if id := inventory.IDOf(system); !slices.ContainsFunc(out, func(d desired) bool { return d.id == id }) {
		out = append(out, desired{id: id, object: system, component: values.Base, set: inventory.Base, stage: stageNamespace})
	}
	for n := range out { // a namespace belongs to all revisions
		if out[n].stage == stageNamespace {
			out[n].set = inventory.Base
		}
	}
	slices.SortStableFunc(out, func(a, b desired) int { return int(a.stage) - int(b.stage) })
	return out
}

func (i *Installer) namespace() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace",
		"metadata": map[string]any{"name": i.Namespace, "labels": map[string]any{managedBy: client.Manager, "app.kubernetes.io/part-of": "istio"}},
	}}
}
