package manifests_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/meshctl/meshctl/manifests"
)

var update = flag.Bool("update", false, "write the generated files of the charts")

// same compares a file of this folder with what it is generated from, or writes it.
func same(t *testing.T, path string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is out of date: go test ./manifests -update", path)
	}
}

// TestDefinitionsAreThoseOfTheModule holds the definitions of Istio's resources, and their licence, to the version of istio.io/api that
// go.mod names.
func TestDefinitionsAreThoseOfTheModule(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "istio.io/api").Output()
	if err != nil {
		t.Fatal(err)
	}
	for ours, theirs := range map[string]string{
		manifests.CRDs: "kubernetes/customresourcedefinitions.gen.yaml", "charts/base/files/LICENSE": "LICENSE",
	} {
		data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), theirs))
		if err != nil {
			t.Fatal(err)
		}
		same(t, ours, data)
	}
}

// TestSchemas derives the schema by which Helm judges values from the defaults: names that there are not are refused.
func TestSchemas(t *testing.T) {
	for _, chart := range []string{"base", "istiod", "gateway"} {
		data, err := fs.ReadFile(manifests.FS, "charts/"+chart+"/values.yaml")
		if err != nil {
			t.Fatal(err)
		}
		var values map[string]any
		if err := yaml.Unmarshal(data, &values); err != nil {
			t.Fatal(err)
		}
		schema := schemaOf(values)
		schema["$schema"] = "http://json-schema.org/draft-07/schema#"
		if chart != "istiod" { // one file of values may be given to all charts
			schema["additionalProperties"] = true
			delete(schema["properties"].(map[string]any), "global")
		}
		out, err := json.MarshalIndent(schema, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		same(t, "charts/"+chart+"/values.schema.json", append(out, '\n'))
	}
}

// open are mappings that may hold more than their defaults do.
var open = []string{"meshConfig", "resources", "strategy", "podDisruptionBudget"}

func schemaOf(v any) map[string]any {
	switch v := v.(type) {
	case nil:
		return map[string]any{}
	case map[string]any:
		if len(v) == 0 {
			return map[string]any{"type": []string{"object", "null"}}
		}
		properties := map[string]any{}
		for name, inner := range v {
			properties[name] = schemaOf(inner)
			if slices.Contains(open, name) {
				properties[name] = schemaOf(map[string]any{})
			}
		}
		return map[string]any{"type": []string{"object", "null"}, "additionalProperties": false, "properties": properties}
	case []any:
		return map[string]any{"type": []string{"array", "null"}}
	case bool:
		return map[string]any{"type": []string{"boolean", "null"}}
	case int:
		return map[string]any{"type": []string{"integer", "string", "null"}, "pattern": "^[0-9]+%?$"}
	default:
		return map[string]any{"type": []string{"string", "number", "null"}}
	}
}

func TestProfilesAreDescribed(t *testing.T) {
	files, err := fs.Glob(manifests.FS, "profiles/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"profiles/default.yaml", "profiles/demo.yaml", "profiles/ha.yaml", "profiles/minimal.yaml"}
	if !slices.Equal(files, want) {
		t.Errorf("profiles: %v", files)
	}
	for _, file := range files {
		data, err := fs.ReadFile(manifests.FS, file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(data, []byte("# ")) {
			t.Errorf("%s does not begin with what it is for", file)
		}
	}
}
