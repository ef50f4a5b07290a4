package xdsserver

import (
	"context"
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/meshctl/meshctl/pkg/xds"
)

const sotwProtocol = "sotw"

// sotwStream is the cache and the callbacks of one state-of-the-world stream's own go-control-plane server.
type sotwStream struct {
	*stream
	// pending are responses in go-control-plane's channel.
	pending []*push
}

// OnStreamOpen has nothing to do: the stream was opened before go-control-plane saw it.
func (w *sotwStream) OnStreamOpen(context.Context, int64, string) error { return nil }

// OnStreamClosed has nothing to do, likewise.
func (w *sotwStream) OnStreamClosed(int64, *corev3.Node) {}

// OnStreamRequest takes note of the answer in a request. What is asked for waits for CreateWatch: go-control-plane drops
// requests with an old nonce in between.
func (w *sotwStream) OnStreamRequest(_ int64, r *discoveryv3.DiscoveryRequest) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if sub := w.sub(r.GetTypeUrl()); sub != nil && r.GetResponseNonce() != "" {
		w.answered(sub, r.GetResponseNonce(), r.GetErrorDetail())
	}
	return nil
}

// CreateWatch is called after every request that counts: it sends what is due, of any type.
func (w *sotwStream) CreateWatch(r *cache.Request, _ cache.Subscription, responses chan cache.Response) (func(), error) {
	w.mu.Lock()
	if r.GetTypeUrl() != wakeURL {
		w.subscribe(r)
	}
	w.requeue(r.GetTypeUrl())
	w.advance()
	flush(w.stream, responses, func(p *push) cache.Response {
		w.pending = append(w.pending, p)
		return &sotwResponse{stream: w, push: p}
	})
	w.mu.Unlock()
	w.server.notify()
	return nil, nil
}

// CreateDeltaWatch is never called: this stream speaks state of the world.
func (w *sotwStream) CreateDeltaWatch(*cache.DeltaRequest, cache.Subscription, chan cache.DeltaResponse) (func(), error) {
	return nil, errOtherProtocol
}

// requeue sends again what go-control-plane has thrown away: before a request it sends the waiting responses except for
// those of the request's own type. Clusters are then later than the endpoints that were to go along with them, which the
// proxy had no use for yet and would wait for: they are sent again, too.
func (w *sotwStream) requeue(url string) {
	var lost []*push
	w.pending = slices.DeleteFunc(w.pending, func(p *push) bool {
		if p.sub.url == url {
			lost = append(lost, p)
			return true
		}
		return false
	})
	w.queue = append(lost, w.queue...)
	endpoints := w.sub(xds.EndpointType)
	if url != xds.ClusterType || endpoints == nil {
		return
	}
	for _, p := range lost {
		w.send(endpoints, endpoints.accompany(p.changed, nil, p.sub.wildcard), nil)
	}
}

func (w *sotwStream) subscribe(r *discoveryv3.DiscoveryRequest) {
	sub := w.sub(r.GetTypeUrl())
	if sub == nil {
		sub = &subscription{url: r.GetTypeUrl(), owed: true, legacy: wildcardByDefault(r.GetTypeUrl())}
		w.subs = append(w.subs, sub)
	}
	list := newNames(r.GetResourceNames())
	if sub.legacy && len(list) == 0 {
		sub.wildcard = true
		return
	}
	sub.legacy = false
	wildcard := list.has("*")
	list = list.without(names{"*"})
	added := list.without(sub.names)
	sub.owed = sub.owed || len(added) > 0 || wildcard && !sub.wildcard
	if !wildcard {
		sub.forget(sub.names.without(list))
	}
	sub.names, sub.wildcard = list, wildcard
	w.shareNames(sub)
	sub.asked = sub.asked.with(added)
}

// complete makes the push what this protocol can express, and reports whether that is worth sending: all clusters and
// listeners that were asked for, those included whose removal is deferred; of the other types just what changed.
func (s *subscription) complete(p *push) bool {
	if !wildcardByDefault(s.url) {
		p.removed = nil
		return len(p.changed) > 0 || s.owed
	}
	p.whole = []*xds.Resource{}
	for r := range s.base.All() {
		if s.wildcard || s.names.has(r.Name) {
			p.whole = append(p.whole, r)
		}
	}
	for _, r := range s.deferred {
		if s.base.Get(r.Name) == nil && (s.wildcard || s.names.has(r.Name)) {
			p.whole = append(p.whole, r)
		}
	}
	p.removed = nil
	return true
}

// OnStreamResponse takes note of the nonce.
func (w *sotwStream) OnStreamResponse(_ context.Context, _ int64, _ *discoveryv3.DiscoveryRequest, r *discoveryv3.DiscoveryResponse) {
	w.sending(w.building, r.GetNonce())
}

// sotwResponse is built when it is about to be sent, as deltaResponse is.
type sotwResponse struct {
	stream *sotwStream
	push   *push
}

func (r *sotwResponse) GetDiscoveryResponse() (*discoveryv3.DiscoveryResponse, error) {
	w := r.stream
	w.pending = slices.DeleteFunc(w.pending, func(p *push) bool { return p == r.push })
	if err := w.hold(r.push); err != nil {
		return nil, err
	}
	w.building = r.push
	content := r.push.content()
	out := &discoveryv3.DiscoveryResponse{
		TypeUrl: r.push.sub.url, VersionInfo: r.push.version, Resources: make([]*anypb.Any, len(content)),
	}
	for i, resource := range content {
		out.Resources[i] = resource.Any
	}
	return out, nil
}

func (r *sotwResponse) GetRequest() *discoveryv3.DiscoveryRequest {
	return &discoveryv3.DiscoveryRequest{TypeUrl: r.push.sub.url}
}

func (r *sotwResponse) GetVersion() (string, error)             { return r.push.version, nil }
func (r *sotwResponse) GetResponseVersion() string              { return r.push.version }
func (r *sotwResponse) GetReturnedResources() map[string]string { return nil }
func (r *sotwResponse) GetContext() context.Context             { return r.stream.ctx }
