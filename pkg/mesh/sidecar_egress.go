package mesh

import (
	"fmt"
	"math"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
)

// EgressListener is an egress listener of a Sidecar that programs address themselves, instead of the services behind it.
type EgressListener struct {
	Port     uint32
	Protocol Protocol
	// Bind is an IP address, or the path of a Unix socket ("unix:///path", "unix://@name").
	Bind string
	// Own: the proxy listens there itself; otherwise traffic to the address is redirected.
	Own bool
}

// Unix reports whether it listens on a Unix socket.
func (e EgressListener) Unix() bool { return strings.HasPrefix(e.Bind, unixPrefix) }

// Binding is the name of its local port at an Explicit proxy.
func (e EgressListener) Binding() string { return fmt.Sprintf("egress|%d", e.Port) }

// egress is one egress listener: the hosts that it lets proxies reach.
type egress struct {
	port            uint32 // 0: every port
	hosts, excluded []egressHost
	listener        *EgressListener // nil when it is no more than a list of hosts
}

// egressHost is "namespace/host"; namespace is "*", "." for the proxy's own, or a name.
type egressHost struct{ namespace, host string }

func (h egressHost) admits(namespace, own string) bool {
	switch h.namespace {
	case "*":
		return true
	case ".":
		return namespace == own
	}
	return h.namespace == namespace
}

func parseEgress(c *checker, spec *networking.Sidecar) []egress {
	var out []egress
	for i, l := range spec.GetEgress() {
		field := fmt.Sprintf("spec.egress[%d]", i)
		e := egress{port: l.GetPort().GetNumber()}
		c.egressPlace(field, spec.GetEgress(), i)
		if e.port > math.MaxUint16 {
			c.fail(field+".port.number", fmt.Sprintf("port %d is not between 0 and 65535; the listener is left out", e.port), "write the number of a port of the services")
			continue
		}
		for j, entry := range l.GetHosts() {
			namespace, host, found := strings.Cut(entry, "/")
			if !found || namespace == "" || host == "" {
				c.refuse(fmt.Sprintf("%s.hosts[%d]", field, j), fmt.Sprintf("%q is not namespace/host; it is left out", entry), `write for example "./*" or "prod/api.example.com"`)
				continue
			}
			host = strings.ToLower(host)
			if excluded, ok := strings.CutPrefix(namespace, "~"); ok {
				if excluded == "" {
					excluded = "*"
				}
				e.excluded = append(e.excluded, egressHost{excluded, host})
				continue
			}
			e.hosts = append(e.hosts, egressHost{namespace, host})
		}
		e.listener = c.egressListener(field, l)
		out = append(out, e)
	}
	return out
}

// egressPlace checks an egress listener as one of the list.
func (c *checker) egressPlace(field string, list []*networking.IstioEgressListener, i int) {
	l := list[i]
	if l.GetPort() == nil && i < len(list)-1 {
		c.refuse(field, "Istio refuses a listener for all ports that is not the last", "put it last")
	}
	if len(l.GetHosts()) == 0 {
		c.refuse(field+".hosts", "the listener has no hosts, so nothing is reached through it; Istio refuses the object", `write for example ["./*"]`)
	}
	for _, other := range list[:i] {
		if n := l.GetPort().GetNumber(); n != 0 && other.GetPort().GetNumber() == n {
			c.refuse(field+".port", fmt.Sprintf("another listener has port %d; Istio refuses the object", n), "put the hosts into one listener")
			break
		}
	}
	c.egressDoubles(field, l.GetHosts())
}

// egressDoubles reports hosts that stand twice, or beside one that stands for them too.
func (c *checker) egressDoubles(field string, hosts []string) {
	seen := map[string]bool{}
	for _, h := range hosts {
		if strings.HasSuffix(h, "/*") {
			seen[h] = true
		}
	}
	doubled := map[string]bool{}
	for j, h := range hosts {
		namespace, host, _ := strings.Cut(h, "/")
		switch {
		case strings.HasPrefix(h, "~"):
		case doubled[h], host != "*" && seen[namespace+"/*"], h != "*/*" && seen["*/*"]:
			c.question(fmt.Sprintf("%s.hosts[%d]", field, j), h+" is listed twice, or is part of another of the hosts", "remove it")
		}
		doubled[h] = true
	}
}

