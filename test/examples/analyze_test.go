package examples_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/analyzetest"
	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/analyze/catalog"
)

// What analyze finds in each file as it stands alone: as "CODE line", and "open CODE" for what it leaves open. Nothing else.
var judged = map[string][]string{
	"01-percent-weights.yaml":            {"IST0106 2", "IST0106 8", "IST0106 9"},
	"02-consecutive-errors.yaml":         {"IST0002 11", "open IST0174"},
	"03-allow-sleep.yaml":                {"open IST0127"},
	"04-annotated-deployment.yaml":       {"MSH0601 15", "MSH0602 15"},
	"06-canary-by-header.yaml":           {"open IST0101", "open IST0174"},
	"07-load-balancers.yaml":             {"IST0002 7", "open IST0174"},
	"08-timeout-and-retries.yaml":        {"open IST0101"},
	"10-viewer.yaml":                     {"MSH0505 9", "open IST0127"},
	"11-remote-keys.yaml":                {"MSH0507 7", "open MSH0508"},
	"13-metric-tags.yaml":                {"MSH0506 11", "MSH0506 12"},
	"14-access-log-patch-corrected.yaml": {"open MSH0801"},
	"14-access-log-patch.yaml":           {"IST0133 20", "MSH0302 7", "open MSH0801"},
	"15-canary-and-blue-green.yaml":      {"IST0109 18", "IST0109 6", "open IST0101", "open IST0174"},
	"16-misplaced-proxy-config.yaml":     {"MSH0432 6"},
	"17-network-policies.yaml":           {"MSH0601 5", "MSH0603 5"},
	"18-https-gateway.yaml":              {"open IST0101", "open IST0161"},
}

func TestAnalyzeSaysOfEachFileWhatIsSoAndNothingElse(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(strings.TrimSuffix(name, ".yaml"), func(t *testing.T) {
			got := judge(t, file)
			if !slices.Equal(got, judged[name]) {
				t.Errorf("got  %q\nwant %q", got, judged[name])
			}
		})
	}
}

func judge(t *testing.T, file string) []string {
	result := analyze.Run(context.Background(), analyzetest.Load(t, file), catalog.All())
	for _, f := range result.Failed {
		t.Errorf("%s %s", f.Analyzer, f.Reason)
	}
	var out []string
	for _, d := range result.Diagnostics {
		out = append(out, fmt.Sprintf("%s %d", d.Code, d.Position.Line))
		t.Logf("%s %s %s: %s", d.Position, d.Code, d.Object, d.Message)
	}
	for _, u := range result.Undecided {
		out = append(out, "open "+string(u.Code))
	}
	slices.Sort(out)
	return slices.Compact(out)
}
