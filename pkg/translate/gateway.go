package translate

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// GatewayInput is what the listeners and routes of a gateway's proxies depend on.
type GatewayInput struct {
	Config *mesh.Config
	// Mode Explicit: listeners have the local ports that Bindings names, and exist only with one.
	Mode     mesh.Mode
	Bindings map[string]uint32
	// Ports maps the ports of the gateway's Service to those of its pods; a port that is not among them is meant as it is.
	Ports map[uint32]uint32
	// Servers in the order in which they are merged.
	Servers []*mesh.GatewayServer
	// Lookup returns the service that a host is in the scope, nil when there is none.
	Lookup   func(host string) *mesh.ScopedService
	Policies Policies
}

// ServicePorts maps the ports of the services in front of a gateway to those of its pods, for GatewayInput.
func ServicePorts(w *mesh.Workload) map[uint32]uint32 {
	out := map[uint32]uint32{}
	for _, p := range w.Ports {
		if _, ok := out[p.Port.Number]; !ok {
			out[p.Port.Number] = p.Target
		}
	}
	return out
}

// kind of a gateway's port: what its first server speaks. Servers of another kind on the port are left out.
type serverKind uint8

const (
	plainHTTP serverKind = iota
	overTLS
	plainTCP
)

// gatewayPort is the servers of one port.
type gatewayPort struct {
	target  uint32
	kind    serverKind
	servers []*mesh.GatewayServer
}

// protocolOf normalises the protocol of a server's port.
func protocolOf(s *mesh.GatewayServer) string {
	return strings.ToUpper(s.Server.GetPort().GetProtocol())
}

func kindOf(s *mesh.GatewayServer) (serverKind, bool) {
	switch protocolOf(s) {
	case "HTTP", "HTTP2", "GRPC", "GRPC-WEB", "":
		return plainHTTP, true
	case "HTTPS", "TLS":
		return overTLS, s.Server.GetTls() != nil
	case "TCP", "MONGO", "MYSQL", "REDIS":
		if s.Server.GetTls() != nil && s.Server.GetTls().GetMode() != networking.ServerTLSSettings_PASSTHROUGH {
			return overTLS, true
		}
		return plainTCP, true
	}
	return 0, false
}

// gatewayPorts groups servers by the port that they are served at, sorted by port.
func gatewayPorts(in GatewayInput, notes *problems) []*gatewayPort {
	var out []*gatewayPort
	for _, s := range in.Servers {
		notes.object = s.Gateway
		path := field("spec.servers", s.Index)
		n := s.Server.GetPort().GetNumber()
		if !validPort(n) {
			notes.fail(path+".port.number", "a port is a number from 1 to 65535", "")
			continue
		}
		kind, ok := kindOf(s)
		if !ok {
			notes.fail(path+".port.protocol", "a server of protocol "+strconv.Quote(s.Server.GetPort().GetProtocol())+" needs tls settings, or is none that a gateway serves",
				"use HTTP, HTTPS, GRPC, HTTP2, TLS or TCP; HTTPS and TLS with tls.mode")
			continue
		}
		target := n
		if t := in.Ports[n]; validPort(t) {
			target = t
		}
		i := slices.IndexFunc(out, func(p *gatewayPort) bool { return p.target == target })
		if i < 0 {
			out = append(out, &gatewayPort{target: target, kind: kind})
			i = len(out) - 1
		}
		if out[i].kind != kind {
			notes.fail(path+".port", "port "+number(n)+" is already served with another protocol by "+out[i].servers[0].Gateway.String(), "use another port")
			continue
		}
		out[i].servers = append(out[i].servers, s)
	}
	slices.SortFunc(out, func(a, b *gatewayPort) int { return cmp.Compare(a.target, b.target) })
	return out
}

// GatewayListenerInput is everything that one listener of a gateway depends on. Make it with GatewayListeners.
type GatewayListenerInput struct {
	Config  *mesh.Config
	Name    string
	Address string
	Port    uint32
	// Target is the workload's port that it serves: Port, where no local port stands for it.
	Target   uint32
	Policies Policies
	// Route of plaintext HTTP requests; empty on ports that are none.
	Route string
	// Secure are the chains of TLS servers, told apart by SNI.
	Secure []SecureChain
	// Plain are TCP chains.
	Plain []Chain
	From  []config.Key
}

// SecureChain is one way in for TLS.
type SecureChain struct {
	ServerNames []string
	// TLS terminates; nil passes TLS through to Chain.
	TLS *networking.ServerTLSSettings
	// CA is the name of the credential with the authorities of client certificates, for mutual TLS.
	CA string
	// Route of HTTP requests; empty when Chain takes what was decrypted.
	Route string
	Chain Chain
}

// GatewayListeners says which listeners a gateway's proxies have, sorted by port.
func GatewayListeners(in GatewayInput) ([]GatewayListenerInput, []config.Problem) {
	notes := &problems{}
	var out []GatewayListenerInput
	for _, p := range gatewayPorts(in, notes) {
		l := GatewayListenerInput{Config: in.Config, Address: anyAddress, Port: p.target, Target: p.target, Policies: in.Policies, Name: anyAddress + "_" + number(p.target)}
		if in.Mode == mesh.Explicit {
			if l.Port = in.Bindings[GatewayBinding(p.target)]; l.Port == 0 {
				continue
			}
			l.Address = loopback
		}
		if bind := p.servers[0].Server.GetBind(); addressable(bind, false) && !strings.HasPrefix(bind, unixScheme) {
			l.Address = bind
		}
		for _, s := range p.servers {
			notes.object = s.Gateway
			if !slices.Contains(l.From, s.Gateway) {
				l.From = append(l.From, s.Gateway)
			}
			p.add(&l, s, in, notes)
		}
		l.Plain = distinct(l.Plain)
		l.Secure = distinctSecure(l.Secure)
		if l.Route != "" || len(l.Secure) > 0 || len(l.Plain) > 0 {
			out = append(out, l)
		}
	}
	return out, notes.list
}

// add adds one server to the listener of its port.
func (p *gatewayPort) add(l *GatewayListenerInput, s *mesh.GatewayServer, in GatewayInput, notes *problems) {
	switch p.kind {
	case plainHTTP:
		l.Route = GatewayHTTPRoute(p.target)
	case overTLS:
		l.Secure = append(l.Secure, p.secure(s, in, notes)...)
	case plainTCP:
		l.Plain = append(l.Plain, gatewayTCP(s, p.target, in, notes)...)
	}
}

// gatewayTCP are the TCP routes bound to a server.
func gatewayTCP(s *mesh.GatewayServer, port uint32, in GatewayInput, notes *problems) []Chain {
	var out []Chain
	for _, vs := range s.Virtual {
		t := targets{known: Destinations([]*mesh.VirtualService{vs}, nil, in.Lookup), port: s.Server.GetPort().GetNumber(), lookup: in.Lookup}
		if chains, ok := tcpChains(vs, t, notes); ok {
			out = append(out, chains...)
		}
	}
	notes.object = s.Gateway
	if len(out) == 0 && len(s.Virtual) > 0 {
		notes.warn(field("spec.servers", s.Index), "no VirtualService of this server has TCP routes for port "+number(port), "add spec.tcp to the VirtualService")
	}
	return out
}
