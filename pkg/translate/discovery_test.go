package translate

import (
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// What is said of a cluster without making it holds for the cluster that is made.
func TestDiscoveryIsForeseen(t *testing.T) {
	settings := mesh.Build(config.Set{}, mesh.Options{}).Config()
	rules := []*mesh.DestinationRule{nil}
	for _, simple := range []networking.LoadBalancerSettings_SimpleLB{networking.LoadBalancerSettings_PASSTHROUGH, networking.LoadBalancerSettings_RANDOM} {
		rules = append(rules, &mesh.DestinationRule{Spec: &networking.DestinationRule{TrafficPolicy: &networking.TrafficPolicy{
			LoadBalancer: &networking.LoadBalancerSettings{LbPolicy: &networking.LoadBalancerSettings_Simple{Simple: simple}},
		}}})
	}
	for _, resolution := range []mesh.Resolution{mesh.Static, mesh.DNS, mesh.DNSRoundRobin, mesh.Passthrough, mesh.DynamicDNS} {
		for _, s := range []*mesh.Service{{Name: "web", Host: "web.a"}, {Name: "web", Host: "web.a", Headless: true}, {Host: "web.example"}, {Host: "*.example"}} {
			s.Resolution = resolution
			for _, protocol := range []mesh.Protocol{mesh.HTTP, mesh.TCP} {
				for _, proxy := range []mesh.ProxyType{mesh.Sidecar, mesh.Router, mesh.Proxyless} {
					for _, mode := range []mesh.Mode{mesh.Redirected, mesh.Explicit} {
						for _, rule := range rules {
							foresee(t, ClusterInput{
								Config: settings, Service: s, Port: mesh.Port{Number: 80, Protocol: protocol}, Proxy: proxy, Mode: mode, Rule: rule,
								Endpoints: &mesh.EndpointSet{Endpoints: []mesh.Endpoint{{Address: "origin.example", Port: 80}}},
							})
						}
					}
				}
			}
		}
	}
}

func foresee(t *testing.T, in ClusterInput) {
	t.Helper()
	c, _ := Cluster(in)
	if got, want := NeedsAssignment(in), c.GetType() == clusterv3.Cluster_EDS && c.GetClusterType() == nil; got != want {
		t.Errorf("%+v of %+v: needs an assignment: %v, and the cluster is %v", in, in.Service, got, c.GetClusterDiscoveryType())
	}
	if got, want := KeepsDestination(in), c.GetType() == clusterv3.Cluster_ORIGINAL_DST; got != want && in.Proxy != mesh.Proxyless {
		t.Errorf("%+v of %+v: keeps the destination: %v, and the cluster is %v", in, in.Service, got, c.GetClusterDiscoveryType())
	}
}

// The mesh's default outlierDetection is one: failover does not need a rule that says it again.
func TestDefaultOutlierDetectionLetsFailOver(t *testing.T) {
	objects, problems := config.Decode("mesh.yaml", strings.NewReader(`
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    defaultTrafficPolicy: {outlierDetection: {consecutive5xxErrors: 1}}
`))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, c := range []struct {
		objects []*config.Object
		want    bool
	}{{nil, false}, {objects, true}} {
		settings := mesh.Build(config.Set{}.With(config.Batch{Full: true, Upserts: c.objects}), mesh.Options{}).Config()
		in := ClusterInput{Config: settings, Service: &mesh.Service{Name: "web", Host: "web.a"}, Port: mesh.Port{Number: 80, Protocol: mesh.HTTP}}
		if got := NewAssignment(in, &mesh.EndpointSet{}, Client{}).Balance != nil; got != c.want {
			t.Errorf("endpoints fail over: %v, want %v", got, c.want)
		}
	}
}
