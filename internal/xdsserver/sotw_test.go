package xdsserver

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"

	"github.com/meshctl/meshctl/pkg/xds"
)

// As gRPC's own client does: everything by name, each name found in the resource before.
func TestProxylessClient(t *testing.T) {
	m, s, address := serve(t, Options{}, listener("web:80", "1"), route("web", "a"), cluster("a", 1), endpoints("a", 1), cluster("b", 1), endpoints("b", 1))
	c := newSotwClient(t, address)
	c.ask(xds.ListenerType, "web:80")
	c.expect("LDS web:80")
	c.ask(xds.RouteType, "web")
	c.expect("RDS web")
	c.ask(xds.ClusterType, "a")
	c.expect("CDS a")
	c.ask(xds.EndpointType, "a")
	c.expect("EDS a")
	c.quiet()
	synced(t, s)
	m.set(listener("web:80", "1"), route("web", "a"), cluster("a", 1), endpoints("a", 1, 2), cluster("b", 2), endpoints("b", 1, 2))
	c.expect("EDS a") // b is none of its business
	c.quiet()
	c.ask(xds.ClusterType, "a", "b")
	c.expect("CDS a b") // the state of the world
	c.ask(xds.EndpointType, "a", "b")
	c.expect("EDS b") // what is new
	m.set(listener("web:80", "1"), route("web", "b"), cluster("b", 2), endpoints("b", 1, 2))
	c.expect("RDS web", "CDS b") // a goes after the route that led to it
	synced(t, s)
	m.set(route("web", "b"), cluster("b", 2), endpoints("b", 1, 2))
	c.expect("LDS") // the listener is gone
	c.ask(xds.ListenerType, "web:80", "other:80")
	c.expect("LDS")
	c.ask(xds.EndpointType, "b", "nowhere")
	c.expect("EDS")
	c.quiet()
}

func TestStateOfTheWorldWildcardAndRejection(t *testing.T) {
	m, s, address := serve(t, Options{}, cluster("a", 1), listener("l", "1"), route("80", "a"))
	c := newSotwClient(t, address)
	c.ask(xds.ClusterType)
	c.expect("CDS a")
	c.ask(xds.ListenerType, "*")
	c.expect("LDS l")
	c.ask(xds.RouteType, "80", "81")
	c.expect("RDS 80")
	c.ask(xds.SecretType)
	c.expect("SDS")
	m.set(cluster("a", 1), cluster("b", 1), listener("l", "2"), listener("l2", "1"), route("80", "a"))
	c.want("CDS a b")
	c.quiet()
	c.send(xds.ClusterType, nil)
	c.want("LDS l l2")
	c.send(xds.ListenerType, &rpcstatus.Status{Message: "listener l2: no address"})
	c.quiet()
	got := typeStatus(t, s, xds.ListenerType)
	if got.State != Rejected || len(got.Rejections) != 1 || got.Rejections[0].Resource != "l2" {
		t.Errorf("got %+v", got)
	}
	m.set(cluster("b", 1), listener("l", "2"), listener("l2", "2"), route("80", "b"))
	c.expect("LDS l l2", "RDS 80", "CDS b")
	c.quiet()
	synced(t, s)
}

// What a proxy refused and then no longer asks for is neither a rejection any more nor in the way of removals.
func TestRejectionOfWhatIsNoLongerAskedFor(t *testing.T) {
	m, s, address := serve(t, Options{}, listener("l", "1"), route("web", "a"), route("new", "a"), cluster("a", 1), cluster("b", 1))
	c := newSotwClient(t, address)
	c.ask(xds.ListenerType, "l")
	c.expect("LDS l")
	c.ask(xds.ClusterType, "a", "b")
	c.expect("CDS a b")
	c.ask(xds.RouteType, "web")
	c.want("RDS web")
	c.send(xds.RouteType, &rpcstatus.Status{Message: "route web: no"})
	c.ask(xds.RouteType, "new")
	c.expect("RDS new")
	synced(t, s)
	m.set(listener("l", "1"), route("web", "a"), route("new", "a"), cluster("a", 1))
	c.expect("CDS a")
	synced(t, s)
}

// go-control-plane throws away a response that waits in its channel when a request of the same type comes first.
func TestLostResponsesAreSentAgain(t *testing.T) {
	m, s, address := serve(t, Options{WarmTimeout: time.Millisecond}, cluster("a", 1))
	c := newSotwClient(t, address)
	c.ask(xds.ClusterType)
	c.expect("CDS a")
	for i := range 200 {
		m.set(cluster("a", i))
		c.send(xds.ClusterType, nil)
	}
	m.set(cluster("last", 1))
	for last := ""; last != "CDS last"; {
		r := <-c.responses
		c.last[xds.ClusterType] = r
		last = c.short(r)
		c.send(xds.ClusterType, nil)
	}
	synced(t, s)
}

// Envoy has no use for endpoints of a cluster that it does not know yet, and waits for them once it does: they come after
// it even when go-control-plane has thrown the clusters away and they are sent later.
func TestEndpointsFollowLostClusters(t *testing.T) {
	m, _, address := serve(t, Options{WarmTimeout: time.Millisecond}, cluster("c", 1), endpoints("c", 1))
	c := newSotwClient(t, address)
	c.ask(xds.ClusterType)
	c.expect("CDS c")
	c.ask(xds.EndpointType, "c")
	c.expect("EDS c")
	for i := range 1000 {
		name := fmt.Sprint("c", i)
		m.set(cluster(name, 1), endpoints(name, 1))
		c.send(xds.ClusterType, nil) // meets the response, which waits in go-control-plane's channel
		for known, served := false, false; !served; {
			select {
			case r := <-c.responses:
				c.last[r.GetTypeUrl()] = r
				known = known || slices.Contains(strings.Fields(c.short(r)), name) && r.GetTypeUrl() == xds.ClusterType
				served = known && c.short(r) == "EDS "+name
				c.send(r.GetTypeUrl(), nil)
			case <-time.After(patience):
				t.Fatalf("%s has no endpoints (is it known: %t)", name, known)
			}
		}
		c.ask(xds.EndpointType, name)
	}
}
