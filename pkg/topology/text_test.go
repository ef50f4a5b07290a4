package topology_test

import (
	"math"
	"testing"

	"github.com/meshctl/meshctl/pkg/topology"
)

func TestNumbersAreWrittenForPeople(t *testing.T) {
	for _, c := range []struct {
		write func(*float64) string
		value float64
		want  string
	}{
		{topology.PerSecond, 0, "0"}, {topology.PerSecond, 0.01, "<0.1"}, {topology.PerSecond, 0.3, "0.3"}, {topology.PerSecond, 12.4, "12"},
		{topology.PerSecond, 1234, "1.2k"}, {topology.PerSecond, 2.5e6, "2.5M"}, {topology.PerSecond, math.NaN(), "-"}, {topology.PerSecond, math.Inf(1), "-"}, {topology.PerSecond, -1, "-"},
		{topology.Milliseconds, 0.82, "0.8ms"}, {topology.Milliseconds, 25, "25ms"}, {topology.Milliseconds, 1400, "1.4s"}, {topology.Milliseconds, math.NaN(), "-"},
		{topology.Bytes, 1229, "1.2 KiB/s"}, {topology.Bytes, 1e300, "-"}, {topology.Count, 12345, "12,345"},
	} {
		if got := c.write(&c.value); got != c.want {
			t.Errorf("%v is written %q, want %q", c.value, got, c.want)
		}
	}
	if got := topology.PerSecond(nil); got != topology.Absent {
		t.Errorf("what was not measured is written %q", got)
	}
	for share, want := range map[float64]string{0: "0.0%", 1: "100.0%", 0.99999: "99.9%", 0.00001: "0.1%", 0.5: "50.0%", math.NaN(): "-"} {
		if got := topology.Percent(share); got != want {
			t.Errorf("%v is written %q, want %q", share, got, want)
		}
	}
}

func TestShares(t *testing.T) {
	requests, errors := 10.0, 1.0
	r := topology.Rates{Requests: &requests, Errors: &errors}
	if share, ok := r.Success(); !ok || share != 0.9 {
		t.Errorf("%v %v", share, ok)
	}
	if _, ok := (topology.Rates{}).Success(); ok {
		t.Error("without requests there is no success")
	}
}
