package dashboard

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
)

// TestSamplesAreFound: the manifests of samples/addons are what Kubernetes takes, and have what `meshctl dashboard` looks for.
func TestSamplesAreFound(t *testing.T) {
	objects := samples(t)
	for _, a := range addons() {
		deployment := one(t, objects, func(d *appsv1.Deployment) bool { return d.Name == a.name })
		pod := deployment.Spec.Template
		for _, l := range a.labels {
			selector, err := labels.Parse(l)
			if err != nil || !selector.Matches(labels.Set(pod.Labels)) {
				t.Errorf("%s: the pods do not match %s: %v %v", a.name, l, pod.Labels, err)
			}
		}
		listens := slices.ContainsFunc(pod.Spec.Containers[0].Ports, func(p corev1.ContainerPort) bool { return int(p.ContainerPort) == a.port })
		if !listens {
			t.Errorf("%s: nothing listens at %d", a.name, a.port)
		}
		if _, tag, pinned := strings.Cut(pod.Spec.Containers[0].Image, ":"); !pinned || tag == "latest" {
			t.Errorf("%s: the image %s is not pinned", a.name, pod.Spec.Containers[0].Image)
		}
		if pod.Labels["sidecar.istio.io/inject"] != "false" {
			t.Errorf("%s gets a sidecar", a.name)
		}
		selector, err := metav1.LabelSelectorAsSelector(deployment.Spec.Selector)
		if err != nil || !selector.Matches(labels.Set(pod.Labels)) {
			t.Errorf("%s: the Deployment does not select its pods: %v", a.name, err)
		}
		for _, v := range pod.Spec.Volumes {
			if v.ConfigMap != nil {
				one(t, objects, func(c *corev1.ConfigMap) bool { return c.Name == v.ConfigMap.Name })
			}
		}
	}
	for _, o := range objects {
		if s, is := o.(*corev1.Service); is {
			served(t, objects, s)
		}
	}
}

// served checks that each port of a Service leads to one of the pods that it selects.
func served(t *testing.T, objects []runtime.Object, s *corev1.Service) {
	t.Helper()
	d := one(t, objects, func(d *appsv1.Deployment) bool {
		return labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(d.Spec.Template.Labels))
	})
	if s.Namespace != "istio-system" || d.Namespace != s.Namespace {
		t.Errorf("Service %s is in %s, its pods in %s", s.Name, s.Namespace, d.Namespace)
	}
	for _, p := range s.Spec.Ports {
		if !slices.ContainsFunc(d.Spec.Template.Spec.Containers[0].Ports, func(c corev1.ContainerPort) bool { return c.Name == p.TargetPort.String() }) {
			t.Errorf("Service %s: port %s leads nowhere", s.Name, p.Name)
		}
	}
}

// samples are the objects of samples/addons. What no type has, such as a misspelt field, fails the test.
func samples(t *testing.T) []runtime.Object {
	t.Helper()
	files, err := filepath.Glob("../../../samples/addons/*.yaml")
	if err != nil || len(files) < 6 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	var out []runtime.Object
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
		for {
			document, err := documents.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			object, _, err := decoder.Decode(document, nil, nil)
			if err != nil {
				t.Errorf("%s: %v", filepath.Base(file), err)
				continue
			}
			out = append(out, object)
		}
	}
	return out
}

// one returns the only object of a type that is wanted.
func one[T runtime.Object](t *testing.T, objects []runtime.Object, wanted func(T) bool) T {
	t.Helper()
	var found []T
	for _, o := range objects {
		if typed, is := o.(T); is && wanted(typed) {
			found = append(found, typed)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d objects of the type %T, want one", len(found), *new(T))
	}
	return found[0]
}
