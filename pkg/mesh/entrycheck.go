package mesh

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// entryCheck reads the parts of a ServiceEntry and collects what is wrong with them, as Istio's API reference defines them.
type entryCheck struct {
	object     *config.Object
	resolution Resolution
	problems   []config.Problem
}

func (c *entryCheck) fail(field, message, fix string) {
	p := problem(c.object, config.Error, field, message, fix)
	p.Code = codes.SchemaError
	c.problems = append(c.problems, p)
}

func (c *entryCheck) warn(field, message, fix string) {
	p := problem(c.object, config.Warning, field, message, fix)
	p.Code = codes.SchemaWarning
	c.problems = append(c.problems, p)
}

// whole checks what concerns several fields together.
func (c *entryCheck) whole(in *networking.ServiceEntry) {
	if len(in.Hosts) == 0 {
		c.fail("spec.hosts", "a ServiceEntry needs at least one host", "add the name that clients use")
	}
	if len(in.Ports) == 0 {
		c.warn("spec.ports", "without ports nothing is served", "add the ports that clients use")
	}
	switch {
	case in.WorkloadSelector == nil:
	case len(in.Endpoints) > 0:
		c.fail("spec.workloadSelector", "stands beside endpoints; it is ignored", "use one of the two")
	case c.resolution == Passthrough || c.resolution == DynamicDNS:
		c.warn("spec.workloadSelector", "has no effect with resolution "+in.Resolution.String()+", by which connections go where the client says", "use resolution: STATIC")
	}
	for i, to := range in.ExportTo {
		if to != "." && to != "*" && to != "~" && !isLabel(to) {
			c.fail(fmt.Sprintf("spec.exportTo[%d]", i), fmt.Sprintf("%q is no namespace", to), `write the name of a namespace, "." or "*"`)
		}
	}
}

// isLabel reports whether s is a DNS label (RFC 1123), as names of namespaces and ports are.
func isLabel(s string) bool {
	return s != "" && len(s) <= 63 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" && s[0] != '-' && s[len(s)-1] != '-'
}

// host reports whether a host can be used.
func (c *entryCheck) host(field string, s *Service, d *definition) bool {
	named := len(d.Inline) > 0 || d.Selector != nil
	switch {
	case s.Host == "*" || !servableHost(s.Host) && !isIP(s.Host):
		c.fail(field, fmt.Sprintf("%q is not a host", s.Host), "write a name such as api.example.com or *.example.com")
	case d.service(s.Host) != nil:
		c.fail(field, fmt.Sprintf("the host %s is listed twice", s.Host), "remove one of them")
	case isWildcard(s.Host) && !named && s.Resolution.byName():
		c.fail(field, fmt.Sprintf("%s cannot be looked up in DNS", s.Host), "list endpoints, or use resolution: NONE")
	case !isWildcard(s.Host) && s.Resolution == DynamicDNS:
		c.fail(field, "resolution DYNAMIC_DNS is for wildcard hosts only", "use resolution: DNS")
	default:
		return true
	}
	return false
}

// addresses keeps those that connections can be told apart by.
func (c *entryCheck) addresses(in []string) []string {
	var out []string
	for i, a := range in {
		field := fmt.Sprintf("spec.addresses[%d]", i)
		switch {
		case !isIP(a) && !isCIDR(a):
			c.warn(field, fmt.Sprintf("%q is neither an IP address nor a CIDR; it is left out", a), "write for example 240.0.0.1 or 10.1.0.0/16")
		case c.resolution == DynamicDNS:
			c.fail(field, "resolution DYNAMIC_DNS goes by names only; the address is left out", "remove it")
		case isCIDR(a) && c.resolution.byName():
			c.fail(field, "a range of addresses needs resolution NONE or STATIC; it is left out", "write a single address, or change the resolution")
		default:
			out = append(out, a)
		}
	}
	return out
}

// ports reads the ports, sorted by number.
func (c *entryCheck) ports(in []*networking.ServicePort) []Port {
	var out []Port
	names := map[string]bool{}
	for i, p := range in {
		field := fmt.Sprintf("spec.ports[%d]", i)
		number := p.GetNumber()
		if !c.port(field, p) {
			continue
		}
		if slices.ContainsFunc(out, func(q Port) bool { return q.Number == number }) {
			c.warn(field+".number", fmt.Sprintf("port %d is already defined; this one is left out", number), "give each port its own number")
			continue
		}
		if names[p.Name] {
			c.warn(field+".name", fmt.Sprintf("the name %s is given to two ports; ports of endpoints that have it mean both", strconv.Quote(p.Name)), "give each port its own name")
		}
		names[p.Name] = true
		out = append(out, Port{
			Number: number, Name: p.Name, Protocol: entryProtocol(p.Protocol, p.Name), TargetPort: cmp.Or(p.TargetPort, number),
		})
	}
	slices.SortFunc(out, func(a, b Port) int { return cmp.Compare(a.Number, b.Number) })
	return out
}

