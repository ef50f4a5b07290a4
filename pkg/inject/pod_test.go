package inject_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/inject"
	"github.com/meshctl/meshctl/pkg/mesh"
)

var update = flag.Bool("update", false, "write the goldens anew")

// options are those of a case that are not the default.
type options struct {
	Classic  bool     `json:"classic"`
	Revision string   `json:"revision"`
	Cluster  string   `json:"cluster"`
	Network  string   `json:"network"`
	Config   string   `json:"config"`
	Values   string   `json:"values"`
	Mesh     string   `json:"mesh"`
	Error    string   `json:"error"`
	Warnings []string `json:"warnings"`
}

// TestPod injects testdata/pods/NAME.yaml: a document of options, and a pod.
func TestPod(t *testing.T) {
	inputs, err := filepath.Glob("testdata/pods/*.yaml")
	if err != nil || len(inputs) < 20 {
		t.Fatalf("%d inputs, %v", len(inputs), err)
	}
	for _, path := range inputs {
		t.Run(filepath.Base(path), func(t *testing.T) {
			o, in := readCase(t, path)
			out, err := inject.Pod(in)
			if err != nil || o.Error != "" {
				if err == nil || err.Error() != o.Error {
					t.Errorf("error %v, want %s", err, o.Error)
				}
				return
			}
			if got, want := asYAML(t, out.Warnings), asYAML(t, o.Warnings); got != want {
				t.Errorf("warnings:\n%swant:\n%s", got, want)
			}
			golden(t, filepath.Join("testdata/injected", filepath.Base(path)), out.Pod)
			again := in
			again.Pod = out.Pod
			twice, err := inject.Pod(again)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := asYAML(t, twice.Pod), asYAML(t, out.Pod); got != want {
				t.Errorf("injected again:\n%s\nwant:\n%s", got, want)
			}
			undone := inject.Undo(out.Pod)
			if asYAML(t, undone) != asYAML(t, in.Pod) {
				golden(t, filepath.Join("testdata/undone", filepath.Base(path)), undone)
			}
		})
	}
}

func readCase(t *testing.T, path string) (options, inject.PodInput) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var both struct {
		Options options    `json:"options"`
		Pod     corev1.Pod `json:"pod"`
	}
	if err := yaml.UnmarshalStrict(data, &both); err != nil {
		t.Fatal(err)
	}
	o := both.Options
	settings, err := inject.ReadSettings(inject.DefaultSettings("example.com/mesh", "v1"), o.Config, o.Values)
	if err != nil {
		t.Fatal(err)
	}
	return o, inject.PodInput{
		Pod: &both.Pod, Namespace: "shop", Settings: settings, Mesh: meshOf(t, o.Mesh), Revision: o.Revision,
		NativeSidecars: !o.Classic, Cluster: o.Cluster, Network: o.Network,
	}
}

func meshOf(t *testing.T, text string) *mesh.Snapshot {
	t.Helper()
	if text == "" {
		return mesh.Build(config.Set{}, mesh.Options{})
	}
	object, err := config.MeshConfigObject("mesh.yaml", []byte(text), "istio-system")
	if err != nil {
		t.Fatal(err)
	}
	return mesh.Build(config.Set{}.With(config.Batch{Full: true, Upserts: []*config.Object{object}}), mesh.Options{})
}

func golden(t *testing.T, path string, pod *corev1.Pod) {
	t.Helper()
	got := asYAML(t, pod)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs:\n%s", path, got)
	}
}

func asYAML(t *testing.T, v any) string {
	t.Helper()
	data, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
