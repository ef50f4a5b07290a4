package coverage

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const root = "../../.."

// suite is what a package's test files say of themselves.
type suite struct {
	functions map[string]bool
	texts     map[string]bool // all string literals, in the form that names of subtests have
	live      bool            // starts an Envoy
}

// live are the packages that start one.
var live = []string{"internal/envoytest", "internal/meshtest", "internal/controlplane/controlplanetest", "internal/envoybin", "internal/standalone"}

func readSuite(t *testing.T, folder string) suite {
	t.Helper()
	s := suite{functions: map[string]bool{}, texts: map[string]bool{}, live: strings.HasPrefix(folder, "test/")}
	names, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(folder), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, imported := range file.Imports {
			for _, rig := range live {
				s.live = s.live || strings.HasSuffix(imported.Path.Value, "/"+rig+`"`)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				s.functions[n.Name.Name] = n.Recv == nil && strings.HasPrefix(n.Name.Name, "Test")
			case *ast.BasicLit:
				if text, err := strconv.Unquote(n.Value); n.Kind == token.STRING && err == nil {
					s.texts[strings.ReplaceAll(text, " ", "_")] = true
				}
			}
			return true
		})
	}
	return s
}

func TestNamedTestsExist(t *testing.T) {
	suites := map[string]suite{}
	for _, l := range table(t) {
		for _, name := range l.Tests {
			folder, function, _ := strings.Cut(name, ".")
			s, known := suites[folder]
			if !known {
				s = readSuite(t, folder)
				suites[folder] = s
			}
			parts := strings.Split(function, "/")
			switch {
			case !s.functions[parts[0]]:
				t.Errorf("%s.txt: %s: there is no test %s in %s", l.File, l.Key(), parts[0], folder)
				continue
			case !s.live || strings.HasPrefix(parts[0], "TestGolden"):
				t.Errorf("%s.txt: %s: %s runs no Envoy", l.File, l.Key(), name)
			}
			for _, sub := range parts[1:] {
				if !s.texts[sub] {
					t.Errorf("%s.txt: %s: the tests in %s have no subtest %q", l.File, l.Key(), folder, sub)
				}
			}
		}
	}
}
