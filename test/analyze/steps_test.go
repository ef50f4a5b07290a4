package main

import (
	"context"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/meshgen"
	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/analyze/catalog"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

const benchObjects = 10_000

func decodeMesh(b *testing.B) config.Result {
	b.Helper()
	files, err := meshgen.Mesh(meshgen.Options{Services: meshgen.Services(benchObjects)})
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	var all config.Result
	for _, f := range files {
		all.Add(config.Decoder{}.DecodeBytes(f.Name, f.Data))
	}
	return all
}

// The three steps of `meshctl analyze` on 10,000 mesh objects.
func BenchmarkDecode(b *testing.B) {
	for b.Loop() {
		decodeMesh(b)
	}
}

func BenchmarkResolve(b *testing.B) {
	read := decodeMesh(b)
	for b.Loop() {
		analyze.NewInput(read, mesh.Options{}, time.Time{})
	}
}

func BenchmarkAnalyze(b *testing.B) {
	in := analyze.NewInput(decodeMesh(b), mesh.Options{}, time.Now())
	for b.Loop() {
		analyze.Run(context.Background(), in, catalog.All())
	}
}
