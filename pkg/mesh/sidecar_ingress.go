package mesh

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
)

// Ingress is one ingress listener of a Sidecar: how one port of the workload is served.
type Ingress struct {
	// Bind is the address to listen on; empty for the default.
	Bind string
	// Own: the proxy listens on the port itself; traffic for it is not redirected (captureMode NONE).
	Own bool
	// Host and Port are where the program listens; Host is empty for the workload's own address. A Port of 0 says nothing. Path is
	// that of a Unix socket, which then counts instead.
	Host string
	Port uint32
	Path string
	// TLS ends the TLS of clients from outside the mesh.
	TLS *networking.ServerTLSSettings
}

// ingress is a listener with the port that it is for.
type ingress struct {
	number   uint32
	protocol Protocol
	pool     *networking.ConnectionPoolSettings
	settings *Ingress
}

// parseIngress reads the ingress listeners of a Sidecar; one that cannot be is left out.
func parseIngress(c *checker, spec *networking.Sidecar) []ingress {
	var out []ingress
	c.pool("spec.inboundConnectionPool", spec.GetInboundConnectionPool())
	for i, l := range spec.GetIngress() {
		field := fmt.Sprintf("spec.ingress[%d]", i)
		n := l.GetPort().GetNumber()
		switch {
		case n == 0 || n > math.MaxUint16:
			c.fail(field+".port.number", fmt.Sprintf("port %d is not between 1 and 65535; the listener is left out", n), "write the number of the port")
			continue
		case slices.ContainsFunc(out, func(o ingress) bool { return o.number == n }):
			c.refuse(field+".port.number", fmt.Sprintf("port %d has a listener already; this one is left out", n), "give each listener its own port")
			continue
		}
		c.pool(field+".connectionPool", l.GetConnectionPool())
		s := &Ingress{Bind: c.bindAddress(field+".bind", l.GetBind()), Own: l.GetCaptureMode() == networking.CaptureMode_NONE}
		c.defaultEndpoint(field+".defaultEndpoint", l.GetDefaultEndpoint(), s)
		s.TLS = c.ingressTLS(field+".tls", l.GetTls())
		out = append(out, ingress{
			number: n, protocol: entryProtocol(l.GetPort().GetProtocol(), l.GetPort().GetName()), settings: s,
			pool: firstPool(l.GetConnectionPool(), spec.GetInboundConnectionPool()),
		})
	}
	return out
}

func firstPool(list ...*networking.ConnectionPoolSettings) *networking.ConnectionPoolSettings {
	for _, p := range list {
		if p != nil {
			return p
		}
	}
	return nil
}

// bindAddress returns the address if it is one.
func (c *checker) bindAddress(field, bind string) string {
	if bind == "" {
		return ""
	}
	ip, err := netip.ParseAddr(bind)
	if err != nil || ip.Zone() != "" {
		c.fail(field, fmt.Sprintf("%q is not an IP address; the default holds", bind), "write for example 127.0.0.1")
		return ""
	}
	return ip.String()
}

func (c *checker) defaultEndpoint(field, endpoint string, s *Ingress) {
	if endpoint == "" {
		return
	}
	if path, ok := strings.CutPrefix(endpoint, unixPrefix); ok {
		if len(path) < 2 || path[0] != '/' && path[0] != '@' || len(path) > longestPath {
			c.fail(field, fmt.Sprintf("%q is not the path of a Unix socket; the program is reached at the port itself", endpoint), "write for example unix:///var/run/app.sock")
			return
		}
		s.Path = path
		return
	}
	at, err := netip.ParseAddrPort(endpoint)
	loopback := at.Addr() == netip.AddrFrom4([4]byte{127, 0, 0, 1}) || at.Addr() == netip.IPv6Loopback()
	if err != nil || at.Port() == 0 || !loopback && !at.Addr().IsUnspecified() {
		c.fail(field, fmt.Sprintf("%q is not allowed; the program is reached at the port itself", endpoint),
			"write 127.0.0.1:PORT or [::1]:PORT, 0.0.0.0:PORT or [::]:PORT for the workload's own address, or unix:///PATH")
		return
	}
	s.Port = uint32(at.Port())
	if loopback {
		s.Host = at.Addr().String()
	}
}

const (
	unixPrefix = "unix://"
	// longestPath of a Unix socket that the kernel takes (sun_path, with the NUL at its end).
	longestPath = 107
)

