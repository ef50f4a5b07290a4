package translate

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// KeysClusterInput is everything that a cluster depends on at which Envoy fetches the keys of a RequestAuthentication, where no service
// of the mesh has them.
type KeysClusterInput struct {
	Config *mesh.Config
	Proxy  mesh.ProxyType
	Mode   mesh.Mode
	// URI is the rule's jwksUri.
	URI string
	// From is the RequestAuthentication.
	From config.Key
}

// KeysClusters returns the inputs of the clusters of a workload's own that its rules need, each name once.
func KeysClusters(base KeysClusterInput, rules []JWTRule) []KeysClusterInput {
	var out []KeysClusterInput
	seen := map[string]bool{}
	for _, r := range rules {
		at, ok := keysAddress(r.Rule.GetJwksUri())
		if !ok || r.Cluster != at.clusterName() || seen[r.Cluster] {
			continue
		}
		seen[r.Cluster] = true
		in := base
		in.URI, in.From = r.Rule.GetJwksUri(), r.From
		out = append(out, in)
	}
	return out
}

// clusterName differs from those of services: such a cluster is nobody's but the filter's.
func (e keysEndpoint) clusterName() string {
	scheme := "http"
	if e.tls {
		scheme = "https"
	}
	return "jwks|" + scheme + "|" + HostPort(e.host, e.port)
}

// KeysCluster resolves the host of the URI and speaks TLS to it where the URI is https, believing the authorities that the machine
// trusts.
func KeysCluster(in KeysClusterInput) *clusterv3.Cluster {
	at, _ := keysAddress(in.URI)
	port := mesh.Port{Number: at.port, TargetPort: at.port, Protocol: mesh.HTTP}
	service := ClusterInput{
		Config: in.Config, Proxy: in.Proxy, Mode: in.Mode, Port: port,
		Service:   &mesh.Service{Host: at.host, Ports: []mesh.Port{port}, Resolution: mesh.DNS, External: true, From: in.From},
		Endpoints: &mesh.EndpointSet{Endpoints: []mesh.Endpoint{{Address: at.host, Port: at.port, Healthy: true, Weight: 1}}},
	}
	if at.tls {
		service.Rule = &mesh.DestinationRule{From: []config.Key{in.From}, Spec: &networking.DestinationRule{TrafficPolicy: &networking.TrafficPolicy{
			Tls: &networking.ClientTLSSettings{Mode: networking.ClientTLSSettings_SIMPLE},
		}}}
	}
	c, _ := Cluster(service)
	c.Name = at.clusterName()
	return c
}
