package meshgen_test

import (
	"testing"

	"github.com/meshctl/meshctl/internal/meshgen"
	"github.com/meshctl/meshctl/pkg/config"
)

func TestEverythingIsReadable(t *testing.T) {
	files, err := meshgen.Mesh(meshgen.Options{Services: 60})
	if err != nil {
		t.Fatal(err)
	}
	objects := map[config.Key]bool{}
	for _, f := range files {
		result := config.Decoder{}.DecodeBytes(f.Name, f.Data)
		for _, p := range result.Problems {
			t.Error(p)
		}
		for _, o := range result.Objects {
			objects[o.Key] = true
		}
	}
	const once, perNamespace, namespaces = 6, 3, 2
	if want := once + perNamespace*namespaces + 60*meshgen.DocumentsPerService; len(objects) != want {
		t.Errorf("%d objects, want %d", len(objects), want)
	}
}
