package mesh

import (
	"fmt"
	"testing"

	"github.com/meshctl/meshctl/pkg/config"
)

func places(s *EndpointSet) []string {
	var out []string
	for _, e := range s.Endpoints {
		out = append(out, fmt.Sprintf("%s:%d", e.Address, e.Port))
	}
	return out
}

// endpointsOf lists the endpoints of a host's first port.
func endpointsOf(t *testing.T, s *Snapshot, host string) *EndpointSet {
	t.Helper()
	svc := s.Service(host, "prod")
	if svc == nil {
		t.Fatalf("no service %s", host)
	}
	return s.Endpoints(svc, svc.Ports[0])
}

const webService = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: prod}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
---`

func TestEndpoints(t *testing.T) {
	for _, c := range []struct {
		name, yaml, host string
		want             []string
	}{
		{"workload entries: ports by name, by number, target port", webService + `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: a, namespace: prod}
spec: {address: 10.0.0.1, labels: {app: web}, ports: {http: 1111, "8080": 2222}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: b, namespace: prod}
spec: {address: 10.0.0.1, labels: {app: web}, ports: {"8080": 2222}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: c, namespace: prod, labels: {app: web}}
spec: {address: 10.0.0.1}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: other-namespace, namespace: test}
spec: {address: 10.0.0.9, labels: {app: web}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: other-label, namespace: prod}
spec: {address: 10.0.0.9, labels: {app: db}}`,
			"web.prod.svc.cluster.local", []string{"10.0.0.1:1111", "10.0.0.1:2222", "10.0.0.1:8080"}},
		{"pods without slices", webService + `
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: prod, labels: {app: web}}
spec: {containers: [{name: app, image: x}]}
status: {podIP: 10.0.0.1}
---
apiVersion: v1
kind: Pod
metadata: {name: b, namespace: prod, labels: {app: web}}
spec: {containers: [{name: app, image: x}]}
status: {podIP: 10.0.0.2, conditions: [{type: Ready, status: "False"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: c, namespace: prod, labels: {app: web}}
spec: {containers: [{name: app, image: x}]}
status: {podIP: 10.0.0.3, phase: Succeeded}`,
			"web.prod.svc.cluster.local", []string{"10.0.0.1:8080"}},
		{"slices win over pods, workload entries stay", webService + `
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: prod, labels: {app: web}}
spec: {containers: [{name: app, image: x}]}
status: {podIP: 10.0.0.1}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: prod, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8081}]
endpoints:
- {addresses: [10.0.0.7], conditions: {ready: true}}
- {addresses: [10.0.0.8], conditions: {ready: false}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: vm, namespace: prod}
spec: {address: 10.0.0.9, labels: {app: web}}`,
			"web.prod.svc.cluster.local", []string{"10.0.0.7:8081", "10.0.0.9:8080"}},
		{"external name", `
apiVersion: v1
kind: Service
metadata: {name: api, namespace: prod}
spec: {type: ExternalName, externalName: api.example.com, ports: [{name: https, port: 443}]}`,
			"api.prod.svc.cluster.local", []string{"api.example.com:443"}},
		{"DNS entry without endpoints is its own endpoint", `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: e, namespace: prod}
spec: {hosts: [api.example.com], ports: [{number: 443, name: tls, protocol: TLS, targetPort: 8443}], resolution: DNS}`,
			"api.example.com", []string{"api.example.com:8443"}},
		{"DNS entry with endpoints", `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: e, namespace: prod}
spec: {hosts: [api.example.com], ports: [{number: 443, name: tls, protocol: TLS}], resolution: DNS, endpoints: [{address: eu.example.com, ports: {tls: 444}}, {address: us.example.com}]}`,
			"api.example.com", []string{"eu.example.com:444", "us.example.com:443"}},
		{"static entry selects entries and pods", `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: e, namespace: prod}
