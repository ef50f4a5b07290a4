package translate

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/meshctl/meshctl/internal/digest"
	"github.com/meshctl/meshctl/pkg/mesh"
)

var update = flag.Bool("update", false, "rewrite the golden files, and delete those that belong to nothing")

// cases lists the folders of testdata.
func cases(t testing.TB) []string {
	t.Helper()
	inputs, err := filepath.Glob("testdata/*/input.yaml")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	var out []string
	for _, in := range inputs {
		out = append(out, filepath.Base(filepath.Dir(in)))
	}
	return out
}

func readCase(t testing.TB, name string) *mesh.Snapshot {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name, "input.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte("kind: ConfigMap")) {
		text = append(text, withoutMetrics...)
	}
	return build(t, string(text))
}

// withoutMetrics keeps the loggers of the standard metrics, which every listener has by default, to the case that shows them.
const withoutMetrics = `
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "defaultProviders: {}"}
`

// proxies are those that every case is translated for; the labels make policies for the workload hold.
func proxies(s *mesh.Snapshot) map[string]mesh.Proxy {
	out := map[string]mesh.Proxy{
		"redirected": redirected("app=client", "version=v1"),
		"explicit":   bound(s, explicit("app=client", "version=v1"), counting()),
	}
	if r := bound(s, router(), counting()); len(r.Bindings) > 0 {
		out["gateway"] = r
	}
	grpc := redirected("app=client")
	grpc.Type = mesh.Proxyless
	out["grpc"] = grpc
	return out
}

func TestGolden(t *testing.T) {
	var files []string
	for _, name := range cases(t) {
		t.Run(name, func(t *testing.T) {
			s := readCase(t, name)
			for kind, p := range proxies(s) {
				if kind == "grpc" && !strings.Contains(name, "grpc") {
					continue
				}
				file := filepath.Join("testdata", name, kind+".golden.json")
				files = append(files, file)
				got := render(t, resourcesFor(s, p))
				if again := render(t, resourcesFor(readCase(t, name), p)); !bytes.Equal(got, again) {
					t.Errorf("%s: the same input gave another output", file)
				}
				compare(t, file, got)
			}
		})
	}
	all, _ := filepath.Glob("testdata/*/*.golden.json")
	for _, f := range all {
		if slices.Contains(files, f) {
			continue
		}
		if *update {
			os.Remove(f)
		} else {
			t.Errorf("%s belongs to nothing: run with -update", f)
		}
	}
}

func compare(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v: run with -update", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs: run with -update and look at the change", file)
	}
}

// render writes all resources as JSON, without the content of secrets.
func render(t testing.TB, r *resources) []byte {
	t.Helper()
	secrets := []string{}
	for _, s := range r.secrets {
		secrets = append(secrets, s.Name)
	}
	notes := []string{}
	for _, p := range r.problems {
		p.Code = "" // it goes by severity
		notes = append(notes, p.Error())
	}
	out := map[string]any{
		"clusters": messages(t, r.clusters), "endpoints": messages(t, r.endpoints), "listeners": messages(t, r.listeners),
		"routes": messages(t, r.routes), "secrets": secrets, "problems": notes,
	}
	text, err := json.MarshalIndent(out, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

func messages[T proto.Message](t testing.TB, list []T) []any {
	t.Helper()
	out := []any{}
	for _, m := range list {
		text, err := protojson.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

// TestValidate holds every message of every case to Envoy's own rules for fields, also those packed in Any.
func TestValidate(t *testing.T) {
	for _, name := range cases(t) {
		s := readCase(t, name)
		for kind, p := range proxies(s) {
			resourcesFor(s, p).each(func(m proto.Message) {
				if err := validate(m); err != nil {
					t.Errorf("%s, %s: %v", name, kind, err)
				}
			})
		}
	}
}

// TestInputsDigest makes sure that Inputs can stand for their results.
func TestInputsDigest(t *testing.T) {
	for _, v := range []any{
		ClusterInput{}, InboundClusterInput{}, StaticClustersInput{}, AssignmentInput{}, VirtualHostInput{}, RouteConfigInput{}, CatchAllInput{},
		ListenerInput{}, InboundInput{}, GatewayListenerInput{}, SecretInput{}, ProxylessListenerInput{},
	} {
		digest.Of(v)
	}
}
