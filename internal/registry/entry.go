package registry

import (
	"maps"
	"strconv"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/pkg/config"
)

const (
	// AnnotationUnhealthy with value "true" on a WorkloadEntry keeps it out of load balancing: the program's readiness
	// probe fails. It stands for the status condition Healthy=False of Istio's autoregistered entries, since the
	// objects of the mesh carry no status.
	AnnotationUnhealthy = "meshctl.io/unhealthy"
	// AnnotationBoundPorts with value "true" on a WorkloadEntry says that nothing but the ports in its Ports can be
	// reached: the proxy has one local port for each, and the numbers of services mean nothing there.
	AnnotationBoundPorts = "meshctl.io/bound-ports"
	// AnnotationGroup names the WorkloadGroup of an entry, as Istio's autoregistration does.
	AnnotationGroup = "istio.io/autoRegistrationGroup"
)

// standing is what a WorkloadEntry is made from.
type standing struct {
	proxy    Proxy
	bindings map[string]uint32
	bound    bool // every inbound port that was asked for had a binding once
	healthy  bool
}

// entry returns the WorkloadEntry of a workload, nil while it has none. A gateway with an address has one too: services in front of it, which
// traffic through an egress gateway needs, select it.
func entry(s standing, portNames func(Proxy, uint32) []string) *config.Object {
	p := s.proxy
	router := p.Type == agentapi.ProxyType_ROUTER
	if !s.bound || router && p.Address == "" {
		return nil
	}
	annotations := overlay(p.Annotations)
	if p.Group != "" {
		annotations[AnnotationGroup] = p.Group
	}
	if !s.healthy {
		annotations[AnnotationUnhealthy] = "true"
	}
	if len(s.bindings) > 0 || router && !p.Redirected {
		annotations[AnnotationBoundPorts] = "true"
	}
	labels := p.Labels
	if router { // its servers say themselves what they speak
		labels = overlay(labels, map[string]string{LabelTLSMode: "disabled"})
	}
	spec := &networking.WorkloadEntry{
		Address: p.Address, Ports: entryPorts(s, portNames), Labels: labels, Network: p.Network, Locality: p.Locality,
		Weight: p.Weight, ServiceAccount: p.ServiceAccount,
	}
	return config.New(config.Object{
		Key:        config.Key{Kind: config.WorkloadEntry, Namespace: p.Namespace, Name: p.Name},
		APIVersion: "networking.istio.io/v1",
		Meta:       config.Meta{Labels: maps.Clone(labels), Annotations: annotations},
		Spec:       spec,
	})
}

// entryPorts maps the decimal number and every name of each target port to the port where the proxy takes it. A proxy
// that binds no ports of its own is reached at the target ports themselves: then only the group's names are listed.
func entryPorts(s standing, portNames func(Proxy, uint32) []string) map[string]uint32 {
	if len(s.bindings) == 0 {
		return maps.Clone(s.proxy.PortNames)
	}
	out, numbers := map[string]uint32{}, map[string]uint32{}
	for listen, port := range s.bindings {
		target, ok := servedPort(listen)
		if !ok {
			continue
		}
		numbers[strconv.FormatUint(uint64(target), 10)] = port
		for _, name := range portNames(s.proxy, target) {
			out[name] = port
		}
		for name, named := range s.proxy.PortNames {
			if named == target {
				out[name] = port
			}
		}
	}
	maps.Copy(out, numbers) // a number that somebody uses as a name does not hide it
	return out
}
