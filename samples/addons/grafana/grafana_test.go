package grafana_test

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meshctl/meshctl/samples/addons/grafana"
)

var update = flag.Bool("update", false, "write the manifest")

const file = "../grafana-dashboards.yaml"

func TestManifestIsUpToDate(t *testing.T) {
	want, err := grafana.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the package makes: run the test with -update", file)
	}
}

// TestPanels: nothing overlaps, nothing sticks out, names are unique, and whatever a query leaves to choose is there to be chosen.
func TestPanels(t *testing.T) {
	uids := map[string]bool{}
	for _, d := range grafana.Dashboards() {
		if uids[d.UID] {
			t.Errorf("%s twice", d.UID)
		}
		uids[d.UID] = true
		var variables []string
		for _, v := range d.Templating.List {
			variables = append(variables, "$"+v.Name)
		}
		taken := map[[2]int]string{}
		for _, p := range d.Panels {
			for x := range p.GridPos.W {
				for y := range p.GridPos.H {
					at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
					if taken[at] != "" || at[0] >= 24 {
						t.Fatalf("%s: %s lies over %q or outside", d.Title, p.Title, taken[at])
					}
					taken[at] = p.Title
				}
			}
		}
		for _, q := range d.Queries() {
			for word := range strings.FieldsFuncSeq(q, func(r rune) bool { return !strings.ContainsRune("$abcdefghijklmnopqrstuvwxyz_", r) }) {
				if strings.HasPrefix(word, "$") && word != "$__rate_interval" && !slices.Contains(variables, word) {
					t.Errorf("%s: nobody can choose %s in %s", d.Title, word, q)
				}
			}
			if len(grafana.Names(q)) == 0 {
				t.Errorf("%s: no metric in %s", d.Title, q)
			}
		}
	}
}

func TestNames(t *testing.T) {
	got := grafana.Names(`sum by (le, a) (rate(istio_x_bucket{b=~"$b", c="d"}[5m])) / sum (pilot_y) or vector(0)`)
	want := map[string][]string{"istio_x_bucket": {"a", "b", "c", "le"}, "pilot_y": {"a", "le"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
