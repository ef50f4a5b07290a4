// Package analyzetest runs analyzers over fixtures.
//
// A fixture is testdata/CODE/NAME.yaml. What an analyzer is to report stands behind the line that it is to point at, as
// "# want IST0101" or, for several, "# want IST0101 IST0113". A fixture without any such comment of CODE is a negative
// one: configuration that resembles the fault and is right. Only findings of CODE are compared.
package analyzetest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// Now is the time at which fixtures are judged.
var Now = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// Load resolves a file as `meshctl analyze FILE` does.
func Load(tb testing.TB, file string) analyze.Input {
	tb.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	return analyze.NewInput(config.Decoder{}.DecodeBytes(file, data), mesh.Options{}, Now)
}

// Run runs analyzers over every fixture in testdata/CODE of the current folder, for each of their codes, and holds the
// analyzers to what they declare.
func Run(t *testing.T, analyzers ...*analyze.Analyzer) {
	t.Helper()
	read := map[string]map[config.Kind]bool{}
	seen := map[codes.Code]bool{}
	for _, a := range analyzers {
		read[a.Name] = map[config.Kind]bool{}
	}
	for _, a := range analyzers {
		for _, code := range a.Codes {
			if seen[code] {
				continue
			}
			seen[code] = true
			t.Run(string(code), func(t *testing.T) { directory(t, code, analyzers, read) })
		}
	}
	for _, a := range analyzers {
		for _, kind := range a.Kinds {
			if !read[a.Name][kind] {
				t.Errorf("%s declares %s, but reads none in any fixture", a.Name, kind)
			}
		}
		for kind := range read[a.Name] {
			if !slices.Contains(a.Kinds, kind) {
				t.Errorf("%s reads %s without declaring it", a.Name, kind)
			}
		}
	}
}

func directory(t *testing.T, code codes.Code, analyzers []*analyze.Analyzer, read map[string]map[config.Kind]bool) {
	files, _ := filepath.Glob(filepath.Join("testdata", string(code), "*.yaml"))
	positive, negative := 0, 0
	for _, file := range files {
		result := analyze.Run(context.Background(), Load(t, file), analyzers)
		for _, f := range result.Failed {
			t.Errorf("%s: %s %s", file, f.Analyzer, f.Reason)
		}
		for name, kinds := range result.Read {
			for _, kind := range kinds {
				read[name][kind] = true
			}
		}
		want := Wanted(t, file, code)
		if len(want) > 0 {
			positive++
		} else {
			negative++
		}
		got := map[string]int{}
		for _, d := range result.Diagnostics {
			if d.Code == code {
				got[fmt.Sprintf("%s:%d", file, d.Position.Line)]++
			}
		}
		compare(t, code, want, got, result)
	}
	if positive == 0 || negative == 0 {
		t.Errorf("testdata/%s has %d positive and %d negative fixtures; at least one of each is needed", code, positive, negative)
	}
}

func compare(t *testing.T, code codes.Code, want, got map[string]int, result analyze.Result) {
	t.Helper()
	for place, n := range want {
		if got[place] != n {
			t.Errorf("%s: %d times %s, want %d", place, got[place], code, n)
		}
	}
	for place, n := range got {
		if want[place] == 0 {
			t.Errorf("%s: %s %d times, not wanted", place, code, n)
		}
	}
	if t.Failed() {
		for _, d := range result.Diagnostics {
			t.Logf("%s %s %s: %s (%s)", d.Position, d.Code, d.Object, d.Message, d.Fix)
		}
	}
}

// Wanted returns how often a code is wanted at which places ("FILE:LINE").
func Wanted(tb testing.TB, file string, code codes.Code) map[string]int {
	tb.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	out := map[string]int{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		_, list, found := strings.Cut(lines.Text(), "# want ")
		if !found {
			continue
		}
		for word := range strings.FieldsSeq(list) {
			if word == string(code) {
				out[fmt.Sprintf("%s:%d", file, n)]++
			}
		}
	}
	return out
}