spec: {hosts: [api.example.com], ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}], resolution: STATIC, workloadSelector: {labels: {app: api}}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: vm, namespace: prod}
spec: {address: 10.0.0.9, labels: {app: api}}
---
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: prod, labels: {app: api}}
spec: {containers: [{name: app, image: x}]}
status: {podIP: 10.0.0.1}`,
			"api.example.com", []string{"10.0.0.1:8080", "10.0.0.9:8080"}},
		{"resolution NONE has none", `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: e, namespace: prod}
spec: {hosts: [api.example.com], ports: [{number: 80, name: http, protocol: HTTP}]}`,
			"api.example.com", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			equal(t, "endpoints", places(endpointsOf(t, build(t, c.yaml), c.host)), c.want)
		})
	}
}

func TestNamedTargetPort(t *testing.T) {
	s := build(t, `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: prod}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: web}]}
---
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: prod, labels: {app: web}}
spec: {containers: [{name: app, image: x, ports: [{name: web, containerPort: 7000}]}]}
status: {podIP: 10.0.0.1}
---
apiVersion: v1
kind: Pod
metadata: {name: b, namespace: prod, labels: {app: web}}
spec: {containers: [{name: app, image: x}]}
status: {podIP: 10.0.0.2}`)
	equal(t, "endpoints", places(endpointsOf(t, s, "web.prod.svc.cluster.local")), []string{"10.0.0.1:7000"})
}

func TestEndpointProperties(t *testing.T) {
	workload := func(kind, spec string) string {
		return webService + "\napiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: a, namespace: prod" + kind + "}\nspec: {address: 10.0.0.1, labels: {app: web" + spec + "}"
	}
	authn := func(spec string) string {
		return "\n---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: p, namespace: prod}\nspec: " + spec
	}
	for _, c := range []struct {
		name, yaml string
		want       Endpoint
	}{
		{"plain", workload("", "}"), Endpoint{Weight: 1, Healthy: true}},
		{"weight, network, locality", workload("", "}, weight: 5, network: n1, locality: r/z"), Endpoint{Weight: 5, Healthy: true, Network: "n1", Locality: "r/z"}},
		{"service account", workload("", "}, serviceAccount: sa"),
			Endpoint{Weight: 1, Healthy: true, MutualTLS: true, Identity: "spiffe://cluster.local/ns/prod/sa/sa"}},
		{"trust domain", workload("", "}, serviceAccount: sa") + meshYAML("trustDomain: example.org"),
			Endpoint{Weight: 1, Healthy: true, MutualTLS: true, Identity: "spiffe://example.org/ns/prod/sa/sa"}},
		{"tlsMode istio", workload("", ", security.istio.io/tlsMode: istio}"), Endpoint{Weight: 1, Healthy: true, MutualTLS: true}},
		{"tlsMode disabled", workload("", ", security.istio.io/tlsMode: disabled}, serviceAccount: sa"),
			Endpoint{Weight: 1, Healthy: true, Identity: "spiffe://cluster.local/ns/prod/sa/sa"}},
		{"policy DISABLE", workload("", ", security.istio.io/tlsMode: istio}") + authn("{mtls: {mode: DISABLE}}"), Endpoint{Weight: 1, Healthy: true}},
		{"policy DISABLE at another port", workload("", ", security.istio.io/tlsMode: istio}") + authn("{selector: {matchLabels: {app: web}}, portLevelMtls: {9999: {mode: DISABLE}}}"),
			Endpoint{Weight: 1, Healthy: true, MutualTLS: true}},
		{"policy DISABLE at the port", workload("", ", security.istio.io/tlsMode: istio}") + authn("{selector: {matchLabels: {app: web}}, portLevelMtls: {8080: {mode: DISABLE}}}"),
			Endpoint{Weight: 1, Healthy: true}},
		{"unhealthy", workload(", annotations: {meshctl.io/unhealthy: probe}", "}"), Endpoint{Weight: 1}},
		{"locality label", workload("", ", istio-locality: r.z.s}"), Endpoint{Weight: 1, Healthy: true, Locality: "r/z/s"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := endpointsOf(t, build(t, c.yaml), "web.prod.svc.cluster.local").Endpoints[0]
			if got.Cluster != "Kubernetes" || got.Topology("topology.istio.io/cluster") != "Kubernetes" {
				t.Errorf("it is in cluster %q", got.Cluster)
			}
			got.Address, got.Port, got.Labels, got.Workload, got.Cluster = "", 0, nil, config.Key{}, ""
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("\n got %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestSlicePods(t *testing.T) {
	s := build(t, webService+`
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: prod, labels: {app: web, version: v1}}
spec: {serviceAccountName: sa, nodeName: n1, containers: [{name: app, image: x}, {name: istio-proxy, image: y}]}
status: {podIP: 10.0.0.1}
---
apiVersion: v1
kind: Node
metadata: {name: n1, labels: {topology.kubernetes.io/region: r1, topology.kubernetes.io/zone: z1}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: prod, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8081}]
endpoints:
- {addresses: [10.0.0.1], targetRef: {kind: Pod, name: a, namespace: prod}}
`)
	set := endpointsOf(t, s, "web.prod.svc.cluster.local")
	e := set.Endpoints[0]
	if e.Labels["version"] != "v1" || !e.MutualTLS || e.Locality != "r1/z1" || e.Workload.Name != "a" {
		t.Errorf("%+v", e)
	}
	equal(t, "identities", set.Identities, []string{"spiffe://cluster.local/ns/prod/sa/sa"})
}

func TestNamesWhereAddressesAreNeeded(t *testing.T) {
	s := build(t, webService+`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: e, namespace: prod}
