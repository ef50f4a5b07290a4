package render

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/install/values"
	"github.com/meshctl/meshctl/pkg/mesh"
)

func load(t testing.TB, o values.Options) values.Values {
	t.Helper()
	v, _, err := values.Load(o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestEverythingIsLabelled checks the labels by which an installation is recognised, and that what is written is what is rendered.
func TestEverythingIsLabelled(t *testing.T) {
	v := load(t, values.Options{Profile: "ha", Revision: "canary", Sets: []string{"components.egressGateways[0].enabled=true"}})
	components, err := Render(v)
	if err != nil {
		t.Fatal(err)
	}
	var all []*unstructured.Unstructured
	for _, c := range components {
		revision := "canary"
		if c.Name == values.Base {
			revision = "default"
		}
		for _, o := range c.Objects {
			all = append(all, o)
			for label, want := range map[string]string{
				"app.kubernetes.io/managed-by": "meshctl", "app.kubernetes.io/part-of": "istio", "istio.io/rev": revision, "operator.istio.io/component": c.Name,
			} {
				if got := o.GetLabels()[label]; got != want {
					t.Errorf("%s %s: label %s is %q, want %q", o.GetKind(), o.GetName(), label, got, want)
				}
			}
			if o.GetLabels()["app.kubernetes.io/name"] == "" {
				t.Errorf("%s %s has no name among its labels", o.GetKind(), o.GetName())
			}
		}
	}
	if n := len(components[0].Objects); n != 15+3 {
		t.Errorf("the base has %d objects", n)
	}
	var text bytes.Buffer
	if err := Write(&text, v); err != nil {
		t.Fatal(err)
	}
	written, err := Decode(text.String())
	if err != nil || len(written) != len(all) {
		t.Fatalf("%d objects are rendered, %d written: %v", len(all), len(written), err)
	}
	sorted(written[:15]) // definitions are written as they are, in an order of their own
	for i := range all {
		if all[i].GetName() != written[i].GetName() || all[i].GetKind() != written[i].GetKind() {
			t.Errorf("object %d: %s %s is rendered, %s %s written", i, all[i].GetKind(), all[i].GetName(), written[i].GetKind(), written[i].GetName())
		}
	}
}

// TestNobodyOwnsTheAuthorityOfWebhooks keeps caBundle, which the control plane fills in, out of what is applied.
func TestNobodyOwnsTheAuthorityOfWebhooks(t *testing.T) {
	for _, upgrade := range []bool{false, true} {
		v := load(t, values.Options{Profile: "minimal", Sets: []string{"revisionTags={prod}", "base.enableCRDTemplates=false"}})
		v.Upgrade = upgrade
		var text bytes.Buffer
		if err := Write(&text, v, values.Pilot); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text.String(), "caBundle") {
			t.Error("caBundle is set")
		}
		// The control plane makes this field Fail; an upgrade must not take that back.
		if got := strings.Contains(text.String(), "failurePolicy: Ignore"); got == upgrade {
			t.Errorf("upgrade %v: failurePolicy Ignore is set: %v", upgrade, got)
		}
	}
}

func TestVersionsOfKubernetes(t *testing.T) {
	for version, want := range map[string]string{"v1.28.9": "too old", "x": "no version", "1.36": "", "v1.34.2+k3s1": "", "v1.33.1-gke.100": ""} {
		err := Write(io.Discard, load(t, values.Options{KubeVersion: version}))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", version, err, want)
		}
	}
}

func TestOverlaysThatFitNothing(t *testing.T) {
	const head = "components:\n  pilot:\n    k8s:\n      overlays:\n      - kind: %KIND\n        name: istiod\n        patches:\n        - path: %PATH\n          value: x\n"
	for _, c := range [][3]string{
		{"DaemonSet", "spec", "over.yaml:5:9: overlay: the component has no DaemonSet istiod"},
		{"Deployment", "spec.template.spec.containers.[name:proxy].image", "over.yaml:8:11: overlay of Deployment istiod: spec.template.spec.containers.[name:proxy].image: the list has no entry [name:proxy]"},
		{"Deployment", "spec.strategy.[0]", "[0] is not in a list"},
		{"Deployment", "spec.template.spec.containers.name", "name is not in a mapping"},
		{"Deployment", "spec.template.spec.containers[9].name", "no entry [9]"},
		{"Deployment", "spec.[", "[ without ]"},
	} {
		text := strings.NewReplacer("%KIND", c[0], "%PATH", c[1]).Replace(head)
		v := load(t, values.Options{Files: []values.File{{Name: "over.yaml", Data: []byte(text)}}})
		if _, err := Render(v); err == nil || !strings.Contains(err.Error(), c[2]) {
			t.Errorf("%s %s: %v, want %s", c[0], c[1], err, c[2])
		}
	}
	v := load(t, values.Options{})
	v.Overlays = []values.Overlay{{Component: values.EgressGateways, Gateway: "istio-egressgateway", Kind: "Service", Name: "istio-egressgateway"}}
	if _, err := Render(v); err == nil || !strings.Contains(err.Error(), "not installed") {
		t.Error(err)
	}
}

func BenchmarkWrite(b *testing.B) {
	for b.Loop() {
		if err := Write(io.Discard, load(b, values.Options{})); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRender(b *testing.B) {
	for b.Loop() {
		if _, err := Render(load(b, values.Options{})); err != nil {
			b.Fatal(err)
		}
	}
}

// TestTheMeshHasNoComplaintsAboutItsOwnInstallation reads what is installed as the control plane does.
func TestTheMeshHasNoComplaintsAboutItsOwnInstallation(t *testing.T) {
	for _, o := range []values.Options{{Profile: "minimal"}, {}, {Profile: "demo"}, {Profile: "ha"}, {Revision: "canary", Sets: []string{"revisionTags={prod,default}"}}} {
		v := load(t, o)
		var text bytes.Buffer
		if err := Write(&text, v); err != nil {
			t.Fatal(err)
		}
		objects, problems := config.Decode("installation.yaml", &text)
		name := config.MeshConfigName
		if o.Revision != "" {
			name += "-" + o.Revision
		}
		read := config.Set{}.With(config.Batch{Upserts: objects, Full: true})
		if read.Get(config.Key{Kind: config.ConfigMap, Namespace: "istio-system", Name: name}) == nil {
			t.Fatalf("%+v: no MeshConfig", o)
		}
		problems = append(problems, mesh.Build(read, mesh.Options{SystemNamespace: "istio-system", ConfigName: name}).Problems()...)
		for _, p := range problems {
			t.Errorf("%+v: %s", o, p)
		}
	}
}
