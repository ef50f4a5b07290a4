package mesh

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// gatewayCheck collects what is wrong with a Gateway by itself, as Istio's API reference defines its fields.
type gatewayCheck struct {
	object   *config.Object
	problems []config.Problem
}

// fail reports what Istio refuses and what is left out here.
func (c *gatewayCheck) fail(field, message, fix string) {
	c.report(config.Error, codes.SchemaError, field, message, fix)
}

// refused reports what Istio refuses, and what is in force here all the same.
func (c *gatewayCheck) refused(field, message, fix string) {
	c.report(config.Warning, codes.SchemaError, field, message, fix)
}

// warn reports what has not the effect that it seems to have.
func (c *gatewayCheck) warn(field, message, fix string) {
	c.report(config.Warning, codes.SchemaWarning, field, message, fix)
}

func (c *gatewayCheck) report(severity config.Severity, code config.Code, field, message, fix string) {
	p := problem(c.object, severity, field, message, fix)
	p.Code = code
	c.problems = append(c.problems, p)
}

// whole checks what concerns all servers together.
func (c *gatewayCheck) whole(spec *networking.Gateway) {
	if len(spec.Servers) == 0 {
		c.fail("spec.servers", "a Gateway without servers serves nothing", "add a server with a port and hosts")
	}
	if strings.Contains(c.object.Key.Name, ".") && !c.object.Key.Derived() {
		c.refused("metadata.name", "the name of a Gateway has no dots; Istio refuses the object", "use dashes")
	}
	names, ports := map[string]bool{}, map[string]bool{}
	for i, s := range spec.Servers {
		if name := s.GetPort().GetName(); name != "" && ports[name] {
			c.refused(fmt.Sprintf("spec.servers[%d].port.name", i), fmt.Sprintf("two servers have the port name %s; Istio refuses the object", strconv.Quote(name)), "give each server's port a name of its own")
		}
		ports[s.GetPort().GetName()] = true
		if name := s.GetName(); name != "" && names[name] {
			c.warn(fmt.Sprintf("spec.servers[%d].name", i), fmt.Sprintf("the name %s is given to two servers; their statistics are counted together", strconv.Quote(name)), "give each server a name of its own")
		}
		names[s.GetName()] = true
	}
}

// server returns the hosts that a server serves; none leaves it out.
func (c *gatewayCheck) server(i int, s *networking.Server) []GatewayHost {
	path := fmt.Sprintf("spec.servers[%d]", i)
	var hosts []GatewayHost
	for j, h := range s.GetHosts() {
		host := gatewayHost(h, c.object.Key.Namespace)
		switch {
		case !servableHost(host.Host):
			c.fail(fmt.Sprintf("%s.hosts[%d]", path, j), fmt.Sprintf("%q is not a host; it is left out", h), "write a name, *.example.com or *, with NAMESPACE/ before it if need be")
		case host.Namespace == "~":
			c.fail(fmt.Sprintf("%s.hosts[%d]", path, j), `the namespace "~" means no VirtualService at all; the host is left out`, "write ./, */ or the name of a namespace")
		default:
			hosts = append(hosts, host)
		}
	}
	if len(s.GetHosts()) == 0 {
		c.fail(path+".hosts", "the server has no hosts; it is left out", `add hosts, for example "*"`)
	}
	if !c.place(path, s) || !c.object.Key.Derived() && !c.speaks(path, s) { // the conversion has checked its own
		return nil
	}
	return hosts
}

// place reports whether there is an address for the server to listen at.
func (c *gatewayCheck) place(path string, s *networking.Server) bool {
	n, bind := s.GetPort().GetNumber(), s.GetBind()
	switch {
	case isUnix(bind) && !strings.HasPrefix(bind, "unix://@"):
		c.fail(path+".bind", fmt.Sprintf("whether %s can be made is known to the gateway's machine only, and Envoy refuses a listener whose folder is missing; the server is left out", bind),
			"use a name in the abstract namespace: unix://@NAME")
	case isUnix(bind) && (len(bind) == len("unix://@") || len(bind) > len("unix://")+107):
		c.fail(path+".bind", "the name of a Unix socket has 1 to 106 characters; the server is left out", "shorten it")
	case isUnix(bind) && n != 0:
		c.fail(path+".port.number", "a Unix socket has no port; the server is left out", "use port number 0")
	case isUnix(bind):
		return true
	case bind != "" && !isIP(bind):
		c.fail(path+".bind", fmt.Sprintf("%q is neither an IP address nor a Unix socket; the server is left out", bind), "write for example 127.0.0.1, or unix://@NAME")
	case n < 1 || n > 65535:
		c.fail(path+".port", fmt.Sprintf("port %d is not between 1 and 65535; the server is left out", n), "set port.number")
	default:
		return true
	}
	return false
}

// servableHost reports whether clients can ask for a host: a name, "*", or a wildcard that is the whole first label.
func servableHost(h string) bool {
	if h == "*" {
		return true
	}
	h = strings.TrimPrefix(h, "*.")
	return h != "" && len(h) <= 255 && !slices.Contains(strings.Split(h, "."), "") && !strings.ContainsAny(h, "*/: \t\"")
}
