package registry

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/internal/agentapi"
)

// LabelTLSMode on a WorkloadEntry says that its sidecar takes Istio's mutual TLS; Istio's injector sets the same.
const LabelTLSMode = "security.istio.io/tlsMode"

// inboundPrefix and gatewayPrefix begin the names of a Listen for others, before the decimal target port.
const (
	inboundPrefix = "inbound|"
	gatewayPrefix = "gateway|"
)

// Proxy is what an agent registered, with what it left out filled in from its WorkloadGroup. It is a value: its maps
// must not be changed.
type Proxy struct {
	NodeID         string
	Type           agentapi.ProxyType
	Namespace      string
	Name           string
	ServiceAccount string
	// Labels include LabelTLSMode for a sidecar.
	Labels map[string]string
	// Annotations are those that the group gives to its entries.
	Annotations map[string]string
	// Group is the name of the WorkloadGroup in the same namespace, empty when there is none.
	Group string
	// Address is where other proxies reach the inbound listeners.
	Address string
	// Ports maps each target port to the port on loopback where the program listens.
	Ports map[uint32]uint32
	// PortNames are the group's names of target ports.
	PortNames map[string]uint32
	Network   string
	Locality  string // "region/zone/subzone", trailing parts optional
	Weight    uint32 // 0: unset
	// Redirected proxies get their traffic from the kernel: they need no local ports.
	Redirected bool
}

// describe joins what the agent said with the group's template. What the agent said wins; labels and annotations of
// the template win over those of the group's metadata, as in Istio.
func describe(in *agentapi.Register, group *networking.WorkloadGroup) Proxy {
	template := group.GetTemplate()
	p := Proxy{
		NodeID: in.GetNodeId(), Type: in.GetType(), Namespace: in.GetNamespace(), Name: in.GetName(), Group: in.GetGroup(),
		ServiceAccount: cmp.Or(in.GetServiceAccount(), template.GetServiceAccount()),
		Labels:         overlay(group.GetMetadata().GetLabels(), template.GetLabels(), in.GetLabels()),
		Annotations:    maps.Clone(group.GetMetadata().GetAnnotations()),
		Address:        cmp.Or(in.GetAddress(), template.GetAddress()),
		Ports:          in.GetPorts(),
		PortNames:      template.GetPorts(),
		Network:        cmp.Or(in.GetNetwork(), template.GetNetwork()),
		Locality:       cmp.Or(in.GetLocality(), template.GetLocality()),
		Weight:         cmp.Or(in.GetWeight(), template.GetWeight()),
		Redirected:     in.GetRedirected(),
	}
	if len(p.Ports) == 0 && len(p.PortNames) > 0 {
		p.Ports = map[uint32]uint32{}
		for _, port := range p.PortNames {
			p.Ports[port] = port
		}
	}
	if p.Type == agentapi.ProxyType_SIDECAR && p.Labels[LabelTLSMode] == "" {
		p.Labels[LabelTLSMode] = "istio"
	}
	return p
}

// overlay joins maps into a new one; later ones win.
func overlay(layers ...map[string]string) map[string]string {
	out := map[string]string{}
	for _, layer := range layers {
		maps.Copy(out, layer)
	}
	return out
}

// inboundOnly wants a port of our choice for every port of the program.
func inboundOnly(p Proxy) []*agentapi.Listen {
	var out []*agentapi.Listen
	if p.Type != agentapi.ProxyType_SIDECAR || p.Redirected {
		return nil
	}
	for _, port := range slices.Sorted(maps.Keys(p.Ports)) {
		out = append(out, &agentapi.Listen{
			Name: inboundPrefix + strconv.FormatUint(uint64(port), 10), Purpose: agentapi.Listen_INBOUND, Port: port,
		})
	}
	return out
}

// servedPort returns the target port in the name of a Listen that others connect to.
func servedPort(listen string) (uint32, bool) {
	digits, ok := strings.CutPrefix(listen, inboundPrefix)
	if !ok {
		digits, ok = strings.CutPrefix(listen, gatewayPrefix)
	}
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	return uint32(n), err == nil && n > 0
}
