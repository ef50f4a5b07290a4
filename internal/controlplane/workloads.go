package controlplane

import (
	"cmp"
	"slices"

	meshconfig "istio.io/api/mesh/v1alpha1"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/registry"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// workloadGroup is the registry's view of the configuration: the group of that name, nil when there is none.
func (c *ControlPlane) workloadGroup(namespace, name string) *networking.WorkloadGroup {
	o := c.snapshot.Load().Set().Get(config.Key{Kind: config.WorkloadGroup, Namespace: namespace, Name: name})
	if o == nil {
		return nil
	}
	group, _ := o.Spec.(*networking.WorkloadGroup)
	return group
}

// WorkloadGroup implements adminapi.Backend.
func (c *ControlPlane) WorkloadGroup(namespace, name string) (adminapi.WorkloadGroup, error) {
	group := c.workloadGroup(namespace, name)
	if group == nil {
		return adminapi.WorkloadGroup{}, adminapi.ErrUnknownGroup
	}
	return adminapi.WorkloadGroup{Namespace: namespace, Name: name, ServiceAccount: cmp.Or(group.GetTemplate().GetServiceAccount(), "default")}, nil
}

// portNames are the names under which services know a target port of a workload: keys of its WorkloadEntry's ports.
func (c *ControlPlane) portNames(p registry.Proxy, target uint32) []string {
	var out []string
	for _, port := range c.snapshot.Load().Workload(meshProxy(p)).Ports {
		if port.Target == target && port.Port.Name != "" && !slices.Contains(out, port.Port.Name) {
			out = append(out, port.Port.Name)
		}
	}
	return out
}

// wanted are the local ports that a proxy should listen on.
func (c *ControlPlane) wanted(p registry.Proxy) []*agentapi.Listen {
	listens := c.snapshot.Load().Listens(meshProxy(p))
	out := make([]*agentapi.Listen, len(listens))
	for i, l := range listens {
		out[i] = &agentapi.Listen{
			Name: l.Name, Purpose: purposes[l.Purpose], Host: l.Host, Port: l.Port, Protocol: l.Protocol.String(), Preferred: l.Preferred, PortName: l.PortName,
		}
	}
	return out
}

// proxyConfig is what a registered workload's proxy is started with.
func (c *ControlPlane) proxyConfig(p registry.Proxy) (*meshconfig.ProxyConfig, []config.Problem) {
	return c.snapshot.Load().ProxyConfig(meshProxy(p), p.Annotations[config.ProxyConfigAnnotation])
}

var purposes = map[mesh.Purpose]agentapi.Listen_Purpose{
	mesh.Inbound: agentapi.Listen_INBOUND, mesh.ForwardProxy: agentapi.Listen_HTTP_PROXY,
	mesh.Outbound: agentapi.Listen_SERVICE, mesh.GatewayPort: agentapi.Listen_GATEWAY,
}

// meshProxy is a registered workload as the mesh knows proxies.
func meshProxy(p registry.Proxy) mesh.Proxy {
	out := mesh.Proxy{
		ID: p.NodeID, Mode: mesh.Explicit, Name: p.Name, Namespace: p.Namespace, ServiceAccount: p.ServiceAccount, Labels: p.Labels,
		Addresses: []string{p.Address}, Locality: p.Locality, Network: p.Network, AppPorts: p.Ports, Trusted: true,
	}
	if p.Redirected {
		out.Mode = mesh.Redirected
	}
	if p.Type == agentapi.ProxyType_ROUTER {
		out.Type = mesh.Router
	}
	return out
}
