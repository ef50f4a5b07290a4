package envoyfilter

import (
	"slices"
	"strconv"
	"strings"
)

// Place says which part of which proxy's configuration a resource is: what a patch's match is compared with, apart from the resource.
type Place struct {
	Context Context
	// Names by which the resource is known, its own first.
	Names []string
	// Ports that it stands for: of the service, the workload or the Gateway's server, whatever port it listens on.
	Ports []uint32
	// Whole are ports by which a listener as a whole is known, but not its filter chains.
	Whole []uint32
	// Virtual: each filter chain of the listener has its own port, by its match.
	Virtual bool
	// Shared: each virtual host of the route has its own port, by its name.
	Shared bool
	// PortName and Gateway ("namespace/name") of the Gateway's server.
	PortName, Gateway string
	// Services of an inbound cluster.
	Services []string
}

// Names that Istio gives to the listeners of redirected connections, and the port of the inbound one.
const (
	virtualInbound  = "virtualInbound"
	virtualOutbound = "virtualOutbound"
	inboundPort     = 15006
	httpProxy       = "http_proxy"
)

// InboundPlace is the place of an inbound listener: virtualInbound, or that of an explicit sidecar's port, "inbound|9080".
func InboundPlace(name string) Place {
	p := Place{Context: Inbound, Names: []string{name}, Whole: []uint32{inboundPort}}
	if port, ok := strings.CutPrefix(name, "inbound|"); ok {
		p.Ports, p.Names = numbers(port), append(p.Names, virtualInbound)
		return p
	}
	p.Virtual = true
	return p
}

// OutboundPlace is the place of an outbound listener: "0.0.0.0_80", "10.1.2.3_80", virtualOutbound, and those of explicit
// sidecars: "outbound|80|HOST" and http_proxy, whose local port is given.
func OutboundPlace(name string, port uint32) Place {
	p := Place{Context: Outbound, Names: []string{name}, Ports: []uint32{port}}
	if name == virtualOutbound {
		p.Virtual, p.Whole = true, p.Ports
	}
	if rest, ok := strings.CutPrefix(name, "outbound|"); ok {
		number, _, _ := strings.Cut(rest, "|")
		p.Ports = numbers(number)
		p.Names = append(p.Names, "0.0.0.0_"+number)
	}
	return p
}

// GatewayPlace is the place of a gateway's listener "0.0.0.0_8080"; services maps the ports of the gateway's Service to those of its
// pods.
func GatewayPlace(name string, services map[uint32]uint32) Place {
	p := Place{Context: Gateway, Names: []string{name}}
	p.addPort(numbers(name[strings.LastIndexByte(name, '_')+1:]), services)
	return p
}

func (p *Place) addPort(targets []uint32, services map[uint32]uint32) {
	p.Ports = append(p.Ports, targets...)
	for _, target := range targets {
		for service, to := range services {
			if to == target && service != target {
				p.Ports = append(p.Ports, service)
			}
		}
	}
	slices.Sort(p.Ports)
}

// RoutePlace is the place of a route configuration by its name: at sidecars "80", "HOST:80", http_proxy or "inbound|8080||", at
// gateways "http.8080" and "https.443.PORTNAME.GATEWAY.NAMESPACE".
func RoutePlace(context Context, name string, services map[uint32]uint32) Place {
	p := Place{Context: context, Names: []string{name}, Shared: name == httpProxy}
	if context != Gateway {
		port := name[strings.LastIndexByte(name, ':')+1:]
		if rest, ok := strings.CutPrefix(name, "inbound|"); ok {
			port, _, _ = strings.Cut(rest, "|")
		}
		p.Ports = numbers(port)
		return p
	}
	parts := strings.Split(name, ".")
	if len(parts) < 2 {
		return p
	}
	p.addPort(numbers(parts[1]), services)
	if n := len(parts); parts[0] == "https" && n >= 5 {
		p.PortName, p.Gateway = parts[2], parts[n-1]+"/"+strings.Join(parts[3:n-1], ".")
	}
	return p
}

func numbers(text string) []uint32 {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil
	}
	return []uint32{uint32(n)}
}

// cluster is what a cluster's name says: "outbound|80|v1|reviews.default.svc.cluster.local".
type cluster struct {
	inbound bool
	port    uint32
	subset  string
	host    string
}

func parseCluster(name string) cluster {
	parts := strings.SplitN(name, "|", 4)
	if len(parts) < 4 {
		return cluster{}
	}
	c := cluster{inbound: parts[0] == "inbound", subset: parts[2], host: parts[3]}
	for _, n := range numbers(parts[1]) {
		c.port = n
	}
	return c
}

// ClusterPlace is the place of a cluster; services are those of the workload port that an inbound one leads to.
func ClusterPlace(context Context, name string, services ...string) Place {
	return Place{Context: context, Names: []string{name}, Services: services}
}

// has compares a wanted name or port with those there are; none wanted is any.
func hasName(names []string, want string) bool { return want == "" || slices.Contains(names, want) }
func hasPort(ports []uint32, want uint32) bool { return want == 0 || slices.Contains(ports, want) }

func number(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
