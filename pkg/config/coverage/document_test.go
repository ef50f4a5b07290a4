package coverage

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/api-coverage.md")

func TestDocumentIsUpToDate(t *testing.T) {
	path := filepath.Join(root, "docs", "api-coverage.md")
	want := Document(table(t))
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is older than the table: run make golden", path)
	}
}
