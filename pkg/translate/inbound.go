package translate

import (
	"cmp"
	"slices"
	"sync"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/meshctl/meshctl/pkg/mesh"
)

const inboundPort = 15006

// InboundInput is what the inbound listeners of one sidecar depend on. Make it with NewInbound.
type InboundInput struct {
	Config *mesh.Config
	Mode   mesh.Mode
	// Ports of the workload, each target once.
	Ports     []mesh.WorkloadPort
	PeerAuthn mesh.PeerAuthn
	Policies  Policies
	// Address that an explicit proxy listens on, and its local ports by binding name.
	Address  string
	Bindings map[string]uint32
}

// NewInbound returns the input for a sidecar. Ports that the proxy reports and no service names are served as well: their
// protocol is detected.
func NewInbound(config *mesh.Config, w *mesh.Workload, policies Policies, p mesh.Proxy) InboundInput {
	in := InboundInput{Config: config, Mode: p.Mode, Ports: WorkloadPorts(w, p), PeerAuthn: w.PeerAuthn, Policies: policies}
	own := ""
	if len(p.Addresses) > 0 && addressable(p.Addresses[0], false) {
		own = p.Addresses[0]
	}
	if p.Mode != mesh.Explicit {
		if slices.ContainsFunc(in.Ports, ownPort) {
			in.Address = own
		}
		return in
	}
	in.Address = cmp.Or(own, loopback)
	for _, port := range in.Ports {
		name := InboundBinding(port.Target)
		if local := p.Bindings[name]; local != 0 {
			if in.Bindings == nil {
				in.Bindings = map[string]uint32{}
			}
			in.Bindings[name] = local
		}
	}
	return in
}

// WorkloadPorts lists the inbound ports of a sidecar by number: those of its services and those that an explicit proxy maps.
func WorkloadPorts(w *mesh.Workload, p mesh.Proxy) []mesh.WorkloadPort {
	out := slices.Clone(w.Ports)
	if p.Mode == mesh.Explicit && !w.Fixed {
		for target := range p.AppPorts {
			if !slices.ContainsFunc(out, func(p mesh.WorkloadPort) bool { return p.Target == target }) {
				out = append(out, mesh.WorkloadPort{Target: target, Port: mesh.Port{Number: target}})
			}
		}
	}
	out = slices.DeleteFunc(out, func(p mesh.WorkloadPort) bool { return !validPort(p.Target) })
	slices.SortStableFunc(out, func(a, b mesh.WorkloadPort) int { return cmp.Compare(a.Target, b.Target) })
	return slices.CompactFunc(out, func(a, b mesh.WorkloadPort) bool { return a.Target == b.Target })
}

// Inbound returns the listeners through which a sidecar's program is reached: virtualInbound with chains for every port, or one
// listener for each port that has a local port.
func Inbound(in InboundInput) []*listenerv3.Listener {
	if in.Mode == mesh.Redirected {
		return append([]*listenerv3.Listener{virtualInbound(in)}, in.ownPorts()...)
	}
	var out []*listenerv3.Listener
	for _, p := range in.Ports {
		name := InboundBinding(p.Target)
		if in.Bindings[name] == 0 {
			continue
		}
		out = append(out, in.portListener(name, socketAddress(in.Address, in.Bindings[name]), p))
	}
	return out
}

