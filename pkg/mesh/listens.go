package mesh

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// Purpose says what a local port of an Explicit proxy is for.
type Purpose uint8

const (
	// ForwardProxy is what programs use as HTTP_PROXY.
	ForwardProxy Purpose = iota
	// Inbound is where other proxies reach a port of the workload.
	Inbound
	// Outbound is where programs reach one port of one service.
	Outbound
	// GatewayPort is where clients reach a port of a gateway.
	GatewayPort
)

// Listen is one local port that a proxy wants. The agent picks a number and reports it as Proxy.Bindings[Name].
type Listen struct {
	Name     string // "http_proxy", "inbound|9080", "outbound|9080|reviews.default.svc.cluster.local", "egress|9080", "gateway|80"
	Purpose  Purpose
	Host     string // of the service, for Outbound; empty for an egress listener of the Sidecar
	Port     uint32 // of the service, the target port or the gateway server's port; 0 for http_proxy
	PortName string // of the service's port, for Outbound
	Protocol Protocol
	// Preferred is the number that users would expect; another one is as good when it is taken. 0 is no wish.
	Preferred uint32
}

// maxHTTPListens is up to how many service ports HTTP services get local ports of their own. Programs reach those through
// the forward proxy; a port each is for programs that know no proxy, and sockets are not free.
const maxHTTPListens = 200

// Listens lists the local ports that an Explicit sidecar or gateway wants, in a fixed order; none for other proxies.
func (s *Snapshot) Listens(p Proxy) []Listen {
	if p.Mode != Explicit {
		return nil
	}
	scope := s.Scope(s.ScopeKey(p), p)
	switch p.Type {
	case Router:
		return scope.gatewayListens(s.Workload(p))
	case Sidecar:
		out := []Listen{{Name: "http_proxy", Purpose: ForwardProxy, Protocol: HTTP, Preferred: uint32(s.config.Mesh.ProxyHttpPort)}}
		out = append(out, s.inboundListens(p)...)
		out = append(out, scope.egressListens()...)
		return append(out, scope.outboundListens()...)
	}
	return nil
}

func (s *Snapshot) inboundListens(p Proxy) []Listen {
	protocols := map[uint32]Protocol{}
	w := s.Workload(p)
	if !w.Fixed {
		for target := range p.AppPorts {
			protocols[target] = Auto
		}
	}
	for _, port := range w.Ports {
		protocols[port.Target] = port.Protocol
	}
	var out []Listen
	for _, target := range slices.Sorted(maps.Keys(protocols)) {
		out = append(out, Listen{Name: fmt.Sprintf("inbound|%d", target), Purpose: Inbound, Port: target, Protocol: protocols[target]})
	}
	return out
}

// outboundListens: one for each service port that is not plain HTTP, and for those too while the scope is small.
func (s *Scope) outboundListens() []Listen {
	total := 0
	for _, svc := range s.Services {
		total += len(svc.Ports)
	}
	var out []Listen
	for _, svc := range s.Services {
		if isWildcard(svc.Host) {
			continue // no single place to connect to
		}
		for _, p := range svc.Ports {
			if p.Protocol == UDP || p.Protocol.IsHTTP() && p.Protocol != GRPC && p.Protocol != HTTP2 && total > maxHTTPListens {
				continue
			}
			out = append(out, Listen{
				Name: fmt.Sprintf("outbound|%d|%s", p.Number, svc.Host), Purpose: Outbound, Host: svc.Host, Port: p.Number, PortName: p.Name, Protocol: p.Protocol,
			})
		}
	}
	return out
}

// egressListens: one for each egress listener of the Sidecar, where the agent chooses the port.
func (s *Scope) egressListens() []Listen {
	var out []Listen
	for _, e := range s.Egress {
		if e.Unix() || slices.ContainsFunc(out, func(l Listen) bool { return l.Name == e.Binding() }) {
			continue
		}
		out = append(out, Listen{Name: e.Binding(), Purpose: Outbound, Port: e.Port, Protocol: e.Protocol, Preferred: e.Port})
	}
	return out
}

// gatewayListens: one for each port of the gateway's pods that a server names, by itself or by the port of the gateway's Service (80
// in front of 8080): both mean the same listener.
func (s *Scope) gatewayListens(w *Workload) []Listen {
	targets := map[uint32]uint32{}
	for _, p := range w.Ports {
		targets[p.Port.Number] = p.Target
	}
	var out []Listen
	for _, server := range s.Servers {
		number := server.Server.GetPort().GetNumber()
		if number == 0 { // a Unix socket
			continue
		}
		if target := targets[number]; target != 0 {
			number = target
		}
		if slices.ContainsFunc(out, func(l Listen) bool { return l.Port == number }) {
			continue
		}
		out = append(out, Listen{
			Name: fmt.Sprintf("gateway|%d", number), Purpose: GatewayPort, Port: number, Preferred: number,
			Protocol: entryProtocol(server.Server.GetPort().GetProtocol(), server.Server.GetPort().GetName()),
		})
	}
	slices.SortFunc(out, func(a, b Listen) int { return cmp.Compare(a.Port, b.Port) })
	return out
}
