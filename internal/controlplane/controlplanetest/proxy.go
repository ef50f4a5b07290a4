package controlplanetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/pkg/xds"
)

// Node is a proxy's node message; metadata has strings and maps of strings.
func Node(t testing.TB, id string, metadata map[string]any) *corev3.Node {
	t.Helper()
	fields, err := structpb.NewStruct(metadata)
	check(t, err)
	return &corev3.Node{Id: id, Metadata: fields, UserAgentName: "envoy"}
}

// Proxy is a client of delta xDS that asks for what Envoy would ask for, acknowledges all and remembers it.
type Proxy struct {
	t      testing.TB
	stream grpc.BidiStreamingClient[discoveryv3.DeltaDiscoveryRequest, discoveryv3.DeltaDiscoveryResponse]
	cancel func()
	done   chan struct{}

	mu   sync.Mutex
	node *corev3.Node
	held map[string]map[string]*discoveryv3.Resource // by type and name
	seen []string
	// answered are the types that were answered; probes counts those of Barrier.
	answered map[string]bool
	probes   int
	err      error
}

// Connect opens a stream. has is what the proxy has from an earlier one (see Held); nil for a new proxy.
func Connect(t testing.TB, conn grpc.ClientConnInterface, node *corev3.Node, has map[string]map[string]*discoveryv3.Resource) *Proxy {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(ctx)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	p := &Proxy{
		t: t, stream: stream, cancel: cancel, done: make(chan struct{}), node: node,
		held: map[string]map[string]*discoveryv3.Resource{}, answered: map[string]bool{},
	}
	for url, byName := range has {
		p.held[url] = maps.Clone(byName)
	}
	p.ask(xds.ClusterType)
	p.ask(xds.ListenerType)
	if has != nil {
		p.ask(xds.EndpointType, slices.Collect(maps.Keys(has[xds.EndpointType]))...)
		p.ask(xds.RouteType, slices.Collect(maps.Keys(has[xds.RouteType]))...)
	}
	go p.receive()
	t.Cleanup(p.Close)
	return p
}

// Close ends the stream.
func (p *Proxy) Close() {
	p.cancel()
	<-p.done
}

// Err waits for the end of the stream and returns its reason.
func (p *Proxy) Err() error {
	<-p.done
	return p.err
}

// ask subscribes to names of a type, to everything without names. The mutex is held, or nobody else is there yet.
func (p *Proxy) ask(url string, names ...string) {
	request := &discoveryv3.DeltaDiscoveryRequest{Node: p.node, TypeUrl: url, ResourceNamesSubscribe: names}
	p.node = nil
	if held, asked := p.held[url]; !asked {
		p.held[url] = map[string]*discoveryv3.Resource{}
	} else if len(held) > 0 {
		request.InitialResourceVersions = map[string]string{}
		for name, r := range held {
			request.InitialResourceVersions[name] = r.GetVersion()
		}
	}
	_ = p.stream.Send(request) // what went wrong, Recv says
}

// Ask subscribes to more names of a type.
func (p *Proxy) Ask(url string, names ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held[url] == nil {
		p.held[url] = map[string]*discoveryv3.Resource{}
	}
	_ = p.stream.Send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: url, ResourceNamesSubscribe: names})
}

func (p *Proxy) receive() {
	defer close(p.done)
	for {
		r, err := p.stream.Recv()
		if err != nil {
			p.mu.Lock()
			p.err = err
			p.mu.Unlock()
			return
		}
		p.take(r)
	}
}

func (p *Proxy) take(r *discoveryv3.DeltaDiscoveryResponse) {
	p.mu.Lock()
	defer p.mu.Unlock()
	url := r.GetTypeUrl()
	p.answered[url] = true
	_ = p.stream.Send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: url, ResponseNonce: r.GetNonce()})
	var refers []string
	for _, resource := range r.GetResources() {
		p.held[url][resource.GetName()] = proto.CloneOf(resource)
		p.seen = append(p.seen, short(url)+" "+resource.GetName())
		refers = append(refers, references(p.t, resource.GetResource())...)
	}
	for _, name := range r.GetRemovedResources() {
		if _, had := p.held[url][name]; had {
			p.seen = append(p.seen, short(url)+" -"+name)
		}
		delete(p.held[url], name)
	}
	to := map[string]string{xds.ClusterType: xds.EndpointType, xds.ListenerType: xds.RouteType}[url]
	refers = slices.DeleteFunc(refers, func(name string) bool { return p.held[to][name] != nil })
	if len(refers) == 0 {
		return
	}
	if p.held[to] == nil {
		p.held[to] = map[string]*discoveryv3.Resource{}
	}
	_ = p.stream.Send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: to, ResourceNamesSubscribe: refers})
}

// short is the type as in "CDS".
func short(url string) string {
	kind := url[strings.LastIndex(url, ".")+1:]
	return map[string]string{"Cluster": "CDS", "ClusterLoadAssignment": "EDS", "Listener": "LDS", "RouteConfiguration": "RDS", "Secret": "SDS"}[kind]
}

// Held returns what the proxy has, by type and name.
func (p *Proxy) Held() map[string]map[string]*discoveryv3.Resource {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string]map[string]*discoveryv3.Resource{}
	for url, byName := range p.held {
		out[url] = maps.Clone(byName)
	}
	return out
}

// Seen returns the resources that arrived since the last call, in order: "RDS 80", "CDS -gone".
func (p *Proxy) Seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.seen
	p.seen = nil
	return out
}

// Check calls check with a resource that the proxy has, and returns its error or that there is no such resource.
func (p *Proxy) Check(url, name string, check func(*discoveryv3.Resource) error) error {
	p.mu.Lock()
	r := p.held[url][name]
	p.mu.Unlock()
	if r == nil {
		return fmt.Errorf("there is no %s %s", short(url), name)
	}
	return check(r)
}

// Await waits until the proxy has a resource for which check (nil: any) returns nil.
func (p *Proxy) Await(url, name string, check func(*discoveryv3.Resource) error) {
	p.t.Helper()
	envoytest.Eventually(p.t, short(url)+" "+name, func() error {
		p.mu.Lock()
		r, err := p.held[url][name], p.err
		p.mu.Unlock()
		switch {
		case err != nil:
			p.t.Fatalf("the stream has ended: %v", err)
		case r == nil:
			return fmt.Errorf("not there")
		case check != nil:
			return check(r)
		}
		return nil
	})
}

// Barrier waits until the control plane has answered everything that was asked for: streams are answered in order, and a question of
// no consequence is answered too.
func (p *Proxy) Barrier() {
	p.t.Helper()
	p.mu.Lock()
	p.probes++
	url := fmt.Sprintf("type.example.com/probe.%d", p.probes)
	p.held[url] = map[string]*discoveryv3.Resource{}
	_ = p.stream.Send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: url, ResourceNamesSubscribe: []string{"x"}})
	p.mu.Unlock()
	envoytest.Eventually(p.t, "the answer to a probe", func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.answered[url] {
			return nil
		}
		return fmt.Errorf("not there; stream: %s", fmt.Sprint(p.err))
	})
}
