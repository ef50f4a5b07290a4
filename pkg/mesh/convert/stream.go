package convert

import (
	"fmt"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/meshctl/meshctl/pkg/config"
)

// tlsRoute leads connections by the name that their clients ask for.
func (c *converter) tlsRoute() {
	r, ok := c.object.Spec.(*gatewayv1.TLSRoute)
	if !ok {
		return
	}
	a := c.attach(r.Spec.CommonRouteSpec, r.Spec.Hostnames)
	rule, fields := c.only(len(r.Spec.Rules), "tls[0]", "tcp[0]")
	if rule < 0 {
		return
	}
	route := c.streams(rulePath(rule), r.Spec.Rules[rule].BackendRefs)
	match := func(names []string) []*networking.TLSRoute {
		return []*networking.TLSRoute{{Match: []*networking.TLSMatchAttributes{{SniHosts: names}}, Route: route}}
	}
	if len(a.gateways) > 0 {
		c.narrowed(a, r.Spec.Hostnames)
		names := hosts(r.Spec.Hostnames)
		// Passed through, the name leads; where the gateway ends TLS, it did when the connection was taken.
		c.add(config.VirtualService, &networking.VirtualService{
			Hosts: names, Gateways: a.gateways, ExportTo: []string{"*"}, Tls: match(names), Tcp: []*networking.TCPRoute{{Route: route}},
		}, nil, fields)
	}
	c.perService(a.services, func(p serviceParent, v *networking.VirtualService) {
		v.Tls = match(v.Hosts)
		v.Tls[0].Match[0].Port = p.port
	}, fields)
}

// narrowed reports names that a listener which ends TLS does not look at: it serves all of its hostname.
func (c *converter) narrowed(a attachment, hostnames []gatewayv1.Hostname) {
	for _, l := range a.listeners {
		ends := l.TLS == nil || or(l.TLS.Mode, gatewayv1.TLSModeTerminate) == gatewayv1.TLSModeTerminate
		for i, h := range hostnames {
			if own := string(or(l.Hostname, "*")); ends && !strings.EqualFold(string(h), own) && (own == "*" || under(own, string(h))) {
				c.warn(fmt.Sprintf("spec.hostnames[%d]", i), fmt.Sprintf("the listener %s ends TLS, and leads every name under %s to this route", l.Name, own), "give the listener this hostname")
			}
		}
	}
}

// tcpRoute leads connections of a port.
func (c *converter) tcpRoute() {
	r, ok := c.object.Spec.(*gatewayv1.TCPRoute)
	if !ok {
		return
	}
	a := c.attach(r.Spec.CommonRouteSpec, nil)
	rule, fields := c.only(len(r.Spec.Rules), "tcp[0]")
	if rule < 0 {
		return
	}
	route := c.streams(rulePath(rule), r.Spec.Rules[rule].BackendRefs)
	if len(a.gateways) > 0 {
		c.add(config.VirtualService, &networking.VirtualService{
			Hosts: []string{"*"}, Gateways: a.gateways, ExportTo: []string{"*"}, Tcp: []*networking.TCPRoute{{Route: route}},
		}, nil, fields)
	}
	c.perService(a.services, func(p serviceParent, v *networking.VirtualService) {
		v.Tcp = []*networking.TCPRoute{{Route: route}}
		if p.port != 0 {
			v.Tcp[0].Match = []*networking.L4MatchAttributes{{Port: p.port}}
		}
	}, fields)
}

func rulePath(i int) string { return fmt.Sprintf("spec.rules[%d]", i) }

// only returns the rule of a route that can have one: rules for connections have no matches, so that the first takes all.
func (c *converter) only(rules int, targets ...string) (index int, fields map[string]string) {
	if rules == 0 {
		c.invalid("spec.rules", "there is no rule; the route is not in force", "add a rule with backendRefs")
		return -1, nil
	}
	if rules > 1 {
		c.fail(rulePath(1), "the first rule takes every connection; the others are left out", "use one rule with several backendRefs")
	}
	fields = map[string]string{}
	for _, t := range targets {
		fields["spec."+t] = rulePath(0)
	}
	return 0, fields
}
