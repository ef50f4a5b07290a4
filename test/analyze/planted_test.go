package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/analyzetest"
	"github.com/meshctl/meshctl/internal/meshgen"
	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/analyze/catalog"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// plant is one mistake, made in the file of one service (which no other plant touches): old is replaced by new once, or
// new is appended where old is empty. NAME and NAMESPACE stand for the service's.
type plant struct {
	old, new string
	// want is what is to be found: "CODE Kind NAME" with the same placeholders, a finding each.
	want []string
}

func judge(t *testing.T, files []meshgen.File) []string {
	t.Helper()
	var read config.Result
	for _, f := range files {
		read.Add(config.Decoder{}.DecodeBytes(f.Name, f.Data))
	}
	result := analyze.Run(context.Background(), analyze.NewInput(read, mesh.Options{}, analyzetest.Now), catalog.All())
	for _, f := range result.Failed {
		t.Errorf("%s %s", f.Analyzer, f.Reason)
	}
	for i, u := range result.Undecided {
		if i < 10 {
			t.Errorf("left open: %s %s %s", u.Code, u.Object, u.What)
		}
	}
	var found []string
	for _, d := range result.Diagnostics {
		found = append(found, label(string(d.Code), d.Object.Kind.Name, d.Object.Namespace, d.Object.Name))
		if len(found) < 60 {
			t.Logf("%s: %s %s: %s", d.Position, d.Code, d.Object, d.Message)
		}
	}
	slices.Sort(found)
	return found
}

func generated(t *testing.T) []meshgen.File {
	t.Helper()
	files, err := meshgen.Mesh(meshgen.Options{Services: meshgen.Services(benchObjects)})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestNothingIsFoundInALargeMeshWithoutAFault(t *testing.T) {
	if found := judge(t, generated(t)); len(found) > 0 {
		t.Errorf("%d findings", len(found))
	}
}

func TestEveryPlantedMistakeIsFoundInALargeMesh(t *testing.T) {
	files := generated(t)
	var want []string
	at := 0
	for _, p := range plants() {
		for strings.Contains(files[at].Name, "namespace.yaml") || !strings.Contains(files[at].Name, "/") {
			at++
		}
		namespace, file, _ := strings.Cut(files[at].Name, "/")
		fill := strings.NewReplacer("NAMESPACE", namespace, "NAME", strings.TrimSuffix(file, ".yaml"))
		old, text := []byte(fill.Replace(p.old)), []byte(fill.Replace(p.new))
		if p.old == "" {
			files[at].Data = slices.Concat(files[at].Data, []byte("---\n"), text)
		} else {
			if !bytes.Contains(files[at].Data, old) {
				t.Fatalf("%s does not contain %q", files[at].Name, old)
			}
			files[at].Data = bytes.Replace(files[at].Data, old, text, 1)
		}
		for _, w := range p.want {
			code, object, _ := strings.Cut(fill.Replace(w), " ")
			kind, name, _ := strings.Cut(object, " ")
			want = append(want, label(code, kind, namespace, name))
		}
		at++
	}
	slices.Sort(want)
	found := judge(t, files)
	for _, w := range want {
		if !slices.Contains(found, w) {
			t.Errorf("not found: %s", w)
		}
	}
	for _, f := range found {
		if !slices.Contains(want, f) {
			t.Errorf("found, and not planted: %s", f)
		}
	}
}

// label names a finding; one that concerns no object is its code alone.
func label(code, kind, namespace, name string) string {
	if kind == "" {
		return code
	}
	return fmt.Sprintf("%s %s/%s/%s", code, kind, namespace, name)
}
