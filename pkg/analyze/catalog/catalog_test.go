package catalog_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/meshctl/meshctl/pkg/analyze/catalog"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

var update = flag.Bool("update", false, "rewrite docs/findings.md")

func TestDocumentIsUpToDate(t *testing.T) {
	path := filepath.Join("..", "..", "..", "docs", "findings.md")
	want := catalog.Document()
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
		t.Errorf("%s is older than the table of codes: run make golden", path)
	}
}

func TestAnalyzersAreWhole(t *testing.T) {
	form := regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	seen := map[string]bool{}
	for _, a := range catalog.All() {
		if !form.MatchString(a.Name) || seen[a.Name] {
			t.Errorf("%q is no name, or is taken", a.Name)
		}
		seen[a.Name] = true
		if a.Doc == "" || len(a.Codes) == 0 || a.Run == nil {
			t.Errorf("%s lacks a description, its codes, or what it does", a.Name)
		}
		for _, code := range a.Codes {
			if _, found := codes.Lookup(code); !found {
				t.Errorf("%s reports %s, which is not in the table", a.Name, code)
			}
		}
	}
}