// port reports whether one port can be used.
func (c *entryCheck) port(field string, p *networking.ServicePort) bool {
	_, known := protocolNamed(p.GetProtocol())
	protocol := entryProtocol(p.GetProtocol(), p.GetName())
	switch n := p.GetNumber(); {
	case n < 1 || n > 65535:
		c.warn(field+".number", fmt.Sprintf("port %d is not between 1 and 65535; the port is left out", n), "use a valid port number")
		return false
	case p.TargetPort > 65535:
		c.fail(field+".targetPort", fmt.Sprintf("port %d is not between 1 and 65535; the port is left out", p.TargetPort), "use a valid port number")
		return false
	case p.Protocol != "" && !known:
		c.warn(field+".protocol", fmt.Sprintf("the protocol %s is not known; the port is taken for TCP", strconv.Quote(p.Protocol)), "use HTTP, HTTPS, GRPC, HTTP2, MONGO, TCP or TLS")
	case c.resolution == DynamicDNS && !protocol.IsHTTP() && protocol != TLS && protocol != HTTPS:
		c.fail(field+".protocol", "resolution DYNAMIC_DNS needs a protocol that says which host is meant: "+protocol.String()+" does not; the port is left out", "use HTTP, HTTP2, GRPC, HTTPS or TLS")
		return false
	}
	return true
}

// endpoints keeps those that the resolution can reach.
func (c *entryCheck) endpoints(in *networking.ServiceEntry) []*networking.WorkloadEntry {
	switch c.resolution {
	case Passthrough:
		if len(in.Endpoints) > 0 {
			c.fail("spec.endpoints", "resolution NONE sends connections where the client says; the endpoints are ignored", "use resolution: STATIC, or DNS for names")
		}
		return nil
	case DynamicDNS:
		if len(in.Endpoints) > 0 {
			c.warn("spec.endpoints", "resolution DYNAMIC_DNS goes by the host that the client asks for; the endpoints are ignored", "remove them, or use resolution: DNS")
		}
		return nil
	}
	var out []*networking.WorkloadEntry
	for i, e := range in.Endpoints {
		field := fmt.Sprintf("spec.endpoints[%d]", i)
		if !c.endpoint(field, e, in.Ports) {
			continue
		}
		if c.resolution == DNSRoundRobin && len(out) == 1 {
			c.fail(field, "resolution DNS_ROUND_ROBIN has one endpoint; this one is left out", "use resolution: DNS for several")
			continue
		}
		out = append(out, e)
	}
	return out
}

// endpoint reports whether one endpoint can be reached.
func (c *entryCheck) endpoint(field string, e *networking.WorkloadEntry, ports []*networking.ServicePort) bool {
	address := e.GetAddress()
	switch {
	case address == "" && c.resolution != Static:
		c.warn(field+".address", "an endpoint without an address is left out", "set the address")
	case isUnix(address) && c.resolution.byName():
		c.fail(field+".address", "a Unix socket needs resolution STATIC; the endpoint is left out", "use resolution: STATIC")
	case isUnix(address) && len(ports) != 1:
		c.fail(field+".address", "with a Unix socket there must be exactly one port; the endpoint is left out", "give the socket a ServiceEntry of its own")
	case c.resolution == Static && !isIP(address) && !isUnix(address):
		c.warn(field+".address", fmt.Sprintf("%q is not an IP address, which resolution STATIC needs; the endpoint is left out", address), "use resolution: DNS, or an address")
	case c.resolution.byName() && !isIP(address) && (isWildcard(address) || !servableHost(strings.ToLower(address))):
		c.fail(field+".address", fmt.Sprintf("%q is no name that DNS knows; the endpoint is left out", address), "write a host or an IP address")
	default:
		c.endpointPorts(field, e, ports)
		return true
	}
	return false
}

// endpointPorts checks the ports that an endpoint maps.
func (c *entryCheck) endpointPorts(field string, e *networking.WorkloadEntry, ports []*networking.ServicePort) {
	for _, name := range slices.Sorted(maps.Keys(e.GetPorts())) {
		at := field + ".ports." + name
		if n := e.GetPorts()[name]; n < 1 || n > 65535 {
			c.fail(at, fmt.Sprintf("port %d is not between 1 and 65535; the endpoint does not serve it", n), "use a valid port number")
		}
		if !slices.ContainsFunc(ports, func(p *networking.ServicePort) bool { return p.GetName() == name }) {
			c.warn(at, "the ServiceEntry has no port of that name", "use one of the names of spec.ports")
		}
	}
}
