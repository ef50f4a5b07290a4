package envoyvalidate_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/envoyvalidate"
	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"

	"time"
)

func input(t *testing.T, files ...string) analyze.Input {
	t.Helper()
	var all config.Result
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		read := config.Decoder{}.DecodeBytes(f, data)
		all.Objects, all.Problems = append(all.Objects, read.Objects...), append(all.Problems, read.Problems...)
	}
	return analyze.NewInput(all, mesh.Options{}, time.Time{})
}

// What Envoy refuses, and nothing else, is found at the patches behind it.
func TestRefused(t *testing.T) {
	const file = "testdata/refused.yaml"
	got, err := envoyvalidate.Run(t.Context(), envoytest.Binary(t), input(t, "testdata/shop.yaml", file))
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := map[int]bool{}
	for i, line := range strings.Split(string(data), "\n") {
		if strings.Contains(line, "# want "+string(codes.EnvoyRefuses)) {
			want[i+1] = true
		}
	}
	for _, d := range got {
		t.Logf("%s %s %s", d.Position, d.Object, d.Message)
		if d.Position.File != file || !want[d.Position.Line] || d.Code != codes.EnvoyRefuses || d.Level != codes.Error {
			t.Errorf("not wanted: %s %s %s", d.Position, d.Object, d.Message)
		}
		delete(want, d.Position.Line)
	}
	for line := range want {
		t.Errorf("%s:%d is missing", file, line)
	}
}

// What the samples generate is taken.
func TestAccepted(t *testing.T) {
	got, err := envoyvalidate.Run(t.Context(), envoytest.Binary(t), input(t, "testdata/shop.yaml", "testdata/accepted.yaml"))
	if err != nil || len(got) > 0 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestNoVerdict(t *testing.T) {
	if _, err := envoyvalidate.Run(t.Context(), "/does/not/exist", input(t, "testdata/shop.yaml")); err == nil {
		t.Error("no error without an Envoy")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := envoyvalidate.Run(ctx, envoytest.Binary(t), input(t, "testdata/shop.yaml")); err == nil {
		t.Error("no error when the time is up")
	}
}
