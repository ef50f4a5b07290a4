// Package arch holds the layering of the repository to what docs/architecture.md says. It has no code of its own.
package arch

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/meshctl/meshctl/"

// tiers lists every folder with its tier; a package may import only lower tiers and its own. The longest matching prefix
// decides. The order is that of the data: configuration, mesh, Envoy's protos, views, judgement, I/O, wiring, commands.
var tiers = map[string]int{
	"internal/table":         0,
	"internal/digest":        0,
	"internal/version":       0,
	"internal/agentapi":      0,
	"internal/envoytypes":    0,
	"pkg/authz/rules":        0,
	"pkg/config":             0,
	"pkg/yamledit":           0,
	"pkg/tap":                0,
	"pkg/traffic/sample":     0,
	"pkg/proxyconfig":        0,
	"internal/printer":       0,
	"pkg/source":             1,
	"pkg/mesh":               1,
	"pkg/translate":          2,
	"pkg/authz":              2,
	"pkg/envoyfilter":        2,
	"pkg/xds":                3,
	"pkg/analyze":            4,
	"pkg/plan":               4,
	"pkg/explain":            4,
	"pkg/inject":             4,
	"pkg/topology":           4,
	"pkg/traffic":            4,
	"pkg/proxyconfig/admin":  5,
	"pkg/install":            5,
	"internal/image":         5,
	"internal/bundle":        5,
	"internal/portforward":   5,
	"internal/remote":        5,
	"pkg/check":              5,
	"internal/webhook":       5,
	"internal/kubeobject":    5,
	"internal/footprint":     5,
	"internal/revision":      5,
	"internal/kubeca":        5,
	"internal/gatewaydeploy": 5,
	"internal/leader":        5,
	"internal/status":        5,
	"internal/incluster":     7,
	"pkg/dashboard":          5,
	"samples":                0,
	"manifests":              0,
	"internal/xdsserver":     5,
	"internal/ca":            4,
	"internal/registry":      5,
	"internal/taphub":        5,
	"internal/traffichub":    5,
	"internal/trafficfeed":   5,
	"internal/adminapi":      5,
	"internal/agent":         5,
	"internal/envoybin":      5,
	"internal/envoytest":     5,
	"internal/envoyvalidate": 5,
	"internal/bookinfo":      5,
	"internal/loadgen":       5,
	"internal/meshgen":       5,
	"internal/analyzetest":   5,
	"internal/meshstate":     5,
	"internal/controlplane":  6,
	"internal/standalone":    7,
	"internal/meshtest":      7,
	"internal/cli":           8,
	"cmd":                    9,
	"test":                   9,
	"internal/arch":          9,
}

// pure packages compute and nothing else: the same input gives the same output, on a server, in a command, in a test.
var pure = []string{"pkg/authz", "pkg/config", "pkg/proxyconfig", "pkg/mesh", "pkg/translate", "pkg/envoyfilter", "pkg/xds", "pkg/analyze", "pkg/plan", "pkg/explain", "pkg/inject", "pkg/tap", "pkg/traffic", "pkg/topology", "pkg/dashboard/layout", "pkg/dashboard/draw", "pkg/dashboard/export", "pkg/dashboard/session", "pkg/dashboard/planned", "pkg/dashboard/judged", "pkg/yamledit", "internal/table", "internal/digest"}

var impure = []string{"os", "net", "net/http", "os/exec", "syscall"}