// egressListener returns the listener of an entry that asks for one of its own.
func (c *checker) egressListener(field string, l *networking.IstioEgressListener) *EgressListener {
	own := l.GetCaptureMode() == networking.CaptureMode_NONE
	out := &EgressListener{
		Port: l.GetPort().GetNumber(), Protocol: entryProtocol(l.GetPort().GetProtocol(), l.GetPort().GetName()), Own: own,
	}
	if path, ok := strings.CutPrefix(l.GetBind(), unixPrefix); ok {
		switch {
		case len(path) < 2 || path[0] != '/' && path[0] != '@' || len(path) > longestPath:
			c.fail(field+".bind", fmt.Sprintf("%q is not the path of a Unix socket; there is no listener", l.GetBind()), "write for example unix:///var/run/out.sock")
			return nil
		case l.GetCaptureMode() == networking.CaptureMode_IPTABLES:
			c.refuse(field+".captureMode", "nothing can be redirected to a Unix socket; programs must connect to it", "write NONE")
		}
		out.Bind, out.Own = l.GetBind(), true
		return out
	}
	out.Bind = c.bindAddress(field+".bind", l.GetBind())
	switch {
	case out.Bind == "" && !own:
		return nil
	case out.Port == 0:
		if out.Bind != "" {
			c.fail(field+".port", "a listener with an address needs a port; there is none", "add port: {number: 9080, protocol: HTTP, name: egresshttp}")
		}
		return nil
	case out.Bind == "":
		out.Bind = "127.0.0.1"
	}
	return out
}

// ports returns the ports of a service that proxies of a namespace may use; none when the Sidecar does not list the service. Of several
// listeners the one for the very port decides, as Istio documents.
func (s *sidecar) ports(svc *Service, own string) []Port {
	if !s.limits() {
		return svc.Ports
	}
	covers := func(e egress) bool {
		return e.covers(svc.Namespace, own, func(pattern string) bool { return hostCovers(pattern, svc.Host) })
	}
	var allowed []Port
	for _, p := range svc.Ports {
		exact, admitted := false, false
		for _, e := range s.Egress {
			switch {
			case e.port == p.Number:
				admitted = exact && admitted || covers(e)
				exact = true
			case e.port == 0 && !exact:
				admitted = admitted || covers(e)
			}
		}
		if admitted {
			allowed = append(allowed, p)
		}
	}
	if len(allowed) == len(svc.Ports) {
		return svc.Ports
	}
	return allowed
}

// imports reports whether the Sidecar lets a VirtualService hold for its proxies.
func (s *sidecar) imports(v *virtual, own string) bool {
	if !s.limits() {
		return true
	}
	for _, e := range s.Egress {
		for _, h := range v.MeshHosts {
			if e.covers(v.key().Namespace, own, func(pattern string) bool { return hostsMeet(pattern, h) }) {
				return true
			}
		}
	}
	return false
}

func (e egress) covers(namespace, own string, match func(pattern string) bool) bool {
	listed := func(list []egressHost) bool {
		for _, h := range list {
			if h.admits(namespace, own) && match(h.host) {
				return true
			}
		}
		return false
	}
	return listed(e.hosts) && !listed(e.excluded)
}

// listeners are those of the Sidecar that programs address themselves.
func (s *sidecar) listeners() []EgressListener {
	if s == nil {
		return nil
	}
	var out []EgressListener
	for _, e := range s.Egress {
		if e.listener != nil {
			out = append(out, *e.listener)
		}
	}
	return out
}

// egressProxy checks the destination of what is unknown.
func (c *checker) egressProxy(spec *networking.Sidecar) {
	const field = "spec.outboundTrafficPolicy.egressProxy"
	policy := spec.GetOutboundTrafficPolicy()
	c.deprecated(field, policy.GetEgressProxy() != nil, "an egress gateway: a VirtualService of the sidecars that leads to it")
	switch d := policy.GetEgressProxy(); {
	case d == nil:
	case policy.GetMode() != networking.OutboundTrafficPolicy_ALLOW_ANY:
		c.refuse(field, "has no effect in mode REGISTRY_ONLY: traffic to unknown hosts is refused", "use mode: ALLOW_ANY")
	case d.GetHost() == "":
		c.fail(field+".host", "an egress proxy needs a host; unknown traffic goes out directly", "write the full name of a service")
	}
}

// EgressProxy is where a Sidecar sends traffic to unknown hosts.
type EgressProxy struct {
	Host, Subset string
	Port         uint32
}

// egressProxy returns the zero value where unknown traffic goes where it was going.
func (r *resolver) egressProxy(services []*ScopedService) EgressProxy {
	if r.sidecar == nil || !r.allowAny(r.sidecar) {
		return EgressProxy{}
	}
	d := r.sidecar.Spec.GetOutboundTrafficPolicy().GetEgressProxy()
	if d.GetHost() == "" {
		return EgressProxy{}
	}
	out := EgressProxy{Host: fqdn(d.GetHost(), r.sidecar.Object.Key.Namespace, r.config.DomainSuffix), Subset: d.GetSubset(), Port: d.GetPort().GetNumber()}
	if svc := find(services, out.Host); out.Port == 0 && svc != nil && len(svc.Ports) == 1 {
		out.Port = svc.Ports[0].Number
	}
	return out
}
