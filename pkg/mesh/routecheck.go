package mesh

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
)

// checkRoutes reports the values of a VirtualService that Istio's reference does not allow, and what has no effect beside something
// else. Names in spec are absolute. What only Envoy refuses, such as a regular expression, the translation reports.
func checkRoutes(o *config.Object, spec *networking.VirtualService) []config.Problem {
	c := &routeCheck{checker: checker{object: o}, spec: spec}
	if len(spec.Http)+len(spec.Tls)+len(spec.Tcp) == 0 {
		c.refuse("spec", "there are no http, tls or tcp routes; the VirtualService has no effect", "add routes, or remove the object")
	}
	if len(spec.Hosts) == 0 && len(spec.Tls)+len(spec.Tcp) > 0 {
		c.fail("spec.hosts", "without hosts this is a delegate, and only http routes can be delegated", "add the hosts, or move the routes to the root")
	}
	if len(spec.Hosts) == 0 && len(spec.Gateways) > 0 {
		c.refuse("spec.gateways", "without hosts this is a delegate, which is bound to what its roots are bound to; Istio refuses the object", "remove the gateways, or add hosts")
	}
	for i, r := range spec.Http {
		c.http(fmt.Sprintf("spec.http[%d]", i), r)
	}
	for i, r := range spec.Tls {
		c.tls(fmt.Sprintf("spec.tls[%d]", i), r)
	}
	for i, r := range spec.Tcp {
		field := fmt.Sprintf("spec.tcp[%d]", i)
		for j, m := range r.Match {
			at := fmt.Sprintf("%s.match[%d]", field, j)
			c.origin(at, m)
			c.port(at+".port", m.Port)
			c.subnets(at, m.DestinationSubnets)
		}
		c.streams(field, r.Route)
	}
	return c.schema()
}

// routeCheck collects what is wrong with the routes of one VirtualService.
type routeCheck struct {
	checker
	spec *networking.VirtualService
}

func (c *routeCheck) tls(field string, r *networking.TLSRoute) {
	hosts := c.spec.Hosts
	if written, ok := c.object.Spec.(*networking.VirtualService); ok { // short names count as they are
		hosts = slices.Concat(hosts, written.Hosts)
	}
	if len(r.Match) == 0 {
		c.fail(field+".match", "a TLS route needs the names that it takes; it is left out", "for example match: [{sniHosts: [www.example.com]}]")
	}
	for i, m := range r.Match {
		at := fmt.Sprintf("%s.match[%d]", field, i)
		c.origin(at, m)
		c.port(at+".port", m.Port)
		c.subnets(at, m.DestinationSubnets)
		if len(m.SniHosts) == 0 {
			c.fail(at+".sniHosts", "a TLS match needs at least one name; it is left out", "for example sniHosts: [www.example.com]")
		}
		for j, name := range m.SniHosts {
			name = strings.ToLower(name)
			if name != "*" && strings.Contains(strings.TrimPrefix(name, "*."), "*") {
				c.fail(fmt.Sprintf("%s.sniHosts[%d]", at, j), fmt.Sprintf("%q is no name that a client could ask for; it is left out", name),
					"a wildcard stands for the first labels only, such as *.example.com")
			} else if !slices.ContainsFunc(hosts, func(h string) bool { return hostCovers(h, name) }) {
				c.refuse(fmt.Sprintf("%s.sniHosts[%d]", at, j), fmt.Sprintf("%s is not among the hosts of the VirtualService; Istio refuses the object", name),
					"add it to spec.hosts, or correct it")
			}
		}
	}
	c.streams(field, r.Route)
}

// streams checks the destinations of connections.
func (c *routeCheck) streams(field string, list []*networking.RouteDestination) {
	if len(list) == 0 {
		c.fail(field+".route", "there is no destination; the route is left out", "add route: [{destination: {host: ...}}]")
	}
	for i, d := range list {
		c.destination(fmt.Sprintf("%s.route[%d]", field, i), d.GetDestination(), d.GetWeight())
	}
}

func (c *routeCheck) destination(field string, d *networking.Destination, weight int32) {
	c.target(field+".destination", d)
	if weight < 0 {
		c.fail(field+".weight", fmt.Sprintf("%d is less than 0; the destination gets no traffic", weight), "write 0 or more")
	}
}

func (c *routeCheck) target(field string, d *networking.Destination) {
	if d.GetHost() == "" {
		c.fail(field+".host", "a destination needs a host", "write the name of a service")
	}
	if p := d.GetPort(); p != nil {
		if p.GetNumber() == 0 {
			c.fail(field+".port.number", "port 0 is not between 1 and 65535; the port being addressed is used", "write the number of a port of the service")
		}
		c.port(field+".port.number", p.GetNumber())
	}
}

// port checks a number; 0 means that there is none.
func (c *routeCheck) port(field string, n uint32) {
	if n > math.MaxUint16 {
		c.fail(field, fmt.Sprintf("port %d is not between 1 and 65535", n), "write the number of a port of the service")
	}
}

// subnets checks ranges of addresses.
func (c *routeCheck) subnets(field string, list []string) {
	for i, s := range list {
		_, err := netip.ParsePrefix(s)
		if err != nil && !isIP(s) {
			c.fail(fmt.Sprintf("%s.destinationSubnets[%d]", field, i), fmt.Sprintf("%q is no address range; it is left out", s), "for example 10.1.2.0/24")
		}
	}
}

// origin checks where a match wants traffic to come from.
func (c *routeCheck) origin(field string, m origin) {
	bound := c.spec.Gateways
	if len(bound) == 0 {
		bound = []string{meshGateway}
	}
	if len(c.spec.Hosts) == 0 { // a delegate is bound to what its root is bound to
		return
	}
	for i, g := range m.GetGateways() {
		if !slices.Contains(bound, g) {
			c.warn(fmt.Sprintf("%s.gateways[%d]", field, i), fmt.Sprintf("the VirtualService is not bound to %s, so the match holds for none of its traffic", g),
				"add it to spec.gateways")
		}
	}
	if slices.Contains(bound, meshGateway) {
		return
	}
	const fix = "add mesh to spec.gateways"
	if len(m.GetSourceLabels()) > 0 {
		c.warn(field+".sourceLabels", "the labels of clients are known for sidecars only, and the VirtualService is bound to gateways alone", fix)
	}
	if m.GetSourceNamespace() != "" {
		c.warn(field+".sourceNamespace", "the namespace of clients is known for sidecars only, and the VirtualService is bound to gateways alone", fix)
	}
}
