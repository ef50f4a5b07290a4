package envoytypes

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"strconv"
	"strings"
	"testing"
)

const api = "github.com/envoyproxy/go-control-plane/envoy"

// TestComplete compares the imports with what the module has. Services are no configuration, and of version 2 Envoy knows nothing.
func TestComplete(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", api).Output()
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), "types.go", nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	linked := map[string]bool{}
	for _, i := range file.Imports {
		name, _ := strconv.Unquote(i.Path.Value)
		linked[name] = true
	}
	root := os.DirFS(strings.TrimSpace(string(dir)))
	for _, part := range []string{"config", "data", "extensions", "type", "watchdog"} {
		err := fs.WalkDir(root, part, func(file string, _ fs.DirEntry, err error) error {
			folder := path.Dir(file)
			version := path.Base(folder)
			if err == nil && strings.HasSuffix(file, ".pb.go") && (version == "v3" || version == "v3alpha") && !linked[api+"/"+folder] {
				linked[api+"/"+folder] = true
				t.Errorf("%s/%s is not linked: import it in types.go", api, folder)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
