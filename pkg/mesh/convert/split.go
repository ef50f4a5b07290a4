package convert

import (
	"fmt"
	"regexp"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/config"
)

func quote(s string) string { return regexp.QuoteMeta(s) }

// trafficSplit divides what sidecars send to a service, requests and connections alike.
// See https://github.com/servicemeshinterface/smi-spec/blob/main/apis/traffic-split/v1alpha4/traffic-split.md.
func (c *converter) trafficSplit() {
	s, ok := c.object.Spec.(*config.SMITrafficSplit)
	if !ok {
		return
	}
	host, found := c.splitService(s.Spec.Service)
	if !found {
		c.missing("spec.service", "there is no Service "+s.Spec.Service+"; the split is not in force", "create it, or correct the name", config.Service)
		return
	}
	requests, connections := c.shares(s)
	if len(requests) == 0 {
		c.weightless("spec.backends", "no backend has any weight; the split is not in force", "give the backends weights")
		return
	}
	v := &networking.VirtualService{Hosts: []string{host}, Gateways: []string{mesh}, ExportTo: []string{"*"}}
	rest := &networking.Destination{Host: host}
	if len(s.Spec.Matches) == 0 {
		v.Http = []*networking.HTTPRoute{{Route: requests}}
		v.Tcp = []*networking.TCPRoute{{Route: connections}}
	} else {
		matches, ports := c.splitMatches(s)
		if len(matches) > 0 {
			v.Http = append(v.Http, &networking.HTTPRoute{Match: matches, Route: requests})
		}
		v.Http = append(v.Http, &networking.HTTPRoute{Route: []*networking.HTTPRouteDestination{{Destination: rest}}})
		if len(ports) > 0 {
			v.Tcp = append(v.Tcp, &networking.TCPRoute{Match: ports, Route: connections})
		}
		v.Tcp = append(v.Tcp, &networking.TCPRoute{Route: []*networking.RouteDestination{{Destination: rest}}})
	}
	fields := map[string]string{"spec.hosts": "spec.service", "spec.http[0].match": "spec.matches", "spec.http": "spec.backends", "spec.tcp": "spec.backends"}
	c.add(config.VirtualService, v, nil, fields)
}

// splitService resolves the name of a service: NAME, NAME.NAMESPACE or the whole.
func (c *converter) splitService(name string) (host string, found bool) {
	short, namespace := c.serviceName(name, c.namespace())
	return c.fqdn(short, namespace), get[corev1.Service](c, config.Service, namespace, short) != nil
}

// shares are the backends with any weight.
func (c *converter) shares(s *config.SMITrafficSplit) (requests []*networking.HTTPRouteDestination, connections []*networking.RouteDestination) {
	for i, b := range s.Spec.Backends {
		field := fmt.Sprintf("spec.backends[%d]", i)
		host, found := c.splitService(b.Service)
		if !found {
			c.missing(field+".service", "there is no Service "+b.Service+"; its share of requests gets 503", "create it, or correct the name", config.Service)
		}
		weight := b.Weight.MilliValue()
		if weight <= 0 {
			continue
		}
		if weight%1000 == 0 {
			weight /= 1000
		}
		w := int32(min(weight, 1<<30))
		requests = append(requests, &networking.HTTPRouteDestination{Destination: &networking.Destination{Host: host}, Weight: w})
		connections = append(connections, &networking.RouteDestination{Destination: &networking.Destination{Host: host}, Weight: w})
	}
	return requests, connections
}

// splitMatches are the requests and ports that a split is limited to.
func (c *converter) splitMatches(s *config.SMITrafficSplit) (requests []*networking.HTTPMatchRequest, ports []*networking.L4MatchAttributes) {
	for i, ref := range s.Spec.Matches {
		field := fmt.Sprintf("spec.matches[%d]", i)
		switch ref.Kind {
		case config.HTTPRouteGroup.Name:
			g := get[config.SMIHTTPRouteGroup](c, config.HTTPRouteGroup, c.namespace(), ref.Name)
			if g == nil {
				c.missing(field, "there is no HTTPRouteGroup "+ref.Name+"; it matches nothing", "create it, or correct the name", config.HTTPRouteGroup)
				continue
			}
			for _, m := range g.Spec.Matches {
				if r, ok := c.smiRequest(field, m); ok {
					requests = append(requests, r)
				}
			}
		case config.SMITCPRoute.Name:
			r := get[config.SMIPortRoute](c, config.SMITCPRoute, c.namespace(), ref.Name)
			if r == nil {
				c.missing(field, "there is no TCPRoute "+ref.Name+"; it matches nothing", "create it, or correct the name", config.SMITCPRoute)
				continue
			}
			if len(r.Spec.Matches.Ports) == 0 {
				ports = append(ports, &networking.L4MatchAttributes{})
			}
			for _, p := range r.Spec.Matches.Ports {
				ports = append(ports, &networking.L4MatchAttributes{Port: uint32(p)})
			}
		default:
			c.invalid(field+".kind", fmt.Sprintf("a split cannot be limited to a %q", ref.Kind), "use HTTPRouteGroup or TCPRoute")
		}
	}
	return requests, ports
}

// smiRequest translates one match of an HTTPRouteGroup, whose texts are regular expressions for the whole value.
func (c *converter) smiRequest(field string, m config.SMIHTTPMatch) (*networking.HTTPMatchRequest, bool) {
	out := &networking.HTTPMatchRequest{Name: m.Name}
	if m.PathRegex != "" {
		if !c.regex(field, m.PathRegex) {
			return nil, false
		}
		out.Uri = matching(m.PathRegex)
	}
	if methods := smiMethods(m.Methods); len(methods) > 0 {
		out.Method = matching(strings.Join(methods, "|"))
	}
	for _, name := range sorted(m.Headers) {
		if !c.regex(field, m.Headers[name]) {
			return nil, false
		}
		if strings.EqualFold(name, "host") {
			out.Authority = matching(m.Headers[name])
			continue
		}
		if out.Headers == nil {
			out.Headers = map[string]*networking.StringMatch{}
		}
		out.Headers[strings.ToLower(name)] = matching(m.Headers[name])
	}
	return out, true
}

// smiMethods are methods in capitals; none for all of them.
func smiMethods(list []string) []string {
	var out []string
	for _, m := range list {
		if m == "*" {
			return nil
		}
		out = append(out, strings.ToUpper(m))
	}
	return out
}
