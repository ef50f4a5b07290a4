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
	// Services of the scope, for servers that lead to any of them (AUTO_PASSTHROUGH).
	Services []*mesh.ScopedService
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

// gatewayPort is the servers of one port of one address.
type gatewayPort struct {
	target  uint32
	bind    string // "" is every address
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

// gatewayPorts groups servers by where they are served, sorted by port.
func gatewayPorts(in GatewayInput, notes *problems) []*gatewayPort {
	var out []*gatewayPort
	for _, s := range in.Servers {
		notes.object = s.Gateway
		kind, ok := in.serves(s, notes)
		if !ok {
			continue
		}
		target, bind := in.place(s)
		i := slices.IndexFunc(out, func(p *gatewayPort) bool { return p.target == target && p.bind == bind })
		if i < 0 {
			out = append(out, &gatewayPort{target: target, bind: bind, kind: kind})
			i = len(out) - 1
		}
		out[i].join(s, kind, notes)
	}
	slices.SortFunc(out, func(a, b *gatewayPort) int {
		return cmp.Or(cmp.Compare(a.target, b.target), cmp.Compare(a.bind, b.bind))
	})
	return out
}

// serves reports whether a server can be served, and as what.
func (in GatewayInput) serves(s *mesh.GatewayServer, notes *problems) (serverKind, bool) {
	path := field("spec.servers", s.Index)
	kind, ok := kindOf(s)
	tls := s.Server.GetTls()
	switch {
	case !ok:
		notes.fail(path+".port.protocol", "a server of protocol "+strconv.Quote(s.Server.GetPort().GetProtocol())+" needs tls settings, or is none that a gateway serves",
			"use HTTP, HTTPS, GRPC, HTTP2, TLS or TCP; HTTPS and TLS with tls.mode")
		return 0, false
	case kind == plainHTTP && tls.GetMode() != networking.ServerTLSSettings_PASSTHROUGH:
		notes.fail(path+".tls.mode", "a server of protocol "+protocolOf(s)+" speaks plaintext and cannot have tls settings other than httpsRedirect; it is left out", "use protocol HTTPS")
		return 0, false
	}
	if n, _ := in.place(s); in.Mode == mesh.Redirected && slices.Contains(proxyPorts, n) {
		notes.fail(path+".port.number", "port "+number(n)+" is the proxy's own", "use another port")
		return 0, false
	}
	return kind, true
}

// proxyPorts are those at which the agent and Envoy listen beside a gateway: admin, merged metrics, health, Envoy's metrics.
var proxyPorts = []uint32{15000, 15020, 15021, 15090}

// place says where a server is served. Explicit listeners have one local port, on loopback, whatever bind says.
func (in GatewayInput) place(s *mesh.GatewayServer) (target uint32, bind string) {
	target, bind = s.Server.GetPort().GetNumber(), s.Server.GetBind()
	if strings.HasPrefix(bind, unixScheme) {
		return 0, bind
	}
	if t := in.Ports[target]; validPort(t) {
		target = t
	}
	if in.Mode == mesh.Explicit || bind == anyAddress || !addressable(bind, false) {
		bind = ""
	}
	return target, bind
}

// join adds a server to its port, unless it is not of a kind with those before (the oldest decides).
func (p *gatewayPort) join(s *mesh.GatewayServer, kind serverKind, notes *problems) {
	path := field("spec.servers", s.Index) + ".port"
	if p.kind != kind {
		notes.fail(path, "port "+number(s.Server.GetPort().GetNumber())+" is already served with another protocol by "+p.servers[0].Gateway.Origin().String(), "use another port")
		return
	}
	name := httpsRoute(s, p)
	if kind == overTLS && protocolOf(s) == "HTTPS" && slices.ContainsFunc(p.servers, func(o *mesh.GatewayServer) bool { return protocolOf(o) == "HTTPS" && httpsRoute(o, p) == name }) {
		notes.fail(path+".name", "another HTTPS server of this Gateway has the port name "+strconv.Quote(s.Server.GetPort().GetName())+"; this one is left out", "give each server's port a name of its own")
		return
	}
	p.servers = append(p.servers, s)
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
	// Route of plaintext HTTP requests; empty on ports that are none. StatPrefix is the name of the server, if it has one.
	Route, StatPrefix string
	// GRPCWeb turns gRPC-Web among these requests into gRPC.
	GRPCWeb bool
	// Secure are the chains of TLS servers, told apart by SNI.
	Secure []SecureChain
	// Plain are TCP chains.
	Plain []Chain
	From  []config.Key
}

// SecureChain is one way in for TLS.
type SecureChain struct {
	ServerNames []string
	// Mesh takes only what offers the mesh's own protocol in the handshake (ALPN).
	Mesh bool
	// TLS terminates; nil passes TLS through to Chain.
	TLS *networking.ServerTLSSettings
	// Certificates are the names of the credentials to serve with; none: files, or the workload's own certificate.
	Certificates []string
	// CA is the name of the credential with the authorities of client certificates, for mutual TLS.
	CA string
	// Route of HTTP requests; empty when Chain takes what was decrypted. StatPrefix is the name of the server, if it has one.
	Route, StatPrefix string
	Chain             Chain
}

// GatewayListeners says which listeners a gateway's proxies have, sorted by port.
func GatewayListeners(in GatewayInput) ([]GatewayListenerInput, []config.Problem) {
	notes := &problems{}
	var out []GatewayListenerInput
	for _, p := range gatewayPorts(in, notes) {
		l, ok := p.listener(in)
		if !ok {
			continue
		}
		names := served{}
		for _, s := range p.servers {
			notes.object = s.Gateway
			if !slices.Contains(l.From, s.Gateway) {
				l.From = append(l.From, s.Gateway)
			}
			p.add(&l, s, in, names, notes)
		}
		l.Plain = distinct(l.Plain)
		if l.Route != "" || len(l.Secure) > 0 || len(l.Plain) > 0 {
			out = append(out, l)
		}
	}
	return out, notes.list
}

// listener is an empty one at the port; false while an explicit gateway has no local port for it.
func (p *gatewayPort) listener(in GatewayInput) (GatewayListenerInput, bool) {
	l := GatewayListenerInput{Config: in.Config, Address: cmp.Or(p.bind, anyAddress), Port: p.target, Target: p.target, Policies: in.Policies}
	if strings.HasPrefix(p.bind, unixScheme) {
		l.Name = p.bind
		return l, true
	}
	l.Name = l.Address + "_" + number(p.target)
	if in.Mode == mesh.Explicit {
		l.Address, l.Port = loopback, in.Bindings[GatewayBinding(p.target)]
	}
	return l, l.Port != 0
}

// add adds one server to the listener of its port.
func (p *gatewayPort) add(l *GatewayListenerInput, s *mesh.GatewayServer, in GatewayInput, names served, notes *problems) {
	switch p.kind {
	case plainHTTP:
		l.Route, l.StatPrefix = GatewayHTTPRoute(p.target, p.bind), p.servers[0].Server.GetName()
		l.GRPCWeb = l.GRPCWeb || protocolOf(s) == "GRPC-WEB"
	case overTLS:
		for _, c := range p.secure(s, in, notes) {
			if c, ok := names.add(c, s, notes); ok {
				l.Secure = append(l.Secure, c)
			}
		}
	case plainTCP:
		l.Plain = append(l.Plain, gatewayTCP(s, in, notes)...)
	}
}

// gatewayTCP are the TCP routes bound to a server.
func gatewayTCP(s *mesh.GatewayServer, in GatewayInput, notes *problems) []Chain {
	var out []Chain
	port := s.Server.GetPort().GetNumber()
	for _, vs := range s.Virtual {
		t := targets{known: Destinations([]*mesh.VirtualService{vs}, nil, in.Lookup), port: port, lookup: in.Lookup}
		if chains, ok := tcpChains(vs, t, notes); ok {
			out = append(out, chains...)
		}
	}
	notes.object = s.Gateway
	if len(out) == 0 && len(s.Virtual) > 0 {
		notes.warn(field("spec.servers", s.Index), "no VirtualService of this server has TCP routes for port "+number(port), "add spec.tcp to the VirtualService")
	}
	for i := range out {
		out[i].StatPrefix = cmp.Or(s.Server.GetName(), out[i].StatPrefix)
	}
	return distinct(out)
}
