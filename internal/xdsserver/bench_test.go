package xdsserver

import (
	"fmt"
	"runtime"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"

	"github.com/meshctl/meshctl/pkg/xds"
)

// BenchmarkStream connects proxies that each take 1,500 clusters and their endpoints, and reports what a connected proxy costs
// in memory: heap and stacks of the server and of the client's end of the stream, all streams on one connection.
func BenchmarkStream(b *testing.B) {
	const clusters = 1500
	var resources []*xds.Resource
	var wanted []string
	for i := range clusters {
		name := fmt.Sprintf("outbound|9080|v1|reviews-%d.default.svc.cluster.local", i)
		wanted = append(wanted, name)
		resources = append(resources, cluster(name, 1), endpoints(name, 1, 2, 3, 4, 5))
	}
	_, s, address := serve(b, Options{}, resources...)
	client := dial(b, address)
	before := inUse()
	b.ResetTimer()
	for range b.N {
		stream, err := client.DeltaAggregatedResources(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		for i, r := range []*discoveryv3.DeltaDiscoveryRequest{
			{TypeUrl: xds.ClusterType, Node: &corev3.Node{Id: nodeID}}, {TypeUrl: xds.EndpointType, ResourceNamesSubscribe: wanted},
		} {
			if err := stream.Send(r); err != nil {
				b.Fatal(err)
			}
			response, err := stream.Recv()
			if err != nil || len(response.GetResources()) != clusters {
				b.Fatalf("request %d: %d resources, %v", i, len(response.GetResources()), err)
			}
			if err := stream.Send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: r.GetTypeUrl(), ResponseNonce: response.GetNonce()}); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.StopTimer()
	synced(b, s)
	b.ReportMetric(float64(inUse()-before)/float64(b.N), "B/proxy")
}

func inUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