// virtualInbound takes every connection that was redirected on its way in.
func virtualInbound(in InboundInput) *listenerv3.Listener {
	l := &listenerv3.Listener{
		Name: VirtualInbound, Address: socketAddress(anyAddress, inboundPort), TrafficDirection: corev3.TrafficDirection_INBOUND,
		Metadata: origin(in.PeerAuthn.From...),
		// A connection to the proxy's own port would come back for ever.
		FilterChains: []*listenerv3.FilterChain{{
			Name: "virtualInbound-blackhole", FilterChainMatch: &listenerv3.FilterChainMatch{DestinationPort: wrapperspb.UInt32(inboundPort)},
			Filters: []*listenerv3.Filter{in.traffic(inboundPort).tcpProxy(toCluster(BlackHoleCluster))},
		}},
	}
	var tls, noTLS, http, noHTTP []uint32
	for _, p := range in.Ports {
		if p.Target == inboundPort || ownPort(p) { // no program can have the former
			continue
		}
		for _, chain := range in.chains(p) {
			if chain.FilterChainMatch == nil {
				chain.FilterChainMatch = &listenerv3.FilterChainMatch{}
			}
			chain.FilterChainMatch.DestinationPort = wrapperspb.UInt32(p.Target)
			l.FilterChains = append(l.FilterChains, chain)
		}
		if in.PeerAuthn.ModeOf(p.Target) == mesh.Disabled && !endsTLS(p) {
			noTLS = append(noTLS, p.Target)
		} else {
			tls = append(tls, p.Target)
		}
		if p.Protocol == mesh.Auto {
			http = append(http, p.Target)
		} else {
			noHTTP = append(noHTTP, p.Target)
		}
	}
	others := in.others()
	l.FilterChains = append(l.FilterChains, in.chains(others)...)
	// Servers that speak first would wait for an inspector that waits for the client, so each looks only where it must.
	l.ListenerFilters = []*listenerv3.ListenerFilter{originalDestination()}
	inspect := func(f *listenerv3.ListenerFilter, others bool, on, off []uint32) {
		if f.FilterDisabled = onPorts(off); !others {
			f.FilterDisabled = exceptOnPorts(on)
		}
		if others || len(on) > 0 {
			l.ListenerFilters = append(l.ListenerFilters, f)
		}
	}
	inspect(tlsInspection(), in.PeerAuthn.Mode != mesh.Disabled, tls, noTLS)
	inspect(httpInspection(), others.Protocol == mesh.Auto && in.PeerAuthn.Mode != mesh.Strict, http, noHTTP)
	detectionTimeout(l, in.Config)
	listenerConnections(l, in.Config)
	return l
}

// others stand for all ports that no service names. Their protocol is detected, except where neither mutual TLS nor a policy asks what
// they are: there servers that speak first need not wait.
func (in InboundInput) others() mesh.WorkloadPort {
	if in.PeerAuthn.Mode == mesh.Disabled && len(in.Policies.Authz)+len(in.Policies.JWT) == 0 {
		return mesh.WorkloadPort{Protocol: mesh.TCP}
	}
	return mesh.WorkloadPort{Protocol: mesh.Auto}
}

// portFilters are what the chains of one port share, each made when it is first wanted: policies can make them long.
type portFilters struct {
	http, tcp func() []*listenerv3.Filter
	meshHTTP  func() []*listenerv3.Filter // http behind mutual TLS
}

func (in InboundInput) filters(p mesh.WorkloadPort) portFilters {
	return portFilters{
		http:     sync.OnceValue(func() []*listenerv3.Filter { return in.manager(p, false) }),
		meshHTTP: sync.OnceValue(func() []*listenerv3.Filter { return in.manager(p, true) }),
		tcp:      sync.OnceValue(func() []*listenerv3.Filter { return in.tcp(p) }),
	}
}

// chains are the ways into one port by the effective mutual TLS mode and the protocol.
func (in InboundInput) chains(p mesh.WorkloadPort) []*listenerv3.FilterChain {
	mode, f := in.PeerAuthn.ModeOf(p.Target), in.filters(p)
	var out []*listenerv3.FilterChain
	if mode != mesh.Disabled {
		out = in.secureChains(p, f, mode == mesh.Strict)
	}
	if mode == mesh.Strict {
		return out
	}
	if endsTLS(p) {
		if out = append(out, in.outsideChain(p, f)); mode == mesh.Disabled {
			return out
		}
	}
	plain := func(name string, match *listenerv3.FilterChainMatch, filters ...*listenerv3.Filter) {
		out = append(out, &listenerv3.FilterChain{Name: chainName(p) + name, FilterChainMatch: match, Filters: filters})
	}
	switch {
	case p.Protocol == mesh.Auto:
		plain("|http", &listenerv3.FilterChainMatch{TransportProtocol: "raw_buffer", ApplicationProtocols: []string{"http/1.1", "h2c"}}, f.http()...)
		plain("", &listenerv3.FilterChainMatch{TransportProtocol: "raw_buffer"}, f.tcp()...)
	case p.Protocol.IsHTTP():
		plain("", nil, f.http()...)
	default:
		plain("", nil, f.tcp()...)
	}
	// Envoy does not fall back to a chain for any transport once there is one for TLS, whatever protocols that is for.
	if mode == mesh.Permissive && !p.Protocol.IsHTTP() {
		plain("|tls", &listenerv3.FilterChainMatch{TransportProtocol: "tls"}, f.tcp()...)
	}
	return out
}

