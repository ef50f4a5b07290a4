package install_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"github.com/meshctl/meshctl/pkg/install/client"
)

func negotiated() runtime.NegotiatedSerializer {
	return serializer.NewCodecFactory(runtime.NewScheme()).WithoutConversion()
}

// listing is everything that a cluster holds, by kind and name, without what changes by itself: IPAddresses follow Services.
func listing(t *testing.T) map[string]string {
	t.Helper()
	c := dial(t, client.Options{})
	kinds, silent, err := c.Kinds(context.Background())
	if err != nil || len(silent) > 0 {
		t.Fatal(err, silent)
	}
	out := map[string]string{}
	for _, k := range kinds {
		if !slices.Contains(k.Verbs, "list") || slices.Contains([]string{"Event", "Lease", "APIService", "ComponentStatus", "IPAddress"}, k.Kind) {
			continue
		}
		list, err := c.List(context.Background(), k.GroupVersionKind, client.Selection{})
		if err != nil {
			t.Fatal(err)
		}
		for n := range list {
			if k.Kind == "Service" && list[n].GetName() == "kubernetes" {
				continue // the API server makes it a moment after it has started
			}
			out[client.RefOf(&list[n]).String()] = normal(&list[n])
		}
	}
	return out
}

func normal(u *unstructured.Unstructured) string {
	for _, name := range []string{"resourceVersion", "managedFields", "uid", "generation", "creationTimestamp"} {
		unstructured.RemoveNestedField(u.Object, "metadata", name)
	}
	if u.GetKind() == "Deployment" {
		delete(u.Object, "status")
	}
	text, _ := json.Marshal(u.Object)
	return string(text)
}

// same fails the test for every object that differs between two listings.
func same(t *testing.T, before, after map[string]string) {
	t.Helper()
	var out []string
	for name, was := range before {
		if is, there := after[name]; !there {
			out = append(out, "gone: "+name)
		} else if is != was {
			out = append(out, fmt.Sprintf("changed: %s\n   from %s\n   to   %s", name, was, is))
		}
	}
	for name := range after {
		if _, there := before[name]; !there {
			out = append(out, "left: "+name)
		}
	}
	if slices.Sort(out); len(out) > 0 {
		t.Errorf("the cluster differs:\n%s", strings.Join(out, "\n"))
	}
}

// versions are the resource versions of all objects.
func versions(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, k := range []schema.GroupVersionResource{configMaps, deployments, validating, mutating, definitions, namespaces, secrets} {
		list, err := raw(t).Resource(k).List(context.Background(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for n := range list.Items {
			if u := &list.Items[n]; u.GetNamespace() != "kube-system" {
				out[client.RefOf(u).String()] = u.GetResourceVersion()
			}
		}
	}
	return out
}

// get returns an object of the system namespace, or nil.
func get(t *testing.T, resource schema.GroupVersionResource, name string) *unstructured.Unstructured {
	t.Helper()
	u, err := raw(t).Resource(resource).Namespace(system).Get(context.Background(), name, metav1.GetOptions{})
	if err != nil {
		return nil
	}
	return u
}

// global returns an object without a namespace.
func global(t *testing.T, resource schema.GroupVersionResource, name string) *unstructured.Unstructured {
	t.Helper()
	u, err := raw(t).Resource(resource).Get(context.Background(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return u
}
