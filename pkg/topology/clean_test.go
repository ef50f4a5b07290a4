package topology_test

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"

	"github.com/meshctl/meshctl/pkg/topology"
)

// TestCleanLeavesNumbersOnly: every number of a graph, whatever it is called, is one that people can be shown and JSON has.
func TestCleanLeavesNumbersOnly(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 1e300} {
		var r topology.Rates
		fields := reflect.ValueOf(&r).Elem()
		for i := range fields.NumField() {
			fields.Field(i).Set(reflect.ValueOf(&bad))
		}
		dirty := topology.Graph{
			Window: -1,
			Nodes:  []topology.Node{{ID: "a", In: r, Out: r}},
			Edges: []topology.Edge{
				{Rates: r, Split: &topology.Split{Configured: bad}, Change: &topology.Change{Before: &bad}},
				{Split: &topology.Split{Observed: bad}, Change: &topology.Change{After: &bad}},
			},
		}
		want := topology.Graph{Nodes: []topology.Node{{ID: "a"}}, Edges: []topology.Edge{{}, {}}}
		if got := dirty.Clean(); !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %+v", bad, got)
		}
		if dirty.Nodes[0].In.P50 == nil || dirty.Edges[0].Split == nil {
			t.Error("the graph itself has changed")
		}
		if _, err := json.Marshal(dirty.Clean()); err != nil {
			t.Error(err)
		}
	}
}
