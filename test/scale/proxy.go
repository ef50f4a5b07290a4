package main

import (
	"context"
	"fmt"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"
)

// order of the types in which Envoy asks for them.
var order = [...]string{clusterURL, endpointURL, listenerURL, routeURL}

// proxy is a simulated sidecar.
type proxy struct {
	fleet *fleet
	node  *corev3.Node
	// have is what the proxy runs, by type and name; it outlives the connection.
	have [len(order)]map[string]*distinct
	// waiting are names that were asked for and not answered yet.
	waiting map[string]bool
	asked   [len(order)]bool
	stream  grpc.ClientStream
	ready   bool
}

// newProxy is the sidecar of an endpoint.
func newProxy(f *fleet, index int) *proxy {
	service, endpoint := index%f.layout.Services, index/f.layout.Services%f.layout.Endpoints
	name, namespace, ip := f.layout.name(service), f.layout.namespace(service), f.layout.ip(service, endpoint)
	metadata, err := structpb.NewStruct(map[string]any{
		"NAME": fmt.Sprintf("%s-%d", name, endpoint), "NAMESPACE": namespace, "SERVICE_ACCOUNT": name, "CLUSTER_ID": "Kubernetes",
		"INSTANCE_IPS": ip, "INTERCEPTION_MODE": "REDIRECT", "MESH_ID": "cluster.local", "ISTIO_VERSION": "1.31.0",
		"LABELS": map[string]any{"app": name, "version": fmt.Sprintf("v%d", 1+endpoint%2)}, "WORKLOAD_NAME": name,
	})
	if err != nil {
		panic(err) // the map above is made of strings
	}
	return &proxy{fleet: f, waiting: map[string]bool{}, node: &corev3.Node{
		Id:            fmt.Sprintf("sidecar~%s~%s-%d-%d.%s~%s.svc.cluster.local", ip, name, endpoint, index, namespace, namespace),
		Cluster:       name + "." + namespace,
		UserAgentName: "envoy", Metadata: metadata,
	}}
}

// run connects and does what Envoy does until ctx is done.
func (p *proxy) run(ctx context.Context) error {
	conn, err := grpc.NewClient(p.fleet.address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(codec{}), grpc.MaxCallRecvMsgSize(1<<30)))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	desc := &discoveryv3.AggregatedDiscoveryService_ServiceDesc
	method := "/" + desc.ServiceName + "/DeltaAggregatedResources"
	p.stream, err = conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method)
	if err != nil {
		return err
	}
	p.ready, p.asked, p.waiting = false, [len(order)]bool{}, map[string]bool{}
	if err := p.begin(); err != nil {
		return err
	}
	for {
		var r response
		if err := p.stream.RecvMsg(&r); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("%s: %w", p.node.GetId(), err)
		}
		if err := p.take(&r); err != nil {
			return err
		}
	}
}

// begin asks for clusters; a proxy that has been connected before says what it has of every type at once.
func (p *proxy) begin() error {
	again := p.have[0] != nil
	for i := range order {
		if i > 0 && !again {
			break
		}
		r := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: order[i]}
		if i == 0 {
			r.Node = p.node
		}
		if again {
			r.InitialResourceVersions = map[string]string{}
			for name, d := range p.have[i] {
				r.InitialResourceVersions[name] = d.version
				if order[i] == endpointURL || order[i] == routeURL {
					r.ResourceNamesSubscribe = append(r.ResourceNamesSubscribe, name)
				}
			}
		}
		p.asked[i] = true
		p.waiting[order[i]] = true
		if err := p.stream.SendMsg(r); err != nil {
			return err
		}
	}
	return nil
}

// take applies a response, acknowledges it and asks for what it makes necessary.
func (p *proxy) take(r *response) error {
	i := index(r.typeURL)
	if i < 0 {
		return fmt.Errorf("%s was sent the type %q without asking", p.node.GetId(), r.typeURL)
	}
	p.fleet.count(r)
	var needs []string
	for _, e := range r.resources {
		d, err := p.fleet.known.get(r.typeURL, e)
		if err != nil {
			return err
		}
		if p.have[i] == nil {
			p.have[i] = map[string]*distinct{}
		}
		p.have[i][d.name] = d
		delete(p.waiting, r.typeURL+d.name)
		needs = append(needs, d.needs...)
		if d.marked != nil {
			defer d.marked.seen(p)
		}
	}
	for _, name := range r.removed {
		delete(p.have[i], name)
		delete(p.waiting, r.typeURL+name)
	}
	delete(p.waiting, r.typeURL)
	if err := p.stream.SendMsg(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: r.typeURL, ResponseNonce: r.nonce}); err != nil {
		return err
	}
	return p.proceed(i, needs)
}

// proceed asks for the endpoints of new clusters and the routes of new listeners, and for listeners once all clusters have
// their endpoints, as Envoy does.
func (p *proxy) proceed(i int, needs []string) error {
	if order[i] == clusterURL || order[i] == listenerURL {
		if err := p.subscribe(i+1, needs); err != nil {
			return err
		}
	}
	if len(p.waiting) > 0 {
		return nil
	}
	if listeners := index(listenerURL); !p.asked[listeners] {
		p.asked[listeners], p.waiting[listenerURL] = true, true
		return p.stream.SendMsg(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: listenerURL})
	}
	if !p.ready {
		p.ready = true
		p.fleet.ready.Done()
	}
	return nil
}

func (p *proxy) subscribe(i int, names []string) error {
	r := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: order[i]}
	for _, name := range names {
		if p.have[i][name] == nil && !p.waiting[order[i]+name] {
			p.waiting[order[i]+name] = true
			r.ResourceNamesSubscribe = append(r.ResourceNamesSubscribe, name)
		}
	}
	if len(r.ResourceNamesSubscribe) == 0 {
		return nil
	}
	p.asked[i] = true
	return p.stream.SendMsg(r)
}

func index(url string) int {
	for i, u := range order {
		if u == url {
			return i
		}
	}
	return -1
}
