package config

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files and remove those without an input")

// golden compares got with a file, or writes it.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); go test -update accepts it:\n%s", path, diff)
	}
}

func render(r Result) string {
	var b strings.Builder
	for _, o := range r.Objects {
		data, err := o.MarshalJSON()
		if err != nil {
			data = []byte(err.Error())
		}
		fmt.Fprintf(&b, "object %s\n  %s\n", o, data)
	}
	for _, f := range r.Foreign {
		fmt.Fprintf(&b, "foreign %s %s %s at %s\n", f.APIVersion, f.Kind, f.Name, f.Position)
	}
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "%s %s\n", p.Severity, p.Error())
	}
	for _, k := range r.Broken {
		fmt.Fprintf(&b, "broken %s\n", k)
	}
	if r.Unidentified {
		b.WriteString("something without a name is broken\n")
	}
	return b.String()
}

func TestDecodeGolden(t *testing.T) {
	inputs, err := filepath.Glob("testdata/decode/*.*")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, path := range inputs {
		if input, ok := strings.CutSuffix(path, ".golden"); ok {
			if _, err := os.Stat(input); err != nil && *update {
				_ = os.Remove(path)
			} else if err != nil {
				t.Errorf("%s has no input", path)
			}
			continue
		}
		seen++
		t.Run(filepath.Base(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := render(Decoder{}.DecodeBytes(filepath.Base(path), data))
			if strings.Contains(got, "hush") || strings.Contains(got, "aHVzaC1odXNo") {
				t.Errorf("a secret shows:\n%s", got)
			}
			golden(t, path+".golden", got)
			objects, problems := Decode(filepath.Base(path), bytes.NewReader(data))
			if again := render(Result{Objects: objects, Problems: problems}); !strings.HasPrefix(got, again[:strings.IndexByte(again+"\n", '\n')]) {
				t.Errorf("Decode and DecodeBytes disagree: %s", again)
			}
		})
	}
	if seen == 0 {
		t.Error("no inputs")
	}
}
