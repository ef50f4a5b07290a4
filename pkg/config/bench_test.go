package config

import (
	"fmt"
	"strings"
	"testing"
)

// mesh is the configuration of n services as operators write it: five documents each.
func mesh(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `apiVersion: v1
kind: Service
metadata:
  name: svc-%[1]d
  namespace: ns-%[2]d
  labels: {app: svc-%[1]d}
spec:
  selector: {app: svc-%[1]d}
  ports:
  - {name: http, port: 8080, targetPort: 9080}
  - {name: grpc, port: 9000}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: svc-%[1]d, namespace: ns-%[2]d}
spec:
  host: svc-%[1]d
  trafficPolicy:
    connectionPool: {tcp: {maxConnections: 100, connectTimeout: 5s}}
    outlierDetection: {consecutive5xxErrors: 5, interval: 30s}
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: svc-%[1]d, namespace: ns-%[2]d}
spec:
  hosts: [svc-%[1]d]
  http:
  - match: [{uri: {prefix: /api}, headers: {x-user: {exact: test}}}]
    route: [{destination: {host: svc-%[1]d, subset: v2}}]
  - route:
    - {destination: {host: svc-%[1]d, subset: v1}, weight: 90}
    - {destination: {host: svc-%[1]d, subset: v2}, weight: 10}
    timeout: 10s
    retries: {attempts: 3, perTryTimeout: 2s, retryOn: "5xx,reset"}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: svc-%[1]d-a, namespace: ns-%[2]d}
spec: {address: 10.0.%[3]d.%[4]d, labels: {app: svc-%[1]d, version: v1}, serviceAccount: svc-%[1]d}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: svc-%[1]d-b, namespace: ns-%[2]d}
spec: {address: 10.1.%[3]d.%[4]d, labels: {app: svc-%[1]d, version: v2}, serviceAccount: svc-%[1]d}
---
`, i, i%20, i/250%250, i%250)
	}
	return b.String()
}

func BenchmarkDecode(b *testing.B) {
	const services = 1000
	text := []byte(mesh(services))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		r := Decoder{}.DecodeBytes("mesh.yaml", text)
		if len(r.Objects) != 5*services || len(r.Problems) != 0 {
			b.Fatalf("%d objects, %v", len(r.Objects), r.Problems)
		}
	}
	b.ReportMetric(float64(5*services*b.N)/b.Elapsed().Seconds(), "documents/s")
}

func BenchmarkFieldPosition(b *testing.B) {
	objects, _ := Decode("mesh.yaml", strings.NewReader(mesh(1)))
	for b.Loop() {
		objects[2].FieldPosition("spec.http[1].route[1].weight")
	}
}

func BenchmarkWithOneChange(b *testing.B) {
	objects, _ := Decode("mesh.yaml", strings.NewReader(mesh(10_000)))
	set := Set{}.With(Batch{Full: true, Upserts: objects})
	change := Batch{Upserts: objects[:1]}
	b.ReportAllocs()
	for b.Loop() {
		set.With(change)
	}
}
