package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/meshctl/meshctl/internal/analyzetest"
	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/analyze/catalog"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/source/dir"
)

// trueOfSamples is what is found in a sample beside Bookinfo, and is so: subsets of versions that Bookinfo does not run until
// another file starts them, and a certificate that is held to the machine's authorities.
var trueOfSamples = map[string][]string{
	"destination-rule-all.yaml":      {"IST0173 details", "IST0173 ratings", "IST0173 ratings", "IST0173 ratings"},
	"destination-rule-all-mtls.yaml": {"IST0173 details", "IST0173 ratings", "IST0173 ratings", "IST0173 ratings"},
	"egress-rule-google-apis.yaml":   {"IST0129 originate-tls-for-googleapis"},
	"tcp-echo.yaml":                  {"IST0173 tcp-echo", "IST0173 tcp-echo"},
}

func TestSamplesAreClean(t *testing.T) {
	const bookinfo = "../../samples/bookinfo/"
	files, err := filepath.Glob(bookinfo + "*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatal(len(files), "samples", err)
	}
	for _, file := range append(files, "../../samples/demo") {
		name := filepath.Base(file)
		paths := []string{bookinfo + "bookinfo.yaml", file}
		if name == "demo" {
			paths = paths[1:]
		}
		t.Run(name, func(t *testing.T) {
			if got, want := findings(t, paths), trueOfSamples[name]; !slices.Equal(got, want) {
				t.Errorf("found %q, want %q", got, want)
			}
		})
	}
}

func findings(t *testing.T, paths []string) []string {
	t.Helper()
	read := dir.ReadInOrder(config.Decoder{}, paths)
	result := analyze.Run(context.Background(), analyze.NewInput(read, mesh.Options{}, analyzetest.Now), catalog.All())
	var out []string
	for _, d := range result.Diagnostics {
		t.Logf("%s %s %s: %s", d.Position, d.Code, d.Object, d.Message)
		out = append(out, fmt.Sprintf("%s %s", d.Code, d.Object.Name))
	}
	slices.Sort(out)
	return out
}
