package mesh

import (
	"slices"
	"testing"
)

// ofCluster is what a cluster says of a Service with two Pods, one of them on its way out, and of a Pod without a service.
const ofCluster = `
apiVersion: v1
kind: Node
metadata: {name: n1, labels: {topology.kubernetes.io/region: eu, topology.kubernetes.io/zone: a, topology.istio.io/subzone: rack3}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: prod}
spec: {clusterIP: 10.96.0.9, selector: {app: web}, ports: [{name: http, port: 80, targetPort: app}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: prod, labels: {app: web, security.istio.io/tlsMode: istio}}
spec: {nodeName: n1, serviceAccountName: shop, containers: [{name: app, image: x, ports: [{name: app, containerPort: 8080}]}]}
status: {phase: Running, podIP: 10.244.0.5, podIPs: [{ip: 10.244.0.5}, {ip: "fd00::5"}], conditions: [{type: Ready, status: "True"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-2, namespace: prod, labels: {app: web}}
spec: {nodeName: n1, containers: [{name: app, image: x, ports: [{name: app, containerPort: 8081}]}]}
status: {phase: Running, podIP: 10.244.0.6, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: alone, namespace: prod, labels: {app: alone}}
spec: {nodeName: n1, containers: [{name: app, image: x}]}
status: {phase: Running, podIP: 10.244.0.7}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-a, namespace: prod, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints:
- {addresses: [10.244.0.5], nodeName: n1, conditions: {ready: true, serving: true}, targetRef: {kind: Pod, name: web-1, namespace: prod}}
- {addresses: [10.244.0.6], nodeName: n1, conditions: {ready: false, serving: true, terminating: true}, targetRef: {kind: Pod, name: web-2, namespace: prod}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-b, namespace: prod, labels: {kubernetes.io/service-name: web}}
addressType: IPv6
ports: [{name: http, port: 8080}]
endpoints:
- {addresses: ["fd00::5"], nodeName: n1, conditions: {ready: true}, targetRef: {kind: Pod, name: web-1, namespace: prod}}
`

// TestEndpointsOfACluster takes the endpoint that is ready, once, with what its Pod and Node say of it.
func TestEndpointsOfACluster(t *testing.T) {
	set := endpointsOf(t, build(t, ofCluster), "web.prod.svc.cluster.local")
	if got := places(set); !slices.Equal(got, []string{"10.244.0.5:8080"}) {
		t.Fatalf("got %v", got)
	}
	e := set.Endpoints[0]
	if e.Locality != "eu/a/rack3" || e.Identity != "spiffe://cluster.local/ns/prod/sa/shop" || !e.MutualTLS || e.Node != "n1" {
		t.Errorf("got %+v", e)
	}
}

// TestAPodFindsItsServices by its name, as injected proxies say it, or by its address.
func TestAPodFindsItsServices(t *testing.T) {
	s := build(t, ofCluster)
	for _, p := range []Proxy{
		{Namespace: "prod", Name: "web-2", Addresses: []string{"10.244.0.6"}},
		{Namespace: "prod", Name: "other", Addresses: []string{"10.244.0.6"}},
	} {
		w := s.Workload(p)
		if len(w.Ports) != 1 || w.Ports[0].Target != 8081 || w.Ports[0].Service.Host != "web.prod.svc.cluster.local" || w.ServiceAccount != "default" {
			t.Errorf("%s: got %+v", p.Name, w)
		}
	}
	if w := s.Workload(Proxy{Namespace: "prod", Name: "alone", Addresses: []string{"10.244.0.7"}}); len(w.Ports) != 0 || w.Labels["app"] != "alone" {
		t.Errorf("without a service: got %+v", w)
	}
}
