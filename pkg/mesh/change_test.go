package mesh

import (
	"maps"
	"slices"
	"sync"
	"testing"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
)

// apply applies objects to a mesh of a few services.
func apply(t *testing.T, s *Snapshot, o ...*config.Object) (*Snapshot, Change) {
	t.Helper()
	return s.Apply(config.Batch{Upserts: o})
}

func TestChangeOfAWeight(t *testing.T) {
	s := Build(large(10), Options{})
	_, c := apply(t, s, object(config.VirtualService, "ns1", "svc1", weighted("svc1", 10)))
	if len(c.Hosts) != 1 || c.Hosts["svc1.ns1.svc.cluster.local"] != Routes || c.EndpointsOnly() {
		t.Errorf("%+v", c)
	}
}

func TestChangeOfAnEndpoint(t *testing.T) {
	s := Build(large(10), Options{})
	p := sidecarIn("ns1")
	scope := scopeOf(s, p)
	next, c := apply(t, s, object(config.WorkloadEntry, "ns1", "svc1-1", endpoint("svc1", 1, 1, 7)))
	if len(c.Hosts) != 1 || c.Hosts["svc1.ns1.svc.cluster.local"] != Endpoints || !c.EndpointsOnly() {
		t.Errorf("a weight of an endpoint: %+v", c)
	}
	if next.Rescope(scope, p, c) != scope {
		t.Error("the scope is a new one although no endpoint is part of it")
	}
	e := endpoint("svc1", 1, 1, 7)
	e.ServiceAccount = "another"
	_, c = apply(t, next, object(config.WorkloadEntry, "ns1", "svc1-1", e))
	if c.Hosts["svc1.ns1.svc.cluster.local"] != Endpoints|Clusters {
		t.Errorf("an identity of an endpoint: %+v", c)
	}
}

func TestChangeOfNothing(t *testing.T) {
	s := Build(large(10), Options{})
	next, c := apply(t, s, object(config.VirtualService, "ns1", "svc1", weighted("svc1", 50)))
	if !c.Empty() {
		t.Errorf("the same object again: %+v", c)
	}
	_, c = apply(t, next, object(config.Secret, "ns1", "unused", nil), object(config.Kind{Name: "Unknown"}, "ns1", "x", nil))
	if !c.Empty() {
		t.Errorf("objects that concern no proxy: %+v", c)
	}
	_, c = next.Apply(config.Batch{Deletes: []config.Key{{Kind: config.Service, Namespace: "no", Name: "such"}}})
	if !c.Empty() {
		t.Errorf("a key that was never there: %+v", c)
	}
}

func TestChangeOfADestination(t *testing.T) {
	s := build(t, services("a.prod", "b.prod")+virtualService("v", "prod", "{hosts: [a], http: [{route: [{destination: {host: b}}]}]}"))
	_, c := apply(t, s, object(config.DestinationRule, "prod", "b", &networking.DestinationRule{Host: "b"}))
	equal(t, "hosts", slices.Sorted(maps.Keys(c.Hosts)), []string{"a.prod.svc.cluster.local", "b.prod.svc.cluster.local"})
	if c.Hosts["a.prod.svc.cluster.local"] != Routes {
		t.Errorf("the routes that lead to the destination: %b", c.Hosts["a.prod.svc.cluster.local"])
	}
}

func TestDeletedObjectsLeaveNothing(t *testing.T) {
	s := build(t, services("a.prod", "b.prod")+virtualService("v", "prod", "{hosts: [a], http: [{route: [{destination: {host: nowhere}}]}]}"))
	if len(s.Problems()) != 1 {
		t.Fatalf("problems: %v", messages(s))
	}
	next, _ := s.Apply(config.Batch{Deletes: []config.Key{{Kind: config.VirtualService, Namespace: "prod", Name: "v"}}})
	equal(t, "problems", messages(next), nil)
	next, c := next.Apply(config.Batch{Full: true})
	if len(c.Hosts) != 2 || len(hostsOf(scopeOf(next, sidecarIn("prod")))) != 0 {
		t.Errorf("an empty full batch: %+v", c)
	}
	for what, n := range next.sizes() {
		if n != 0 {
			t.Errorf("%d %s are left", n, what)
		}
	}
}

func TestProblemsFollowTheirCause(t *testing.T) {
	s := build(t, virtualService("v", "prod", "{hosts: [a], gateways: [gw], http: [{route: [{destination: {host: a, subset: v1}}]}]}"))
	if n := len(s.Problems()); n != 3 {
		t.Fatalf("problems: %v", messages(s))
	}
	s, _ = apply(t, s, decode(t, services("a.prod"))...)
	if n := len(s.Problems()); n != 2 { // the host is there now, its subset is not
		t.Fatalf("problems: %v", messages(s))
	}
	s, _ = apply(t, s, object(config.DestinationRule, "prod", "a", &networking.DestinationRule{Host: "a", Subsets: []*networking.Subset{{Name: "v1"}}}))
	s, _ = apply(t, s, object(config.Gateway, "prod", "gw", &networking.Gateway{Servers: []*networking.Server{{
		Port: &networking.Port{Number: 80, Name: "http", Protocol: "HTTP"}, Hosts: []string{"*"},
	}}}))
	equal(t, "problems", messages(s), nil)
}

func TestNotEnforced(t *testing.T) {
	s := build(t, `
apiVersion: gateway.networking.k8s.io/v1
kind: UDPRoute
metadata: {name: deny, namespace: prod}
spec: {}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: prod}
spec: {}`)
	var got []string
	for _, o := range s.NotEnforced() {
		got = append(got, o.Key.String())
	}
	equal(t, "not enforced", got, []string{"UDPRoute/prod/deny"})
}

func TestMeshConfigDefaults(t *testing.T) {
	m := build(t, meshYAML("accessLogFile: /dev/stdout")).Config().Mesh
	if !m.EnableAutoMtls.Value || m.ConnectTimeout.Seconds != 10 || m.ProtocolDetectionTimeout.Seconds != 0 || m.AccessLogFile != "/dev/stdout" ||
		m.DefaultConfig.DrainDuration.Seconds != 45 || m.OutboundTrafficPolicy.Mode.String() != "ALLOW_ANY" || m.RootNamespace != "istio-system" {
		t.Errorf("%v", m)
	}
	m = build(t, meshYAML("{enableAutoMtls: false, connectTimeout: 1s, defaultConfig: {concurrency: 2}}")).Config().Mesh
	if m.EnableAutoMtls.Value || m.ConnectTimeout.Seconds != 1 || m.DefaultConfig.Concurrency.Value != 2 || m.DefaultConfig.DrainDuration.Seconds != 45 {
		t.Errorf("%v", m)
	}
}

// TestConcurrentReaders reads a snapshot from several goroutines while the next ones are made; the race detector watches.
func TestConcurrentReaders(t *testing.T) {
	s := Build(large(20), Options{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for _, p := range proxies() {
				facts := scopeFacts(scopeOf(s, p))
				if len(facts) == 0 {
					t.Error("no facts")
				}
				s.Workload(p)
				s.Problems()
			}
		})
	}
	next := s
	for i := range 20 {
		next, _ = apply(t, next, object(config.VirtualService, "ns1", "svc1", weighted("svc1", int32(i))),
			object(config.WorkloadEntry, "ns1", "svc1-1", endpoint("svc1", 1, 1, uint32(i))))
	}
	wg.Wait()
}
