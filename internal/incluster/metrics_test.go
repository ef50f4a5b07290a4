package incluster

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/meshctl/meshctl/samples/addons/grafana"
)

// TestDashboardsNameWhatThereIs: each metric of the control plane in a dashboard of samples/addons is one that it has, with those labels.
func TestDashboardsNameWhatThereIs(t *testing.T) {
	d := describe()
	has := map[string][]string{}
	for _, one := range []desc{
		d.info, d.ready, d.leader, d.connected, d.agents, d.pushes, d.rejects, d.rejecting, d.objects, d.services, d.problems, d.rootEnd, d.signerEnd,
	} {
		parts := regexp.MustCompile(`fqName: "(\w+)".*variableLabels: \{([^}]*)\}`).FindStringSubmatch(one.String())
		if parts == nil {
			t.Fatalf("the description is %s", one)
		}
		has[parts[1]] = strings.Split(parts[2], ",")
	}
	general := prometheus.NewPedanticRegistry()
	general.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	families, err := general.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		has[f.GetName()] = nil
	}
	checked := 0
	for _, board := range grafana.Dashboards() {
		for _, query := range board.Queries() {
			for name, labels := range grafana.Names(query) {
				if strings.HasPrefix(name, "istio_") || strings.HasPrefix(name, "envoy_") {
					continue // the proxies have those
				}
				known, ok := has[name]
				if checked++; !ok {
					t.Errorf("%s: there is no %s", board.Title, name)
				}
				for _, l := range labels {
					if !slices.Contains(known, l) && !slices.Contains([]string{"app", "namespace", "pod"}, l) { // those Prometheus adds
						t.Errorf("%s: %s has no label %s, only %v", board.Title, name, l, known)
					}
				}
			}
		}
	}
	if checked < 10 {
		t.Errorf("only %d were looked at", checked)
	}
}
