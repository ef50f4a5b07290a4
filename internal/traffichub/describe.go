package traffichub

import (
	"strconv"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/registry"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/traffic"
	"github.com/meshctl/meshctl/pkg/traffic/sample"
)

// describe adds to a sample what is known of the clusters and addresses in it.
func (k *known) describe(s registry.Session, counted sample.Sample, addresses map[string]traffic.Address, nodes map[string]topology.Node) traffic.Proxy {
	p := traffic.Proxy{
		ID: s.Proxy.Name + "." + s.Proxy.Namespace, Node: k.of[s.Proxy.Namespace+"/"+s.Proxy.Name],
		Gateway: s.Proxy.Type == agentapi.ProxyType_ROUTER, Sample: counted, Clusters: map[string]traffic.Cluster{},
	}
	routes := k.routesOf(s.Proxy)
	cluster := func(name string) {
		if _, done := p.Clusters[name]; !done {
			p.Clusters[name] = k.cluster(name, s.Proxy, routes, nodes)
		}
	}
	for _, h := range counted.Hosts {
		cluster(h.Cluster)
		if a, found := k.addresses[h.Address]; found {
			addresses[h.Address] = a
		}
	}
	for _, c := range counted.Clusters {
		cluster(c.Name)
		if c.Aborted > 0 {
			known := p.Clusters[c.Name]
			known.Workload = k.onlyWorkload(c.Name, s.Proxy)
			p.Clusters[c.Name] = known
		}
	}
	return p
}

// onlyWorkload is the node of the workload that serves all of a cluster; empty when there are several, or none.
func (k *known) onlyWorkload(cluster string, client registry.Proxy) string {
	host, subset, port, ok := clusterParts(cluster)
	svc := k.byHost[host]
	if !ok || svc == nil {
		return ""
	}
	wanted := map[string]string{}
	if rule := k.snapshot.Rule(svc, client.Namespace, client.Labels); rule != nil {
		for _, s := range rule.Spec.GetSubsets() {
			if s.GetName() == subset {
				wanted = s.GetLabels()
			}
		}
	}
	only := ""
	for _, p := range svc.Ports {
		if p.Number != port {
			continue
		}
		for _, e := range k.snapshot.Endpoints(svc, p).Endpoints {
			node := k.of[e.Workload.Namespace+"/"+e.Workload.Name]
			switch {
			case !mesh.Selects(wanted, e.Labels):
			case node == "" || only != "" && node != only:
				return ""
			default:
				only = node
			}
		}
	}
	return only
}

// clusterParts reads the name of a cluster: "outbound|9080|v1|reviews.default.svc.cluster.local".
func clusterParts(name string) (host, subset string, port uint32, ok bool) {
	parts := strings.SplitN(name, "|", 4)
	if len(parts) != 4 {
		return "", "", 0, false
	}
	number, _ := strconv.ParseUint(parts[1], 10, 16)
	return parts[3], parts[2], uint32(number), true
}

// cluster explains the name of a cluster.
func (k *known) cluster(name string, client registry.Proxy, routes routes, nodes map[string]topology.Node) traffic.Cluster {
	host, subset, port, ok := clusterParts(name)
	if !ok {
		return traffic.Cluster{Protocol: topology.TCP, Plaintext: "not part of the mesh"}
	}
	c := traffic.Cluster{Host: host, Port: port, Protocol: topology.HTTP}
	svc := k.byHost[c.Host]
	if svc == nil {
		return c
	}
	n := k.service(svc)
	nodes[n.ID] = n
	c.Node = n.ID
	for _, p := range svc.Ports {
		if p.Number == c.Port {
			c.Protocol = protocol(p.Protocol)
		}
	}
	if rule := k.snapshot.Rule(svc, client.Namespace, client.Labels); rule != nil && len(rule.From) > 0 {
		tls, limited := policies(rule.Spec, subset, c.Port)
		if limited {
			c.Badges = append(c.Badges, topology.CircuitBreaker)
		}
		if mode := tls.GetMode(); tls != nil && mode != networking.ClientTLSSettings_ISTIO_MUTUAL {
			c.Plaintext = named(rule.From[0]) + " has tls mode " + mode.String()
		}
	}
	if e := routes[target{host, subset}]; e != nil {
		c.Badges, c.Split = union(c.Badges, e.badges), e.split
	}
	return c
}

func protocol(p mesh.Protocol) topology.Protocol {
	switch {
	case p == mesh.GRPC || p == mesh.GRPCWeb:
		return topology.GRPC
	case p.IsHTTP() || p == mesh.Auto:
		return topology.HTTP
	}
	return topology.TCP
}

// policies are the TLS settings for a port of a subset, and whether anything limits or ejects there.
func policies(rule *networking.DestinationRule, subset string, port uint32) (tls *networking.ClientTLSSettings, limited bool) {
	levels := []*networking.TrafficPolicy{rule.GetTrafficPolicy()}
	for _, s := range rule.GetSubsets() {
		if s.GetName() == subset {
			levels = append(levels, s.GetTrafficPolicy())
		}
	}
	for _, policy := range levels {
		if policy.GetTls() != nil {
			tls = policy.GetTls()
		}
		limited = limited || policy.GetConnectionPool() != nil || policy.GetOutlierDetection() != nil
		for _, p := range policy.GetPortLevelSettings() {
			if p.GetPort().GetNumber() != port {
				continue
			}
			if p.GetTls() != nil {
				tls = p.GetTls()
			}
			limited = limited || p.GetConnectionPool() != nil || p.GetOutlierDetection() != nil
		}
	}
	return tls, limited
}