spec: {hosts: [api.example.com], addresses: [240.0.0.1, 10.1.0.0/16, x], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS, workloadSelector: {labels: {app: web}}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: vm, namespace: prod}
spec: {address: vm.example.net, labels: {app: web}}`)
	equal(t, "a Service needs addresses", places(endpointsOf(t, s, "web.prod.svc.cluster.local")), nil)
	equal(t, "DNS takes names", places(endpointsOf(t, s, "api.example.com")), []string{"vm.example.net:80"})
	equal(t, "addresses", s.Service("api.example.com", "prod").Addresses, []string{"240.0.0.1"})
	equal(t, "problems", messages(s), []string{
		`test.yaml:10:57: ServiceEntry/prod/e: spec.addresses[1]: a range of addresses needs resolution NONE or STATIC; it is left out (fix: write a single address, or change the resolution)`,
		`test.yaml:10:70: ServiceEntry/prod/e: spec.addresses[2]: "x" is neither an IP address nor a CIDR; it is left out (fix: write for example 240.0.0.1 or 10.1.0.0/16)`,
		`test.yaml:15:17: WorkloadEntry/prod/vm: spec.address: "vm.example.net" is a name, and Service/prod/web needs an IP address; the endpoint is left out of it (fix: write the address, or use a ServiceEntry with resolution: DNS)`,
	})
}

func TestEndpointsAreInTheClusterOfTheMesh(t *testing.T) {
	text := webService + `
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: prod, labels: {app: web}}
spec: {containers: [{name: app, image: x}]}
status: {podIP: 10.0.0.1}`
	s := Build(config.Set{}.With(config.Batch{Full: true, Upserts: decode(t, text)}), Options{ClusterID: "east"})
	e := endpointsOf(t, s, "web.prod.svc.cluster.local").Endpoints[0]
	const label = "topology.istio.io/cluster"
	if e.Topology(label) != "east" || s.Topology(sidecarIn("prod"), label) != "east" {
		t.Errorf("endpoint in %q, proxy in %q", e.Topology(label), s.Topology(sidecarIn("prod"), label))
	}
}
