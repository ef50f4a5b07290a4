package envoyfilter

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	"google.golang.org/protobuf/proto"
)

var errSocketMatches = errors.New("it chooses a transport socket for each endpoint, and none of these has the name in the value")

// checkNewCluster holds a cluster that a patch adds to Envoy's rules.
func checkNewCluster(value proto.Message, name string) error {
	if name == "" {
		return errors.New("a cluster needs a name")
	}
	if strings.HasPrefix(name, "inbound|") {
		return errors.New("names that begin with inbound| are those of a workload's own ports")
	}
	return checkCluster(value.(*clusterv3.Cluster), name)
}

// checkCluster holds a cluster to Envoy's rules; it must still have its name.
func checkCluster(c *clusterv3.Cluster, name string) error {
	if c.GetName() != name {
		return fmt.Errorf("its name would change to %q: leave name out of the value", c.GetName())
	}
	if err := validate(c); err != nil {
		return err
	}
	provided := c.GetLbPolicy() == clusterv3.Cluster_CLUSTER_PROVIDED
	kind := c.GetType()
	endpoints := 0
	for _, l := range c.GetLoadAssignment().GetEndpoints() {
		endpoints += len(l.GetLbEndpoints())
	}
	switch {
	case c.GetTransportSocket() != nil && len(c.GetTransportSocketMatches()) > 0:
		return errSocketMatches
	case c.GetClusterType() != nil:
		return nil
	case kind == clusterv3.Cluster_EDS && c.GetEdsClusterConfig() == nil:
		return errors.New("a cluster of type EDS needs eds_cluster_config")
	case kind != clusterv3.Cluster_EDS && c.GetEdsClusterConfig() != nil:
		return fmt.Errorf("eds_cluster_config is for type EDS, and the type is %s", kind)
	case kind == clusterv3.Cluster_ORIGINAL_DST && !provided:
		return errors.New("a cluster of type ORIGINAL_DST needs lb_policy: CLUSTER_PROVIDED")
	case kind != clusterv3.Cluster_ORIGINAL_DST && provided:
		return fmt.Errorf("lb_policy CLUSTER_PROVIDED is for type ORIGINAL_DST, and the type is %s", kind)
	case (kind == clusterv3.Cluster_EDS || kind == clusterv3.Cluster_ORIGINAL_DST) && c.GetLoadAssignment() != nil:
		return fmt.Errorf("a cluster of type %s has no load_assignment", kind)
	case kind == clusterv3.Cluster_LOGICAL_DNS && endpoints != 1:
		return fmt.Errorf("a cluster of type LOGICAL_DNS needs exactly one endpoint, and has %d", endpoints)
	}
	return checkEndpoints(c)
}

// checkEndpoints makes sure that names are only where they are resolved.
func checkEndpoints(c *clusterv3.Cluster) error {
	for _, l := range c.GetLoadAssignment().GetEndpoints() {
		for _, e := range l.GetLbEndpoints() {
			socket := e.GetEndpoint().GetAddress().GetSocketAddress()
			if socket == nil || socket.GetResolverName() != "" {
				continue
			}
			if _, err := netip.ParseAddr(socket.GetAddress()); err != nil && c.GetType() == clusterv3.Cluster_STATIC {
				return fmt.Errorf("the endpoint %q is no IP address, which type STATIC needs: use STRICT_DNS for names", socket.GetAddress())
			}
		}
	}
	return nil
}