// secureChains terminate the mesh's mutual TLS. Where plaintext is allowed as well they take only what announces itself as the mesh's: an
// application's own TLS goes through to it. Where the protocol is to be detected, the client's proxy has done so.
func (in InboundInput) secureChains(p mesh.WorkloadPort, f portFilters, strict bool) []*listenerv3.FilterChain {
	chain := func(name string, announced, protocols []string, filters []*listenerv3.Filter) *listenerv3.FilterChain {
		return &listenerv3.FilterChain{
			Name:             chainName(p) + name,
			FilterChainMatch: &listenerv3.FilterChainMatch{TransportProtocol: "tls", ApplicationProtocols: announced},
			TransportSocket:  serverSocket(meshServerTLS(in.Config, protocols)), Filters: filters,
		}
	}
	var out []*listenerv3.FilterChain
	http, announced := []string{"h2", "http/1.1"}, meshTCP[:]
	if p.Protocol == mesh.Auto {
		out = append(out, chain("|mtls|http", meshHTTP[:], http, f.meshHTTP()))
	} else {
		announced = slices.Concat(meshTCP[:], meshHTTP[:])
	}
	if strict {
		announced = nil
	}
	if p.Protocol.IsHTTP() {
		return append(out, chain("|mtls", announced, http, f.meshHTTP()))
	}
	return append(out, chain("|mtls", announced, nil, f.tcp()))
}

// chainName begins the names of the chains of a port.
func chainName(p mesh.WorkloadPort) string {
	if p.Target == 0 {
		return VirtualInbound
	}
	return InboundBinding(p.Target)
}

// programCluster is the cluster of a port, or for ports that no service names the one that leads where a connection was going.
func programCluster(p mesh.WorkloadPort) string {
	if p.Target == 0 {
		return InboundPassthroughCluster
	}
	return InboundClusterName(p.Target)
}

func (in InboundInput) traffic(port uint32) traffic {
	return traffic{config: in.Config, policies: in.Policies, class: inbound, port: port}
}

// tcp leads connections that are no HTTP to the program.
func (in InboundInput) tcp(p mesh.WorkloadPort) []*listenerv3.Filter {
	return in.traffic(p.Target).tcpFilters(toCluster(programCluster(p)))
}

// manager serves HTTP on one port: every request goes to the program, with no timeout.
func (in InboundInput) manager(p mesh.WorkloadPort, mutual bool) []*listenerv3.Filter {
	name := programCluster(p)
	operation := name + "/*"
	if p.Service != nil {
		operation = HostPort(p.Service.Host, p.Port.Number) + "/*"
	}
	return httpManager{
		traffic: in.traffic(p.Target), statPrefix: "inbound_0.0.0.0_" + number(p.Target), peers: true, mutual: mutual,
		forwardTLS: hcmv3.HttpConnectionManager_APPEND_FORWARD, grpcWeb: p.Protocol == mesh.GRPCWeb,
		inline: &routev3.RouteConfiguration{
			Name: name, ValidateClusters: wrapperspb.Bool(false), RequestHeadersToRemove: []string{peerHeader},
			VirtualHosts: []*routev3.VirtualHost{{
				Name: "inbound|http|" + number(p.Port.Number), Domains: []string{"*"},
				Routes: []*routev3.Route{{
					Name: "default", Match: anyRequest(), Decorator: &routev3.Decorator{Operation: operation},
					Action: &routev3.Route_Route{Route: &routev3.RouteAction{
						ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: name}, Timeout: durationpb.New(0),
					}},
				}},
			}},
		},
	}.chain()
}

func toCluster(name string) Chain {
	return Chain{Clusters: []WeightedCluster{{Name: name, Weight: 100}}, StatPrefix: name}
}
