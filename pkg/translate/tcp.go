package translate

import (
	"cmp"
	"slices"
	"strings"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	tcpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/mesh"
)

const tcpProxyFilter = "envoy.filters.network.tcp_proxy"

// tcpProxy leads connections to clusters.
func (t traffic) tcpProxy(c Chain) *listenerv3.Filter {
	out := &tcpproxyv3.TcpProxy{StatPrefix: cmp.Or(c.StatPrefix, BlackHoleCluster), AccessLog: t.accessLog(true)}
	atOpening(out)
	c.Policy.govern(out)
	if len(c.Clusters) == 1 {
		out.ClusterSpecifier = &tcpproxyv3.TcpProxy_Cluster{Cluster: c.Clusters[0].Name}
	} else {
		weighted := &tcpproxyv3.TcpProxy_WeightedCluster{}
		for _, w := range c.Clusters {
			weighted.Clusters = append(weighted.Clusters, &tcpproxyv3.TcpProxy_WeightedCluster_ClusterWeight{Name: w.Name, Weight: w.Weight})
		}
		out.ClusterSpecifier = &tcpproxyv3.TcpProxy_WeightedClusters{WeightedClusters: weighted}
	}
	return networkFilter(tcpProxyFilter, out)
}

// tcpChains translates the TCP routes of a VirtualService for one port; the first route without subnets takes the rest. ok is false
// when no route concerns the port.
func tcpChains(vs *mesh.VirtualService, t targets, notes *problems) (chains []Chain, ok bool) {
	notes.object = vs.Object.Key
	for i, r := range vs.Spec.GetTcp() {
		path := field("spec.tcp", i)
		clusters := weightedClusters(r.GetRoute(), t, path, notes)
		if len(clusters) == 0 {
			continue
		}
		if len(r.GetMatch()) == 0 {
			return append(chains, Chain{Clusters: clusters, StatPrefix: clusters[0].Name, Policy: t.streams(r.GetRoute()), Raw: t.raw(r.GetRoute())}), true
		}
		for j, m := range r.GetMatch() {
			if m.GetPort() != 0 && m.GetPort() != t.port {
				continue
			}
			subnets := validSubnets(m.GetDestinationSubnets(), field(path+".match", j), notes)
			if len(m.GetDestinationSubnets()) > 0 && len(subnets) == 0 {
				continue
			}
			chains = append(chains, Chain{Subnets: subnets, Clusters: clusters, StatPrefix: clusters[0].Name, Policy: t.streams(r.GetRoute()), Raw: t.raw(r.GetRoute())})
			if len(subnets) == 0 {
				return chains, true
			}
		}
	}
	return chains, len(chains) > 0
}

// tlsChains translates the TLS routes of a VirtualService for one port: by SNI.
func tlsChains(vs *mesh.VirtualService, t targets, notes *problems) []Chain {
	notes.object = vs.Object.Key
	var out []Chain
	for i, r := range vs.Spec.GetTls() {
		path := field("spec.tls", i)
		clusters := weightedClusters(r.GetRoute(), t, path, notes)
		if len(clusters) == 0 {
			continue
		}
		for j, m := range r.GetMatch() {
			if m.GetPort() != 0 && m.GetPort() != t.port {
				continue
			}
			subnets := validSubnets(m.GetDestinationSubnets(), field(path+".match", j), notes)
			if len(m.GetDestinationSubnets()) > 0 && len(subnets) == 0 {
				continue
			}
			names, any := serverNames(m.GetSniHosts())
			if len(names) == 0 && !any {
				notes.fail(field(path+".match", j)+".sniHosts", "no name that a TLS client could ask for", "a wildcard may only be the whole first label")
				continue
			}
			c := Chain{TLS: true, ServerNames: names, Subnets: subnets, Clusters: clusters, StatPrefix: clusters[0].Name, Policy: t.streams(r.GetRoute()), Raw: t.raw(r.GetRoute())}
			if len(clusters) == 1 {
				c.Resolve = t.resolves(r.GetRoute()[0].GetDestination())
			}
			out = append(out, c)
		}
	}
	return out
}

func weightedClusters(routes []*networking.RouteDestination, t targets, path string, notes *problems) []WeightedCluster {
	var out []WeightedCluster
	for _, r := range routes {
		if len(routes) == 1 {
			return []WeightedCluster{{Name: t.cluster(r.GetDestination()), Weight: 100}}
		}
		if r.GetWeight() > 0 {
			out = append(out, WeightedCluster{Name: t.cluster(r.GetDestination()), Weight: uint32(r.GetWeight())})
		}
	}
	if len(out) == 0 {
		notes.fail(path+".route", "no destination has any weight", "give the destinations weights whose sum is 100")
	}
	return out
}

func validSubnets(list []string, path string, notes *problems) []string {
	var out []string
	for _, s := range list {
		p, ok := subnet(s)
		if !ok {
			notes.fail(path+".destinationSubnets", s+" is no address range", "for example 10.1.2.0/24")
			continue
		}
		out = append(out, p.String())
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// serverNames keeps to what Envoy takes: lower case, a wildcard only as the whole first label. any says that there is no
// restriction, as with "*".
func serverNames(hosts []string) (names []string, any bool) {
	for _, h := range hosts {
		h = strings.ToLower(h)
		if h == "*" {
			return nil, true
		}
		if h != "" && !strings.Contains(strings.TrimPrefix(h, "*."), "*") {
			names = append(names, h)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), len(hosts) == 0
}

// distinct removes from each chain what a chain before it takes already: Envoy refuses a listener with two chains for the same
// connections.
func distinct(chains []Chain) []Chain {
	seen := map[string]bool{}
	var out []Chain
	for _, c := range chains {
		names, subnets := c.ServerNames, c.Subnets
		if len(names) == 0 {
			names = []string{""}
		}
		if len(subnets) == 0 {
			subnets = []string{""}
		}
		if len(names) == 1 { // what is left of the subnets is of use
			subnets = slices.DeleteFunc(slices.Clone(subnets), func(s string) bool { return seen[names[0]+" "+s] })
		}
		names = slices.DeleteFunc(slices.Clone(names), func(n string) bool {
			return len(subnets) == 0 || slices.ContainsFunc(subnets, func(s string) bool { return seen[n+" "+s] })
		})
		for _, n := range names {
			for _, s := range subnets {
				seen[n+" "+s] = true
			}
		}
		if len(names) == 0 {
			continue
		}
		if len(c.ServerNames) > 0 {
			c.ServerNames = names
		}
		if len(c.Subnets) > 0 {
			c.Subnets = subnets
		}
		out = append(out, c)
	}
	return out
}
