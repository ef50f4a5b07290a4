package catalog_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/meshctl/meshctl/internal/analyzetest"
	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/analyze/catalog"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/samples"
)

const (
	patience = 30 * time.Second
	// allocated is how much memory one input may cost, that which is free again included.
	allocated = 1 << 30
)

// FuzzAnalyze: whatever the input, no analyzer fails, hangs or needs memory without bounds. The fuzzer changes bytes; with a number of
// changes it also takes the structure apart: values move, repeat, vanish and become odd ones.
func FuzzAnalyze(f *testing.F) {
	texts := seeds(f)
	for i, text := range texts {
		f.Add(text, uint64(0), uint8(0))
		f.Add(text, uint64(i), uint8(3))
	}
	limits := config.Limits{FileBytes: 256 << 10, AliasNodes: 1000}
	analyzers := catalog.All()
	f.Fuzz(func(t *testing.T, text []byte, seed uint64, changes uint8) {
		text = mutate(text, seed, changes%16)
		hang := time.AfterFunc(patience, func() { panic(fmt.Sprintf("still busy after %s with %q", patience, text)) })
		defer hang.Stop()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		in := analyze.NewInput(config.Decoder{Limits: limits}.DecodeBytes("f.yaml", text), mesh.Options{}, analyzetest.Now)
		result := analyze.Run(context.Background(), in, analyzers)
		runtime.ReadMemStats(&after)
		for _, failed := range result.Failed {
			t.Errorf("%s %s: %q", failed.Analyzer, failed.Reason, text)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > allocated {
			t.Errorf("%d bytes allocated for %q", used, text)
		}
	})
}

// seeds are the samples and a fixture of each code.
func seeds(f *testing.F) [][]byte {
	var out [][]byte
	for _, folder := range []fs.FS{samples.Demo(), samples.Bookinfo()} {
		files, err := fs.Glob(folder, "*.yaml")
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			text, err := fs.ReadFile(folder, file)
			if err != nil {
				f.Fatal(err)
			}
			out = append(out, text)
		}
	}
	folders, _ := filepath.Glob("../*/testdata/*")
	for _, folder := range folders {
		files, _ := filepath.Glob(filepath.Join(folder, "*.yaml"))
		if len(files) == 0 {
			continue
		}
		text, err := os.ReadFile(files[0])
		if err != nil {
			f.Fatal(err)
		}
		out = append(out, text)
	}
	return out
}

// mutate changes the structure of what can be parsed, always in the same way for the same seed.
func mutate(text []byte, seed uint64, changes uint8) (mutated []byte) {
	defer func() {
		if recover() != nil { // the encoder is somebody else's, and not for what cannot be written
			mutated = text
		}
	}()
	if changes == 0 {
		return text
	}
	var documents, nodes []*yaml.Node
	for decoder := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var n yaml.Node
		if decoder.Decode(&n) != nil {
			break
		}
		documents = append(documents, &n)
		nodes = collect(nodes, &n)
	}
	if len(nodes) == 0 {
		return text
	}
	r := rand.New(rand.NewPCG(seed, 1))
	for range changes {
		change(r, nodes[r.IntN(len(nodes))], nodes[r.IntN(len(nodes))])
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	for _, d := range documents {
		if encoder.Encode(d) != nil {
			return text
		}
	}
	return out.Bytes()
}

func collect(list []*yaml.Node, n *yaml.Node) []*yaml.Node {
	for _, child := range n.Content {
		list = collect(append(list, child), child)
	}
	return list
}

// change does one thing to a node; another one lends its content, unless that leads in circles.
func change(r *rand.Rand, n, other *yaml.Node) {
	odd := []string{"", "0", "-1", "65536", "4294967296", "*", "*.", ".", "/", "a/b", "~", "null", "true", "1e9s", "-5s", "[", "::", "*.local", "web.shop.svc.cluster.local", "outbound|80||", "\u00e4", strings.Repeat("a", 300)}
	switch r.IntN(6) {
	case 0:
		*n = yaml.Node{Kind: yaml.ScalarNode, Value: odd[r.IntN(len(odd))]}
	case 1:
		*n = yaml.Node{Kind: yaml.MappingNode}
	case 2:
		*n = yaml.Node{Kind: yaml.SequenceNode}
	case 3:
		if n.Kind == yaml.SequenceNode && len(n.Content) > 0 {
			n.Content = append(n.Content, n.Content[r.IntN(len(n.Content))])
		}
	case 4:
		if (n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode) && len(n.Content) > 1 {
			n.Content = n.Content[2:]
		}
	case 5:
		if len(other.Content) == 0 {
			*n = *other
		}
	}
}
