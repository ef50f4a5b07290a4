package controlplane_test

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// node ids of the tests.
const (
	webA = "sidecar~10.0.0.1~web-0.a~a.svc.cluster.local"
	webB = "sidecar~10.0.0.2~web-0.b~b.svc.cluster.local"
)

// shop is a mesh of two namespaces whose proxies see their own and istio-system only.
const shop = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: a}
spec: {clusterIP: 10.9.0.1, selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: b}
spec: {clusterIP: 10.9.0.2, selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: a}
spec: {egress: [{hosts: ["./*", "istio-system/*"]}]}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: b}
spec: {egress: [{hosts: ["./*", "istio-system/*"]}]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: web-0, namespace: a}
spec: {address: 10.0.0.1, labels: {app: web, version: v1}, serviceAccount: web}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: web-0, namespace: b}
spec: {address: 10.0.0.2, labels: {app: web, version: v1}, serviceAccount: web}
`

// clusterA is the cluster of the service in namespace a.
const clusterA = "outbound|80||web.a.svc.cluster.local"
