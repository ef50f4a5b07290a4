package mesh

import (
	"fmt"
	"testing"

	networking "istio.io/api/networking/v1alpha3"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/internal/digest"
	"github.com/meshctl/meshctl/pkg/config"
)

func object(kind config.Kind, namespace, name string, spec any) *config.Object {
	o := &config.Object{Key: config.Key{Kind: kind, Namespace: namespace, Name: name}, Spec: spec}
	o.Digest = digest.Of([]any{o.Key, spec})
	return o
}

// large makes a mesh of n services in 50 namespaces, each with 10 endpoints, a VirtualService with three routes and a
// DestinationRule with two subsets.
func large(n int) config.Set {
	var list []*config.Object
	for i := range n {
		ns, name := fmt.Sprintf("ns%d", i%50), fmt.Sprintf("svc%d", i)
		list = append(list,
			object(config.Service, ns, name, &corev1.Service{Spec: corev1.ServiceSpec{
				ClusterIP: fmt.Sprintf("10.%d.%d.1", i/250, i%250), Selector: map[string]string{"app": name},
				Ports: []corev1.ServicePort{{Name: "http", Port: 80}}}}),
			object(config.DestinationRule, ns, name, &networking.DestinationRule{Host: name, Subsets: []*networking.Subset{
				{Name: "v1", Labels: map[string]string{"version": "v1"}}, {Name: "v2", Labels: map[string]string{"version": "v2"}}}}),
			object(config.VirtualService, ns, name, weighted(name, 50)))
		for e := range 10 {
			list = append(list, object(config.WorkloadEntry, ns, fmt.Sprintf("%s-%d", name, e), endpoint(name, i, e, 1)))
		}
	}
	return config.Set{}.With(config.Batch{Full: true, Upserts: list})
}

func endpoint(name string, i, e int, weight uint32) *networking.WorkloadEntry {
	return &networking.WorkloadEntry{
		Address: fmt.Sprintf("11.%d.%d.%d", i/250, i%250, e+1), ServiceAccount: name, Weight: weight,
		Labels: map[string]string{"app": name, "version": fmt.Sprintf("v%d", 1+e%2)},
	}
}

func weighted(name string, weight int32) *networking.VirtualService {
	to := func(subset string, weight int32) *networking.HTTPRouteDestination {
		return &networking.HTTPRouteDestination{Destination: &networking.Destination{Host: name, Subset: subset}, Weight: weight}
	}
	match := func(prefix string) []*networking.HTTPMatchRequest {
		return []*networking.HTTPMatchRequest{{Uri: &networking.StringMatch{MatchType: &networking.StringMatch_Prefix{Prefix: prefix}}}}
	}
	return &networking.VirtualService{Hosts: []string{name}, Http: []*networking.HTTPRoute{
		{Match: match("/a"), Route: []*networking.HTTPRouteDestination{to("v1", 0)}},
		{Match: match("/b"), Route: []*networking.HTTPRouteDestination{to("v2", 0)}},
		{Route: []*networking.HTTPRouteDestination{to("v1", weight), to("v2", 100-weight)}},
	}}
}

func sizesToBench(b *testing.B, run func(b *testing.B, n int)) {
	for _, n := range []int{1000, 10000} {
		b.Run(fmt.Sprintf("services=%d", n), func(b *testing.B) { run(b, n) })
	}
}

func BenchmarkBuild(b *testing.B) {
	sizesToBench(b, func(b *testing.B, n int) {
		set := large(n)
		b.ReportAllocs()
		for b.Loop() {
			Build(set, Options{})
		}
	})
}

func BenchmarkScope(b *testing.B) {
	sizesToBench(b, func(b *testing.B, n int) {
		s, p := Build(large(n), Options{}), sidecarIn("ns1", "app=svc1")
		b.ReportAllocs()
		for b.Loop() {
			scopeOf(s, p)
		}
	})
}

// benchChange applies a changing object again and again, and brings a scope up to date as the catalog does.
func benchChange(b *testing.B, next func(i int) *config.Object) {
	sizesToBench(b, func(b *testing.B, n int) {
		s, p := Build(large(n), Options{}), sidecarIn("ns1", "app=svc1")
		scope, i := scopeOf(s, p), 0
		b.ReportAllocs()
		for b.Loop() {
			i++
			var c Change
			s, c = s.Apply(config.Batch{Upserts: []*config.Object{next(i)}})
			scope = s.Rescope(scope, p, c)
			if c.Empty() {
				b.Fatal("the change is empty")
			}
		}
	})
}

func BenchmarkApplyWeight(b *testing.B) {
	benchChange(b, func(i int) *config.Object {
		return object(config.VirtualService, "ns1", "svc1", weighted("svc1", int32(i%100)))
	})
}

func BenchmarkApplyEndpoint(b *testing.B) {
	benchChange(b, func(i int) *config.Object {
		return object(config.WorkloadEntry, "ns1", "svc1-1", endpoint("svc1", 1, 1, uint32(1+i%100)))
	})
}

func BenchmarkWorkload(b *testing.B) {
	s, p := Build(large(1000), Options{}), sidecarIn("ns1", "app=svc1")
	b.ReportAllocs()
	for b.Loop() {
		s.Workload(p)
		s.ScopeKey(p)
	}
}
