package numbers_test

import (
	"fmt"
	"testing"

	"github.com/meshctl/meshctl/internal/meshtest"
	"github.com/meshctl/meshctl/internal/trafficfeed"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/test/fortio"
)

// TestNumbersAreThoseOfFortio: another program's count of a steady load, of its failures and of how long they took is what viewers see.
func TestNumbersAreThoseOfFortio(t *testing.T) {
	m := meshtest.Explicit(t, map[string]string{"services.yaml": services, "route.yaml": route(20, 75)}, members())
	sidecar, err := m.Dial("client", "web", 80)
	if err != nil {
		t.Fatal(err)
	}
	address := sidecar.RemoteAddr().String()
	if err := sidecar.Close(); err != nil {
		t.Fatal(err)
	}
	v := viewer{t, trafficfeed.New(m.Plane.API, "", 0)}
	v.look()
	const total, slow = 120, 300 // in the middle of a bucket of Envoy's
	told := fortio.Start(t, "http://"+address+"/", 20, "-n", fmt.Sprint(total), "-H", "Host: web", "-H", fmt.Sprintf("x-answer-after: %dms", slow)).Wait()
	g := v.lookUntil("the load with percentiles", func(g topology.Graph) error {
		for _, to := range []string{v1, v2} {
			if e := edge(g, client, to, topology.HTTP); e.Rates.P99 == nil {
				return fmt.Errorf("no percentiles in %+v", e)
			}
		}
		return atLeast(total)(g)
	})
	requests, errors := sentBy(g, client)
	near(t, "requests", requests, total, 0.05*total)
	near(t, "share of errors in percent", 100*errors/requests, 100*float64(told.Failed())/total, 1)
	for _, to := range []string{v1, v2} {
		if e := edge(g, client, to, topology.HTTP); bucket(*e.Rates.P99) != bucket(1000*told.Percentile(99)) || *e.Rates.P50 < slow {
			t.Errorf("%s: p50 %.1f ms, p99 %.1f ms; fortio measured %.1f ms", to, *e.Rates.P50, *e.Rates.P99, 1000*told.Percentile(99))
		}
	}
}
