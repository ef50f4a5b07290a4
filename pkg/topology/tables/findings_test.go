package tables_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/topology/tables"
)

// A finding that concerns several nodes is one row.
func TestFindings(t *testing.T) {
	both := topology.Finding{Code: "IST0101", Level: "error", Message: "a route to nowhere"}
	one := topology.Finding{Code: "IST0103", Level: "warning", Message: "no sidecar"}
	mesh := topology.Finding{Code: "IST0102", Level: "info", Message: "of the whole namespace"}
	got := tables.Findings(topology.Graph{
		Nodes: []topology.Node{
			{Name: "a", Namespace: "shop", Findings: []topology.Finding{both}}, {Name: "b", Namespace: "shop", Findings: []topology.Finding{both, one}}, {Name: "c"},
		},
		Findings: []topology.Finding{mesh},
	})
	want := []tables.Found{{both, []string{"a.shop", "b.shop"}}, {one, []string{"b.shop"}}, {Finding: mesh}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if names := len(tables.FindingColumns(got).Columns); names != 4 {
		t.Errorf("%d columns with nodes", names)
	}
	if names := len(tables.FindingColumns(tables.Introduced(&topology.Plan{Findings: []topology.Finding{mesh}})).Columns); names != 3 {
		t.Errorf("%d columns without nodes", names)
	}
}
