package translate

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// DomainsInput is what the domains of a virtual host depend on.
type DomainsInput struct {
	// Host is fully qualified: that of a service or, without one, of a VirtualService or a Gateway.
	Host string
	// Service behind the host, nil when there is none.
	Service *mesh.Service
	Port    uint32
	// Namespace of the clients: they may use short names for what is in it.
	Namespace    string
	DomainSuffix string // "cluster.local"
	// Ports says how clients' authorities carry the port.
	Ports PortForm
}

// PortForm says whether domains carry ports.
type PortForm uint8

const (
	// PortIgnored means that the route configuration ignores ports when it matches (IgnorePortInHostMatching) and domains have none.
	PortIgnored PortForm = iota
	// PortRequired means that routes of many ports share a configuration; only port 80 may be left out, as HTTP says.
	PortRequired
	// PortOptional means with and without the port.
	PortOptional
)

// Domains returns the names by which clients address a host: for a Kubernetes Service seen from its own namespace
// "reviews", "reviews.default", "reviews.default.svc" and the full name, and its virtual IPs.
func Domains(in DomainsInput) []string {
	names := hostNames(in)
	if in.Service != nil {
		if in.Service.Headless { // pods behind headless services are addressed by names of their own
			for _, n := range slices.Clone(names) {
				names = append(names, "*."+n)
			}
		}
		for _, a := range in.Service.Addresses {
			if ip, err := netip.ParseAddr(a); err == nil && !ip.IsUnspecified() {
				names = append(names, authorityOf(ip))
			}
		}
	}
	var out []string
	for _, n := range names {
		if in.Ports != PortRequired || in.Port == 80 {
			out = append(out, n)
		}
		if in.Ports != PortIgnored && n != "*" {
			out = append(out, HostPort(n, in.Port))
		}
	}
	return out
}

// hostNames lists the full name first, then the short ones that mean it in the client's namespace.
func hostNames(in DomainsInput) []string {
	host := strings.ToLower(in.Host)
	names := []string{host}
	if in.Service == nil || in.Service.Name == "" || wildcard(host) {
		return names
	}
	name, namespace := in.Service.Name, in.Service.Namespace
	if host != name+"."+namespace+".svc."+in.DomainSuffix {
		return names
	}
	if namespace == in.Namespace {
		names = append(names, name)
	}
	return append(names, name+"."+namespace, name+"."+namespace+".svc")
}

// authorityOf writes an address as it stands in a URL.
func authorityOf(ip netip.Addr) string {
	if ip.Is6() {
		return "[" + ip.String() + "]"
	}
	return ip.String()
}

// UniqueDomains takes away from each list what a list before it already has: Envoy refuses a route configuration in which a domain
// occurs twice. The lists given are not changed; a virtual host left without domains must be left out.
func UniqueDomains(lists [][]string) [][]string {
	seen := map[string]bool{}
	out := make([][]string, len(lists))
	for i, list := range lists {
		out[i] = list
		for j, d := range list {
			if !seen[d] {
				seen[d] = true
				continue
			}
			kept := slices.Clone(list[:j])
			for _, d := range list[j+1:] {
				if !seen[d] {
					seen[d] = true
					kept = append(kept, d)
				}
			}
			out[i] = kept
			break
		}
	}
	return out
}
