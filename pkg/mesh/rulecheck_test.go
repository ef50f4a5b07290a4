package mesh

import (
	"slices"
	"testing"

	"github.com/meshctl/meshctl/pkg/config/codes"
)

// TestRuleProblems: each value that cannot be is reported where it stands, whatever level of the rule it is on.
func TestRuleProblems(t *testing.T) {
	s := build(t, `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: server, namespace: default}
spec:
  host: server
  trafficPolicy:
    outlierDetection: {consecutiveErrors: 3}
    portLevelSettings:
    - {port: {number: 80}, loadBalancer: {warmup: {duration: 1s, minimumPercent: 101}}}
    - {port: {number: 80}}
  subsets:
  - {name: v1, trafficPolicy: {tunnel: {targetHost: a.example.com}}}
  - {name: v2, trafficPolicy: {connectionPool: {tcp: {maxConnections: -1}}}}
`)
	var got []string
	for _, p := range s.Problems() {
		got = append(got, string(p.Code)+" "+p.Field)
		if p.Position.Line == 0 || p.Fix == "" {
			t.Errorf("%+v does not say where, or what to do", p)
		}
	}
	slices.Sort(got)
	want := []string{
		string(codes.Deprecated) + " spec.trafficPolicy.outlierDetection.consecutiveErrors",
		"MSH0201 spec.trafficPolicy.portLevelSettings[1].port.number",
		"MSH0202 spec.subsets[0].trafficPolicy.tunnel.targetPort",
		"MSH0202 spec.subsets[1].trafficPolicy.connectionPool.tcp.maxConnections",
		"MSH0202 spec.trafficPolicy.portLevelSettings[0].loadBalancer.warmup.minimumPercent",
	}
	if !slices.Equal(got, want) {
		t.Errorf("problems\n%q, want\n%q", got, want)
	}
}
