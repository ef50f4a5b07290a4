package random

import (
	"encoding/json"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	extensions "istio.io/api/extensions/v1alpha1"
	meshconfig "istio.io/api/mesh/v1alpha1"
	networking "istio.io/api/networking/v1alpha3"
	networkingbeta "istio.io/api/networking/v1beta1"
	security "istio.io/api/security/v1beta1"
	telemetry "istio.io/api/telemetry/v1alpha1"
)

// kinds are those whose specs are messages of Istio's API, with how many of a hundred objects are of the kind.
var kinds = []struct {
	share            int
	apiVersion, kind string
	spec             proto.Message
}{
	{20, "networking.istio.io/v1", "VirtualService", &networking.VirtualService{}},
	{15, "networking.istio.io/v1", "DestinationRule", &networking.DestinationRule{}},
	{8, "networking.istio.io/v1", "Gateway", &networking.Gateway{}},
	{10, "networking.istio.io/v1", "ServiceEntry", &networking.ServiceEntry{}},
	{3, "networking.istio.io/v1", "Sidecar", &networking.Sidecar{}},
	{4, "networking.istio.io/v1", "WorkloadEntry", &networking.WorkloadEntry{}},
	{2, "networking.istio.io/v1", "WorkloadGroup", &networking.WorkloadGroup{}},
	{3, "networking.istio.io/v1alpha3", "EnvoyFilter", &networking.EnvoyFilter{}},
	{1, "networking.istio.io/v1beta1", "ProxyConfig", &networkingbeta.ProxyConfig{}},
	{5, "security.istio.io/v1", "PeerAuthentication", &security.PeerAuthentication{}},
	{8, "security.istio.io/v1", "AuthorizationPolicy", &security.AuthorizationPolicy{}},
	{5, "security.istio.io/v1", "RequestAuthentication", &security.RequestAuthentication{}},
	{4, "telemetry.istio.io/v1", "Telemetry", &telemetry.Telemetry{}},
	{2, "extensions.istio.io/v1alpha1", "WasmPlugin", &extensions.WasmPlugin{}},
	{1, "extensions.istio.io/v1alpha1", "TrafficExtension", &extensions.TrafficExtension{}},
}

// Batch makes a mesh-wide configuration and n objects, one JSON document a line.
func (g *Generator) Batch(n int) string {
	lines := []string{g.mesh()}
	for i := range n {
		lines = append(lines, g.object(i))
	}
	return strings.Join(lines, "\n---\n") + "\n"
}

func (g *Generator) mesh() string {
	config := g.message((&meshconfig.MeshConfig{}).ProtoReflect().Descriptor())
	return line(object{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": "istio", "namespace": "istio-system"},
		"data": object{"mesh": line(config)},
	})
}

func (g *Generator) object(i int) string {
	pick := g.rand.IntN(100)
	for _, k := range kinds {
		if pick -= k.share; pick < 0 {
			metadata := object{"name": fmt.Sprintf("%s-%d", strings.ToLower(k.kind), i), "namespace": g.pick(namespaces...)}
			if k.kind == "Gateway" {
				metadata = object{"name": fmt.Sprintf("gw-%d", i), "namespace": "istio-system"}
			}
			return line(object{"apiVersion": k.apiVersion, "kind": k.kind, "metadata": metadata, "spec": g.message(k.spec.ProtoReflect().Descriptor())})
		}
	}
	return g.service(i)
}

// service makes a Service of Kubernetes, whose workloads may be those of the test.
func (g *Generator) service(i int) string {
	spec := object{"clusterIP": fmt.Sprintf("10.98.%d.%d", g.rand.IntN(250), 1+g.rand.IntN(250))}
	if g.chance(20) {
		spec["clusterIP"] = "None"
	}
	if g.chance(80) {
		spec["selector"] = object{"app": g.pick("web", "client", "nobody")}
	}
	var ports []any
	for j, n := range g.rand.Perm(3)[:1+g.rand.IntN(3)] {
		port := object{"name": fmt.Sprintf("%s-%d", g.pick("http", "tcp", "grpc", "https", "tls", "x", "mysql"), j), "port": []int{80, 7000, 9000 + i}[n]}
		if g.chance(50) {
			port["targetPort"] = []any{8080, 7000, 9000}[g.rand.IntN(3)]
		}
		if g.chance(20) {
			port["appProtocol"] = g.pick("http", "tcp", "kubernetes.io/h2c", "grpc", "nonsense")
		}
		ports = append(ports, port)
	}
	spec["ports"] = ports
	return line(object{"apiVersion": "v1", "kind": "Service", "metadata": object{"name": fmt.Sprintf("s%d", i), "namespace": g.pick(namespaces...)}, "spec": spec})
}

// host is a name in DNS that few others have.
func (g *Generator) host() string { return fmt.Sprintf("s%d.random.test", g.rand.IntN(20)) }

func line(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // values of the generator are JSON's
	}
	return string(text)
}
