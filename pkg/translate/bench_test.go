package translate

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/meshctl/meshctl/internal/digest"
)

// The cost of one resource: translated, encoded, and only hashed, which is what an unchanged one costs.
func BenchmarkResources(b *testing.B) {
	s := readCase(b, "bookinfo")
	p := redirected()
	scope := s.Scope(s.ScopeKey(p), p)
	svc := scope.Service("reviews.default.svc.cluster.local")
	set := s.Endpoints(svc.Service, svc.Ports[0])
	cluster := ClusterInput{Config: s.Config(), Service: svc.Service, Port: svc.Ports[0], Rule: svc.Rule, Identities: set.Identities}
	host := ServiceRoutes(ServiceRoutesInput{Config: s.Config(), Namespace: "default", Service: svc, Lookup: scope.Service})[0].Host
	for name, one := range map[string]func() proto.Message{
		"cluster":    func() proto.Message { c, _ := Cluster(cluster); return c },
		"assignment": func() proto.Message { return Assignment(NewAssignment(cluster, set, Client{})) },
		"vhost":      func() proto.Message { v, _ := VirtualHost(host); return v },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				encoded, _ := proto.MarshalOptions{Deterministic: true}.Marshal(one())
				size = len(encoded)
			}
			b.ReportMetric(float64(size), "bytes")
		})
	}
	b.Run("digest", func(b *testing.B) {
		for b.Loop() {
			digest.Of(host)
		}
	})
}