type goPackage struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func list(t *testing.T, patterns ...string) []goPackage {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,Deps"}, patterns...)...).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []goPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p goPackage
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func folder(importPath string) (string, bool) { return strings.CutPrefix(importPath, module) }

func tierOf(dir string) (int, bool) {
	for d := dir; d != "."; {
		if tier, ok := tiers[d]; ok {
			return tier, true
		}
		i := strings.LastIndexByte(d, '/')
		if i < 0 {
			break
		}
		d = d[:i]
	}
	return 0, false
}

func TestPackagesImportOnlyLowerTiers(t *testing.T) {
	for _, p := range list(t, module+"...") {
		dir, _ := folder(p.ImportPath)
		tier, ok := tierOf(dir)
		if !ok {
			t.Errorf("%s has no tier: add it to the table in this file and to docs/architecture.md", dir)
			continue
		}
		for _, imp := range p.Imports {
			if below, ours := folder(imp); ours {
				if other, _ := tierOf(below); other > tier {
					t.Errorf("%s (tier %d) imports %s (tier %d)", dir, tier, below, other)
				}
			}
		}
	}
}

// TestOnlyTestsRunMeshes keeps what runs meshes in tests, and with it package testing, out of the programs.
func TestOnlyTestsRunMeshes(t *testing.T) {
	for _, p := range list(t, module+"...") {
		if slices.Contains(p.Imports, module+"internal/meshtest") {
			t.Errorf("%s imports internal/meshtest: only tests may", p.ImportPath)
		}
	}
}

func TestPureTiersDoNoInputOrOutput(t *testing.T) {
	for _, p := range list(t, module+"...") {
		dir, _ := folder(p.ImportPath)
		if !isPure(dir) {
			continue
		}
		for _, imp := range p.Imports {
			if slices.Contains(impure, imp) {
				t.Errorf("%s is pure but imports %s", dir, imp)
			}
		}
		for _, dep := range p.Deps {
			if strings.HasPrefix(dep, "k8s.io/client-go") {
				t.Errorf("%s is pure but reaches %s", dir, dep)
			}
		}
	}
}

func isPure(dir string) bool {
	return slices.ContainsFunc(pure, func(p string) bool {
		return dir == p || strings.HasPrefix(dir, p+"/") && dir != "pkg/proxyconfig/admin"
	})
}

// agentMayUse are the roots of the modules that mesh-agent may link: it runs once per workload, thousands of times.
var agentMayUse = []string{
	module, "google.golang.org/", "golang.org/x/", "github.com/envoyproxy/", "github.com/cncf/xds/", "cel.dev/expr",
	"github.com/planetscale/vtprotobuf", "github.com/google/nftables", "github.com/mdlayher/", "istio.io/api/security",
	"oras.land/oras-go/v2", "github.com/opencontainers/", "istio.io/api/type", "istio.io/api/analysis", "istio.io/api/label", "istio.io/api/annotation", "github.com/golang/protobuf",
}

func TestAgentStaysLight(t *testing.T) {
	for _, p := range list(t, module+"cmd/mesh-agent") {
		for _, dep := range p.Deps {
			if !strings.Contains(strings.SplitN(dep, "/", 2)[0], ".") {
				continue // standard library
			}
			if !slices.ContainsFunc(agentMayUse, func(root string) bool { return strings.HasPrefix(dep, root) }) {
				t.Errorf("mesh-agent links %s, which is not on its list", dep)
			}
		}
	}
}

// TestMeshdLinksNoGeneratedClients keeps every type, client and lister of Kubernetes' API out of the control plane: 9 MB of its file, much
// of which each replica has in memory. Package internal/kubeobject is what it has instead.
func TestMeshdLinksNoGeneratedClients(t *testing.T) {
	heavy := []string{"kubernetes", "informers", "listers", "applyconfigurations", "tools/leaderelection"}
	for _, p := range list(t, module+"cmd/meshd") {
		for _, dep := range p.Deps {
			in, ok := strings.CutPrefix(dep, "k8s.io/client-go/")
			if ok && slices.ContainsFunc(heavy, func(h string) bool { return in == h || strings.HasPrefix(in, h+"/") }) {
				t.Errorf("meshd links %s: use internal/kubeobject", dep)
			}
		}
	}
}

// tooHeavy are packages that every start of meshctl would pay for, whatever the command: generated clients and listers, kubectl,
// controller frameworks. Clusters are read with client-go's rest package and our own decoder, and written with its dynamic client. Helm's
// engine brings discovery and all of Kubernetes' types along (8 ms and 15 MB); that is the price of rendering charts as Helm does.
var tooHeavy = []string{
	"k8s.io/client-go/informers", "k8s.io/client-go/listers", "k8s.io/kube-openapi/pkg/validation/validate", "k8s.io/kube-openapi/pkg/builder",
	"k8s.io/kubectl", "k8s.io/apiextensions-apiserver/pkg/client", "k8s.io/apiextensions-apiserver/pkg/apiserver",
	"k8s.io/cli-runtime/pkg/resource", "k8s.io/cli-runtime/pkg/genericclioptions", "sigs.k8s.io/kustomize", "sigs.k8s.io/controller-runtime",
	"github.com/xeipuuv", "github.com/prometheus/client_golang",
}

// TestMeshctlStartsFast holds what meshctl links to what it needs: a start takes 35 ms and 55 MB at most.
func TestMeshctlStartsFast(t *testing.T) {
	const most = 1460 // packages; each is initialised at every start (the 40 of the dashboard's terminal library take 1 ms)
	for _, p := range list(t, module+"cmd/meshctl") {
		if len(p.Deps) > most {
			t.Errorf("meshctl links %d packages, more than %d: look for what a new dependency brings along", len(p.Deps), most)
		}
		for _, dep := range p.Deps {
			if slices.ContainsFunc(tooHeavy, func(heavy string) bool { return dep == heavy || strings.HasPrefix(dep, heavy+"/") }) {
				t.Errorf("meshctl links %s, which is too heavy for every start", dep)
			}
		}
	}
}
