package kube_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/source"
	"github.com/meshctl/meshctl/pkg/source/kube"
	"github.com/meshctl/meshctl/pkg/source/sourcetest"
)

// splits lets any content pass, so that there can be objects which the decoder refuses.
const splits = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: trafficsplits.split.smi-spec.io}
spec:
  group: split.smi-spec.io
  scope: Namespaced
  names: {plural: trafficsplits, singular: trafficsplit, kind: TrafficSplit, listKind: TrafficSplitList}
  versions:
  - name: v1alpha2
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

func split(name string) string {
	return fmt.Sprintf("apiVersion: split.smi-spec.io/v1alpha2\nkind: TrafficSplit\nmetadata: {name: %s}\nspec: {service: [1]}\n", name)
}

// without leaves out what the API server itself puts into the namespace default.
type without struct{ source.Source }

func (w without) Run(ctx context.Context, emit func(config.Batch)) error {
	return w.Source.Run(ctx, func(b config.Batch) {
		b.Upserts = slices.DeleteFunc(b.Upserts, func(o *config.Object) bool { return o.Key.Namespace != "default" || o.Key.Name == "kubernetes" })
		emit(b)
	})
}

// inputs are named streams of YAML in the cluster.
type inputs struct {
	t      *testing.T
	client dynamic.Interface
	has    map[string][]*unstructured.Unstructured
}

func newInputs(t *testing.T) *inputs {
	access, err := shared.Config("admin", "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	transport, err := rest.HTTPClientFor(access)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { utilnet.CloseIdleConnectionsFor(transport.Transport) })
	client, err := dynamic.NewForConfigAndClient(access, transport)
	if err != nil {
		t.Fatal(err)
	}
	in := &inputs{t: t, client: client, has: map[string][]*unstructured.Unstructured{}}
	t.Cleanup(func() {
		for name := range in.has {
			in.remove(name)
		}
	})
	return in
}

func (in *inputs) at(o *unstructured.Unstructured) dynamic.ResourceInterface {
	return in.client.Resource(o.GroupVersionKind().GroupVersion().WithResource(strings.ToLower(o.GetKind()) + "s")).Namespace("default")
}

func (in *inputs) put(name, text string) {
	in.t.Helper()
	if err := shared.Apply(in.t.Context(), []byte(text)); err != nil {
		in.t.Fatal(err)
	}
	var now []*unstructured.Unstructured
	for _, doc := range bytes.Split([]byte(text), []byte("---\n")) {
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(doc, &o.Object); err != nil {
			in.t.Fatal(err)
		}
		now = append(now, o)
	}
	before := in.has[name]
	in.has[name] = now
	in.delete(before)
}

func (in *inputs) remove(name string) {
	before := in.has[name]
	delete(in.has, name)
	in.delete(before)
}

// delete removes objects that no input has any more.
func (in *inputs) delete(list []*unstructured.Unstructured) {
	in.t.Helper()
	for _, o := range list {
		if !in.there(o) {
			if err := in.at(o).Delete(context.Background(), o.GetName(), metav1.DeleteOptions{}); err != nil {
				in.t.Fatal(err)
			}
		}
	}
}

func (in *inputs) there(o *unstructured.Unstructured) bool {
	for _, list := range in.has {
		for _, other := range list {
			if other.GetKind() == o.GetKind() && other.GetName() == o.GetName() {
				return true
			}
		}
	}
	return false
}

func TestWatchedClusterIsASource(t *testing.T) {
	if err := shared.Apply(t.Context(), []byte(splits)); err != nil {
		t.Fatal(err)
	}
	sourcetest.Run(t, func(t *testing.T) sourcetest.Fixture {
		in := newInputs(t)
		access, err := shared.Config("admin", "system:masters")
		if err != nil {
			t.Fatal(err)
		}
		access.NextProtos = []string{"http/1.1"} // HTTP/2 ends a stream some time after its reader did: not before the search for leaks
		cluster, err := kube.New(access, kube.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cluster.Close)
		return sourcetest.Fixture{
			Source: without{cluster.Watch([]config.Kind{config.Service, config.TrafficSplit})},
			Put:    in.put, Remove: in.remove, Bad: split("bad"), Worse: split("worse"),
		}
	})
}

const secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: %s}\ntype: Opaque\nstringData: {key: %s}\n"

// TestOnlyNamedSecretsAreRead names a Secret, and then another one.
func TestOnlyNamedSecretsAreRead(t *testing.T) {
	in := newInputs(t)
	gateway := func(credential string) string {
		return "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: entry}\nspec:\n  servers:\n" +
			"  - {port: {number: 443, name: https, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, credentialName: " + credential + "}}\n"
	}
	in.put("one", fmt.Sprintf(secret, "one", "first"))
	in.put("two", fmt.Sprintf(secret, "two", "second"))
	in.put("gateway", gateway("one"))
	r := sourcetest.Record(t, without{open(t, kube.Options{}, "admin", "system:masters").Watch([]config.Kind{config.Secret, config.Gateway})})
	r.Next()
	read := func(name string) bool {
		return r.Set.Get(config.Key{Kind: config.Secret, Namespace: "default", Name: name}) != nil
	}
	if !read("one") || read("two") {
		t.Errorf("read %v, want the one that the gateway names", r.Set.Keys())
	}
	in.put("gateway", gateway("two"))
	r.Until("the other one is read", func() bool { return read("two") && !read("one") })
	in.put("two", fmt.Sprintf(secret, "two", "third"))
	r.Until("it is changed", func() bool {
		o := r.Set.Get(config.Key{Kind: config.Secret, Namespace: "default", Name: "two"})
		return o != nil && o.Digest != (config.Digest{}) && len(r.Last.Upserts) == 1 && r.Last.Upserts[0].Key == o.Key
	})
	in.remove("gateway")
	r.Until("none is read", func() bool { return !read("two") })
}

// TestKindsArrive has a definition come and go.
func TestKindsArrive(t *testing.T) {
	in := newInputs(t)
	split := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	const name = "httproutegroups.specs.smi-spec.io"
	definition := strings.NewReplacer("trafficsplits.split.smi-spec.io", name, "split.smi-spec.io", "specs.smi-spec.io", "TrafficSplit", "HTTPRouteGroup",
		"trafficsplits", "httproutegroups", "trafficsplit", "httproutegroup", "v1alpha2", "v1alpha4").Replace(splits)
	r := sourcetest.Record(t, without{open(t, kube.Options{}, "admin", "system:masters").Watch([]config.Kind{config.Service, config.HTTPRouteGroup})})
	r.Next()
	if err := shared.Apply(t.Context(), []byte(definition)); err != nil {
		t.Fatal(err)
	}
	key := config.Key{Kind: config.HTTPRouteGroup, Namespace: "default", Name: "reads"}
	group := "apiVersion: specs.smi-spec.io/v1alpha4\nkind: HTTPRouteGroup\nmetadata: {name: reads}\nspec: {matches: [{name: all, pathRegex: .*, methods: [GET]}]}\n"
	for try := 0; ; try++ { // the server takes a moment to serve what was defined
		err := shared.Apply(t.Context(), []byte(group))
		if err == nil {
			break
		}
		if try == 200 {
			t.Fatal(err)
		}
	}
	r.Until("the object is read", func() bool { return r.Set.Get(key) != nil })
	if err := in.client.Resource(split).Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	r.Until("it is gone with its definition", func() bool { return r.Set.Get(key) == nil })
}