// ingressTLS returns settings that can be used.
func (c *checker) ingressTLS(field string, t *networking.ServerTLSSettings) *networking.ServerTLSSettings {
	if t == nil {
		return nil
	}
	const without = "; the port is served without it"
	switch mode := t.GetMode(); {
	case mode != networking.ServerTLSSettings_SIMPLE && mode != networking.ServerTLSSettings_MUTUAL:
		c.fail(field+".mode", fmt.Sprintf("%s is not for sidecars%s", mode, without), "write SIMPLE or MUTUAL")
	case t.GetCredentialName() != "" || len(t.GetCredentialNames()) > 0:
		c.fail(field+".credentialName", "sidecars read certificates from files only"+without, "set serverCertificate and privateKey")
	case t.GetServerCertificate() == "" || t.GetPrivateKey() == "":
		c.fail(field, "TLS needs a certificate and its key"+without, "set serverCertificate and privateKey")
	case mode == networking.ServerTLSSettings_MUTUAL && t.GetCaCertificates() == "":
		c.fail(field+".caCertificates", "mode MUTUAL needs the authorities of client certificates"+without, "set caCertificates")
	default:
		return t
	}
	return nil
}

// listen replaces the ports that come from services by those of the Sidecar's ingress listeners. As Istio documents, a workload
// without services has none.
func (w *Workload) listen(s *sidecar) {
	if s == nil {
		return
	}
	for i := range w.Ports {
		w.Ports[i].Pool = firstPool(s.Spec.GetInboundConnectionPool(), w.Ports[i].Pool)
	}
	if len(s.Spec.GetIngress()) == 0 {
		return
	}
	w.Fixed = true
	declared := w.Ports
	w.Ports = nil
	if len(declared) == 0 {
		return
	}
	for _, l := range s.Ingress {
		port := declared[0]
		port.Port.Name, port.Port.TargetName = "", ""
		if at := slices.IndexFunc(declared, func(p WorkloadPort) bool { return p.Target == l.number }); at >= 0 {
			port = declared[at]
		} else {
			port.Port.Number, port.Port.TargetPort, port.Pool = l.number, l.number, nil
		}
		port.Target, port.Ingress, port.Protocol = l.number, l.settings, l.protocol
		port.Pool = firstPool(l.pool, port.Pool)
		w.Ports = append(w.Ports, port)
	}
	slices.SortFunc(w.Ports, func(a, b WorkloadPort) int { return int(a.Target) - int(b.Target) })
}

// servicePool is the connection pool that the DestinationRule of a service sets for one of its ports: Istio applies it at the server's
// sidecar, too.
func (t *tables) servicePool(svc *Service, port uint32, p Proxy) *networking.ConnectionPoolSettings {
	rule := t.rule(svc.Host, svc.Namespace, p.Namespace, p.Labels)
	if rule == nil {
		return nil
	}
	policy := rule.Spec.GetTrafficPolicy()
	for _, s := range policy.GetPortLevelSettings() {
		if s.GetPort().GetNumber() == port {
			return s.GetConnectionPool()
		}
	}
	return policy.GetConnectionPool()
}

// pools reports whether a rule sets a connection pool that holds at servers.
func (r *rule) pools() bool {
	policy := r.Spec.GetTrafficPolicy()
	return policy.GetConnectionPool() != nil || slices.ContainsFunc(policy.GetPortLevelSettings(),
		func(s *networking.TrafficPolicy_PortTrafficPolicy) bool { return s.GetConnectionPool() != nil })
}

// poolsChanged notes the workloads whose connection pools a changed rule may concern: it sets one, or hides a rule that does.
func (t *update) poolsChanged(r *rule) {
	concern := func(host string) {
		for _, svc := range t.services.get(host) {
			if r.pools() || t.pooled(host, svc.Namespace) {
				t.change.Inbound[svc.Namespace] = true
			}
		}
	}
	concern(r.Host)
	t.eachCovered(r.Host, concern)
}

// pooled reports whether some rule that may hold for a service at its own workloads sets a connection pool.
func (t *tables) pooled(host, namespace string) bool {
	pools := func(g *ruleGroup) bool { return slices.ContainsFunc(g.rules, (*rule).pools) }
	for _, pattern := range append([]string{host}, t.wildcardsOf(host)...) {
		for _, level := range t.ruleLevels(namespace, namespace) {
			if slices.ContainsFunc(t.ruleHosts.get(hostKey{pattern, level}), pools) {
				return true
			}
		}
	}
	return false
}
