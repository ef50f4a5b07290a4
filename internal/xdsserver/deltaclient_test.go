package xdsserver

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"

	"github.com/meshctl/meshctl/pkg/xds"
)

// deltaClient is a proxy that does what it is told to.
type deltaClient struct {
	t         testing.TB
	stream    discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesClient
	responses chan *discoveryv3.DeltaDiscoveryResponse
	err       error
	node      *corev3.Node
	last      map[string]*discoveryv3.DeltaDiscoveryResponse
	cancel    func()
	probe     int
}

const nodeID = "sidecar~10.0.0.1~web-1.shop~shop.svc.cluster.local"

func newDeltaClient(t testing.TB, address string) *deltaClient {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := dial(t, address).DeltaAggregatedResources(ctx)
	if err != nil {
		t.Fatal(err)
	}
	c := &deltaClient{
		t: t, stream: stream, responses: make(chan *discoveryv3.DeltaDiscoveryResponse, 100), node: &corev3.Node{Id: nodeID},
		last: map[string]*discoveryv3.DeltaDiscoveryResponse{}, cancel: cancel,
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(c.responses)
		for {
			r, err := stream.Recv()
			if err != nil {
				c.err = err
				return
			}
			c.responses <- r
		}
	}()
	t.Cleanup(func() {
		cancel()
		for range c.responses {
		}
		<-done
	})
	return c
}

func (c *deltaClient) send(r *discoveryv3.DeltaDiscoveryRequest) {
	c.t.Helper()
	r.Node, c.node = c.node, nil
	if err := c.stream.Send(r); err != nil {
		c.t.Fatal(err)
	}
}

// ask subscribes to names of a type, to everything without names.
func (c *deltaClient) ask(url string, names ...string) {
	c.t.Helper()
	c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: url, ResourceNamesSubscribe: names})
}

func (c *deltaClient) ack(url string) {
	c.t.Helper()
	c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: url, ResponseNonce: c.last[url].GetNonce()})
}

func (c *deltaClient) nack(url, text string) {
	c.t.Helper()
	c.send(&discoveryv3.DeltaDiscoveryRequest{
		TypeUrl: url, ResponseNonce: c.last[url].GetNonce(), ErrorDetail: refusalOf(text),
	})
}

func refusalOf(text string) *rpcstatus.Status { return &rpcstatus.Status{Code: 13, Message: text} }

// next returns the next response in short: "CDS a b -c".
func (c *deltaClient) next() string {
	c.t.Helper()
	select {
	case r, ok := <-c.responses:
		if !ok {
			c.t.Fatalf("the stream has ended: %v", c.err)
		}
		c.last[r.GetTypeUrl()] = r
		return short(r)
	case <-time.After(patience):
		c.t.Fatal("no response")
		return ""
	}
}

// expect wants these responses, in this order, and acknowledges each.
func (c *deltaClient) expect(want ...string) {
	c.t.Helper()
	for _, w := range want {
		c.want(w)
		c.ackLast(w)
	}
}

func (c *deltaClient) want(want string) {
	c.t.Helper()
	if got := c.next(); got != want {
		c.t.Fatalf("got response %q, want %q", got, want)
	}
}

func (c *deltaClient) ackLast(want string) {
	c.t.Helper()
	c.ack(urlOf(strings.Fields(want)[0]))
}

// quiet makes sure that nothing else was sent: the answer to a question of no consequence comes next.
func (c *deltaClient) quiet() {
	c.t.Helper()
	c.probe++
	c.ask(fmt.Sprintf("probe/%d", c.probe))
	c.expect(fmt.Sprintf("probe/%d", c.probe))
}

var shortNames = map[string]string{
	xds.ClusterType: "CDS", xds.EndpointType: "EDS", xds.ListenerType: "LDS", xds.RouteType: "RDS", xds.SecretType: "SDS", xds.ExtensionType: "ECDS",
}

func urlOf(name string) string {
	for url, n := range shortNames {
		if n == name {
			return url
		}
	}
	return name
}

func short(r *discoveryv3.DeltaDiscoveryResponse) string {
	name := shortNames[r.GetTypeUrl()]
	if name == "" {
		name = r.GetTypeUrl()
	}
	words := []string{name}
	for _, resource := range r.GetResources() {
		words = append(words, resource.GetName())
	}
	for _, gone := range r.GetRemovedResources() {
		words = append(words, "-"+gone)
	}
	return strings.Join(words, " ")
}
