package xds

import (
	"fmt"
	"runtime"
	"testing"

	networking "istio.io/api/networking/v1alpha3"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

func object(kind config.Kind, namespace, name string, spec any) *config.Object {
	return config.New(config.Object{Key: config.Key{Kind: kind, Namespace: namespace, Name: name}, Spec: spec})
}

// large is a mesh of n services in 50 namespaces, each with 10 endpoints with mutual TLS, three routes and two subsets.
func large(n int) *mesh.Snapshot {
	var list []*config.Object
	for i := range n {
		ns, name := fmt.Sprintf("ns%d", i%50), fmt.Sprintf("svc%d", i)
		list = append(list,
			object(config.Service, ns, name, &corev1.Service{Spec: corev1.ServiceSpec{
				ClusterIP: fmt.Sprintf("10.%d.%d.1", i/250, i%250), Selector: map[string]string{"app": name}, Ports: []corev1.ServicePort{{Name: "http", Port: 80}},
			}}),
			object(config.DestinationRule, ns, name, &networking.DestinationRule{Host: name, Subsets: []*networking.Subset{
				{Name: "v1", Labels: map[string]string{"version": "v1"}}, {Name: "v2", Labels: map[string]string{"version": "v2"}},
			}}),
			weighted(ns, name, 50))
		for e := range 10 {
			list = append(list, endpoint(ns, name, i, e, 1))
		}
	}
	return mesh.Build(config.Set{}.With(config.Batch{Full: true, Upserts: list}), mesh.Options{})
}

func endpoint(ns, name string, i, e int, weight uint32) *config.Object {
	return object(config.WorkloadEntry, ns, fmt.Sprintf("%s-%d", name, e), &networking.WorkloadEntry{
		Address: fmt.Sprintf("11.%d.%d.%d", i/250, i%250, e+1), ServiceAccount: name, Weight: weight,
		Labels: map[string]string{"app": name, "version": fmt.Sprintf("v%d", 1+e%2), "security.istio.io/tlsMode": "istio"},
	})
}

func weighted(ns, name string, weight int32) *config.Object {
	to := func(subset string, weight int32) *networking.HTTPRouteDestination {
		return &networking.HTTPRouteDestination{Destination: &networking.Destination{Host: name, Subset: subset}, Weight: weight}
	}
	match := func(prefix string) []*networking.HTTPMatchRequest {
		return []*networking.HTTPMatchRequest{{Uri: &networking.StringMatch{MatchType: &networking.StringMatch_Prefix{Prefix: prefix}}}}
	}
	return object(config.VirtualService, ns, name, &networking.VirtualService{Hosts: []string{name}, Http: []*networking.HTTPRoute{
		{Match: match("/a"), Route: []*networking.HTTPRouteDestination{to("v1", 0)}},
		{Match: match("/b"), Route: []*networking.HTTPRouteDestination{to("v2", 0)}},
		{Route: []*networking.HTTPRouteDestination{to("v1", weight), to("v2", 100-weight)}},
	}})
}

func sidecarOf(i int) mesh.Proxy {
	name, ns := fmt.Sprintf("svc%d", i), fmt.Sprintf("ns%d", i%50)
	return mesh.Proxy{
		ID: fmt.Sprintf("sidecar~11.0.%d.1~%s-0.%s~x", i, name, ns), Name: name + "-0", Namespace: ns,
		Labels: map[string]string{"app": name}, Addresses: []string{fmt.Sprintf("11.0.%d.1", i)},
	}
}

func sizes(b *testing.B, run func(b *testing.B, s *mesh.Snapshot)) {
	for _, n := range []int{1000, 10000} {
		b.Run(fmt.Sprintf("services=%d", n), func(b *testing.B) { run(b, large(n)) })
	}
}

// BenchmarkFirstJoin is the first proxy of a scope that sees everything: all is translated, encoded and hashed.
func BenchmarkFirstJoin(b *testing.B) {
	sizes(b, func(b *testing.B, s *mesh.Snapshot) {
		b.ReportAllocs()
		size := 0
		for b.Loop() {
			size = 0
			view := NewCatalog(s).Join(sidecarOf(1)).View()
			for _, url := range Types {
				for r := range view.Table(url).All() {
					size += len(r.Any.GetValue())
				}
			}
		}
		b.ReportMetric(float64(size), "bytes/proxy")
	})
}

// BenchmarkNextScope is the first proxy of another namespace: what it sees has been encoded for others.
func BenchmarkNextScope(b *testing.B) {
	sizes(b, func(b *testing.B, s *mesh.Snapshot) {
		c := NewCatalog(s)
		c.Join(sidecarOf(1))
		b.ReportAllocs()
		for b.Loop() {
			c.Join(sidecarOf(2)).Leave()
		}
	})
}

// benchAdvance applies a changing object again and again with proxies of a number of scopes connected.
func benchAdvance(b *testing.B, next func(i int) *config.Object) {
	for _, scopes := range []int{1, 10} {
		b.Run(fmt.Sprintf("scopes=%d", scopes), func(b *testing.B) {
			sizes(b, func(b *testing.B, s *mesh.Snapshot) {
				c := NewCatalog(s)
				for i := range scopes {
					c.Join(sidecarOf(i))
				}
				i := 0
				b.ReportAllocs()
				for b.Loop() {
					i++
					var change mesh.Change
					s, change = s.Apply(config.Batch{Upserts: []*config.Object{next(i)}})
					if len(c.Advance(s, change)) != scopes {
						b.Fatal("not every proxy saw the change")
					}
				}
			})
		})
	}
}

// The change is applied to the snapshot and to every view; nothing is sent.
func BenchmarkAdvanceWeight(b *testing.B) {
	benchAdvance(b, func(i int) *config.Object { return weighted("ns1", "svc1", int32(i%100)) })
}

func BenchmarkAdvanceEndpoint(b *testing.B) {
	benchAdvance(b, func(i int) *config.Object { return endpoint("ns1", "svc1", 1, 1, uint32(2+i%100)) })
}

// BenchmarkProxyMemory says what one more proxy of a scope keeps in memory, without its stream.
func BenchmarkProxyMemory(b *testing.B) {
	const proxies = 1000
	s := large(1000)
	heap := func() float64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	perProxy := 0.0
	for b.Loop() {
		c := NewCatalog(s)
		c.Join(sidecarOf(1))
		before := heap()
		for i := range proxies {
			p := sidecarOf(1)
			p.ID, p.Addresses = fmt.Sprintf("sidecar~12.0.%d.%d~x.ns1~x", i/250, i%250), []string{fmt.Sprintf("12.0.%d.%d", i/250, i%250)}
			c.Join(p)
		}
		perProxy = (heap() - before) / proxies
		runtime.KeepAlive(c)
	}
	b.ReportMetric(perProxy, "bytes/proxy")
	b.ReportMetric(0, "ns/op")
}
