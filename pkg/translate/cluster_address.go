package translate

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// AddressClusterInput is everything that a cluster depends on that is no service of the mesh but an address somewhere in the
// configuration: where keys are fetched, where spans go. Envoy resolves its host.
type AddressClusterInput struct {
	Config *mesh.Config
	Proxy  mesh.ProxyType
	Mode   mesh.Mode
	Name   string
	Host   string
	Port   uint32
	TLS    *networking.ClientTLSSettings // nil: plaintext
	From   config.Key
}

// KeysClusters returns the inputs of the clusters of a workload's own that its rules fetch keys from, each name once. Servers are believed
// whose certificates are signed by authorities that the machine trusts.
func KeysClusters(base AddressClusterInput, rules []JWTRule) []AddressClusterInput {
	var out []AddressClusterInput
	seen := map[string]bool{}
	for _, r := range rules {
		at, ok := keysAddress(r.Rule.GetJwksUri())
		if !ok || r.Cluster != at.clusterName() || seen[r.Cluster] {
			continue
		}
		seen[r.Cluster] = true
		in := base
		in.Name, in.Host, in.Port, in.From = r.Cluster, at.host, at.port, r.From
		if at.tls {
			in.TLS = &networking.ClientTLSSettings{Mode: networking.ClientTLSSettings_SIMPLE}
		}
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

// CollectorClusters returns the input of the cluster for the address that the configuration of tracing names, if it names one.
func CollectorClusters(base AddressClusterInput) []AddressClusterInput {
	settings := tracingSettings(base.Config.Mesh.GetDefaultConfig())
	host, port, ok := splitAddress(collectorAddress(settings))
	if !ok {
		return nil
	}
	base.Name, base.Host, base.Port, base.From, base.TLS = collectorCluster(host, port), host, port, configObject(base.Config), settings.GetTlsSettings()
	return []AddressClusterInput{base}
}

func collectorCluster(host string, port uint32) string { return "tracing|" + HostPort(host, port) }

// AddressCluster returns the cluster of an address.
func AddressCluster(in AddressClusterInput) *clusterv3.Cluster {
	port := mesh.Port{Number: in.Port, TargetPort: in.Port, Protocol: mesh.HTTP}
	service := ClusterInput{
		Config: in.Config, Proxy: in.Proxy, Mode: in.Mode, Port: port,
		Service:   &mesh.Service{Host: in.Host, Ports: []mesh.Port{port}, Resolution: mesh.DNS, External: true, From: in.From},
		Endpoints: &mesh.EndpointSet{Endpoints: []mesh.Endpoint{{Address: in.Host, Port: in.Port, Healthy: true, Weight: 1}}},
	}
	if in.TLS != nil {
		service.Rule = &mesh.DestinationRule{From: []config.Key{in.From}, Spec: &networking.DestinationRule{
			TrafficPolicy: &networking.TrafficPolicy{Tls: in.TLS},
		}}
	}
	c, _ := Cluster(service)
	c.Name = in.Name
	return c
}
