package envoyfilter

import (
	"slices"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/proto"
	networking "istio.io/api/networking/v1alpha3"
)

// ConcernsCluster reports whether a patch is for the cluster of that place.
func (g *Program) ConcernsCluster(at Place) bool {
	return g != nil && slices.ContainsFunc(g.clusters, func(p *Patch) bool { return p.matchesCluster(at) })
}

// Cluster returns a cluster with the patches of the program. The given one is not changed.
func (g *Program) Cluster(c *clusterv3.Cluster, at Place) Result[*clusterv3.Cluster] {
	out := Result[*clusterv3.Cluster]{Message: c}
	for _, p := range g.clusters {
		if !p.matchesCluster(at) {
			continue
		}
		if p.operation == networking.EnvoyFilter_Patch_REMOVE {
			out.applied(p)
			out.Message, out.Removed = nil, true
			return out
		}
		next := proto.CloneOf(out.Message)
		err := mergeCluster(next, p)
		if err == nil {
			err = checkCluster(next, c.GetName())
		}
		if err != nil {
			out.refused(p, "cluster "+c.GetName(), err)
			continue
		}
		out.applied(p)
		out.Message = next
	}
	return out
}

// matchesCluster compares the match with the cluster's name, which says everything. A name excludes the other conditions, as in Istio.
func (p *Patch) matchesCluster(at Place) bool {
	if !p.in(at.Context) {
		return false
	}
	m := p.match.GetCluster()
	if m == nil {
		return true
	}
	if m.GetName() != "" {
		return m.GetName() == at.Names[0]
	}
	c := parseCluster(at.Names[0])
	hosts := []string{c.host}
	if c.inbound && len(at.Services) > 0 {
		hosts = at.Services
	}
	return (m.GetSubset() == "" || m.GetSubset() == c.subset) && (m.GetPortNumber() == 0 || m.GetPortNumber() == c.port) &&
		(m.GetService() == "" || slices.Contains(hosts, strings.ToLower(m.GetService())))
}

// mergeCluster merges a transport socket of the same name within; another one replaces what is there.
func mergeCluster(c *clusterv3.Cluster, p *Patch) error {
	value := copyOf[*clusterv3.Cluster](p)
	if socket := value.GetTransportSocket(); socket != nil {
		value.TransportSocket = nil
		if err := mergeSocket(c, socket, p.replacesLists()); err != nil {
			return err
		}
	}
	merge(c, value, p.replacesLists())
	return nil
}

func mergeSocket(c *clusterv3.Cluster, socket *corev3.TransportSocket, replaceLists bool) error {
	named := false
	for _, m := range c.GetTransportSocketMatches() {
		if m.GetTransportSocket().GetName() != socket.GetName() {
			continue
		}
		named = true
		if err := mergeTyped(m.TransportSocket, socket, replaceLists); err != nil {
			return err
		}
		break
	}
	switch {
	case named:
	case len(c.GetTransportSocketMatches()) > 0:
		return errSocketMatches
	case c.GetTransportSocket().GetName() == socket.GetName():
		return mergeTyped(c.TransportSocket, socket, replaceLists)
	default:
		c.TransportSocket = socket
	}
	return nil
}
