package xdsserver

import (
	"context"
	"strings"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
)

// sotwClient is a proxy that speaks the state-of-the-world protocol: every request names all that it wants of a type.
type sotwClient struct {
	t         testing.TB
	stream    discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesClient
	responses chan *discoveryv3.DiscoveryResponse
	node      *corev3.Node
	names     map[string][]string
	last      map[string]*discoveryv3.DiscoveryResponse
}

func newSotwClient(t testing.TB, address string) *sotwClient {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := dial(t, address).StreamAggregatedResources(ctx)
	if err != nil {
		t.Fatal(err)
	}
	c := &sotwClient{
		t: t, stream: stream, responses: make(chan *discoveryv3.DiscoveryResponse, 100), node: &corev3.Node{Id: nodeID},
		names: map[string][]string{}, last: map[string]*discoveryv3.DiscoveryResponse{},
	}
	go func() {
		defer close(c.responses)
		for {
			r, err := stream.Recv()
			if err != nil {
				return
			}
			c.responses <- r
		}
	}()
	t.Cleanup(func() {
		cancel()
		for range c.responses {
		}
	})
	return c
}

func (c *sotwClient) ask(url string, names ...string) {
	c.names[url] = names
	c.send(url, nil)
}

func (c *sotwClient) send(url string, refusal *rpcstatus.Status) {
	c.t.Helper()
	r := &discoveryv3.DiscoveryRequest{
		Node: c.node, TypeUrl: url, ResourceNames: c.names[url], ErrorDetail: refusal,
		ResponseNonce: c.last[url].GetNonce(), VersionInfo: c.last[url].GetVersionInfo(),
	}
	c.node = nil
	if err := c.stream.Send(r); err != nil {
		c.t.Fatal(err)
	}
}

func (c *sotwClient) want(want string) {
	c.t.Helper()
	select {
	case r, ok := <-c.responses:
		if !ok {
			c.t.Fatal("the stream has ended")
		}
		c.last[r.GetTypeUrl()] = r
		if got := c.short(r); got != want {
			c.t.Fatalf("got response %q, want %q", got, want)
		}
	case <-time.After(patience):
		c.t.Fatalf("no response, want %q", want)
	}
}

func (c *sotwClient) expect(want ...string) {
	c.t.Helper()
	for _, w := range want {
		c.want(w)
		c.send(urlOf(strings.Fields(w)[0]), nil)
	}
}

// quiet makes sure that nothing else was sent.
func (c *sotwClient) quiet() {
	c.t.Helper()
	c.ask("probe", time.Now().String())
	c.expect("probe")
}

func (c *sotwClient) short(r *discoveryv3.DiscoveryResponse) string {
	name := shortNames[r.GetTypeUrl()]
	if name == "" {
		name = r.GetTypeUrl()
	}
	words := []string{name}
	for _, content := range r.GetResources() {
		message, err := content.UnmarshalNew()
		if err != nil {
			c.t.Fatal(err)
		}
		switch m := message.(type) {
		case *clusterv3.Cluster:
			words = append(words, m.GetName())
		case *endpointv3.ClusterLoadAssignment:
			words = append(words, m.GetClusterName())
		case *listenerv3.Listener:
			words = append(words, m.GetName())
		case *routev3.RouteConfiguration:
			words = append(words, m.GetName())
		}
	}
	return strings.Join(words, " ")
}
