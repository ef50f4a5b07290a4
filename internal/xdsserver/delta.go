package xdsserver

import (
	"context"
	"errors"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"

	"github.com/meshctl/meshctl/pkg/xds"
)

const deltaProtocol = "delta"

var errOtherProtocol = errors.New("a stream speaks one protocol, delta or state of the world")

// deltaStream is the cache and the callbacks of one delta stream's own go-control-plane server.
type deltaStream struct {
	*stream
}

// OnDeltaStreamOpen has nothing to do: the stream was opened before go-control-plane saw it.
func (d *deltaStream) OnDeltaStreamOpen(context.Context, int64, string) error { return nil }

// OnDeltaStreamClosed has nothing to do, likewise.
func (d *deltaStream) OnDeltaStreamClosed(int64, *corev3.Node) {}

// OnStreamDeltaRequest takes note of what the proxy asks for and answers. It takes the names out of the request:
// go-control-plane would keep a map of them for every stream, and what it keeps is not looked at.
func (d *deltaStream) OnStreamDeltaRequest(_ int64, r *discoveryv3.DeltaDiscoveryRequest) error {
	if r.GetTypeUrl() == wakeURL || r.GetTypeUrl() == "" {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	sub := d.sub(r.GetTypeUrl())
	if sub == nil {
		sub = &subscription{url: r.GetTypeUrl(), owed: true}
		sub.wildcard = len(r.GetResourceNamesSubscribe()) == 0 && wildcardByDefault(sub.url)
		sub.base = versions(r.GetInitialResourceVersions(), d.table(d.session.View(), sub.url))
		d.subs = append(d.subs, sub)
	} else if r.GetResponseNonce() != "" {
		d.answered(sub, r.GetResponseNonce(), r.GetErrorDetail())
	}
	sub.subscribe(r.GetResourceNamesSubscribe(), r.GetInitialResourceVersions())
	sub.unsubscribe(r.GetResourceNamesUnsubscribe())
	d.shareNames(sub)
	r.ResourceNamesSubscribe, r.ResourceNamesUnsubscribe, r.InitialResourceVersions, r.Node = nil, nil, nil, nil
	return nil
}

// wildcardByDefault reports whether a first request without names asks for everything, as the protocol's first version had
// it for these two types.
func wildcardByDefault(url string) bool {
	return url == xds.ClusterType || url == xds.ListenerType
}

// subscribe adds names. They are answered even if the proxy was told of them before, except for those of which it says on
// a new stream that it has them.
func (s *subscription) subscribe(list []string, initial map[string]string) {
	var asked []string
	explicit := make([]string, 0, len(list))
	for _, name := range list {
		if name == "*" {
			s.wildcard, s.owed = true, true
			continue
		}
		explicit = append(explicit, name)
		if _, has := initial[name]; !has {
			asked = append(asked, name)
		}
	}
	s.names = s.names.with(newNames(explicit))
	s.asked = s.asked.with(newNames(asked))
}

// unsubscribe takes names back. Under a wildcard a name stays in the proxy's view of the world: it is told what holds for it.
func (s *subscription) unsubscribe(list []string) {
	if len(list) == 0 {
		return
	}
	gone := newNames(list)
	s.names, s.asked = s.names.without(gone), s.asked.without(gone)
	if gone.has("*") {
		s.wildcard = false
	}
	if s.wildcard {
		s.asked = s.asked.with(gone)
		return
	}
	s.forget(gone)
}

// forget drops what is remembered of names that the proxy wants no more.
func (s *subscription) forget(gone names) {
	for _, name := range gone {
		delete(s.deferred, name)
		delete(s.ahead, name)
		delete(s.rejected, name)
	}
}

// CreateDeltaWatch is called after every request: it sends what is due, of any type.
func (d *deltaStream) CreateDeltaWatch(_ *cache.DeltaRequest, _ cache.Subscription, responses chan cache.DeltaResponse) (func(), error) {
	d.mu.Lock()
	d.advance()
	flush(d.stream, responses, func(p *push) cache.DeltaResponse { return &deltaResponse{stream: d.stream, push: p} })
	d.mu.Unlock()
	d.server.notify()
	return nil, nil
}

// CreateWatch is never called: this stream speaks delta.
func (d *deltaStream) CreateWatch(*cache.Request, cache.Subscription, chan cache.Response) (func(), error) {
	return nil, errOtherProtocol
}

// OnStreamDeltaResponse takes note of the nonce.
func (d *deltaStream) OnStreamDeltaResponse(_ int64, _ *discoveryv3.DeltaDiscoveryRequest, r *discoveryv3.DeltaDiscoveryResponse) {
	d.sending(d.building, r.GetNonce())
}

// deltaResponse is built when it is about to be sent, no earlier: thousands may be queued. The resources in it are shared
// by all proxies, the message around them is its own, because go-control-plane writes the nonce into it.
type deltaResponse struct {
	stream *stream
	push   *push
}

func (r *deltaResponse) GetDeltaDiscoveryResponse() (*discoveryv3.DeltaDiscoveryResponse, error) {
	if err := r.stream.hold(r.push); err != nil {
		return nil, err
	}
	r.stream.building = r.push
	out := &discoveryv3.DeltaDiscoveryResponse{
		TypeUrl: r.push.sub.url, SystemVersionInfo: r.push.version, RemovedResources: r.push.removed,
		Resources: make([]*discoveryv3.Resource, len(r.push.changed)),
	}
	for i, resource := range r.push.changed {
		out.Resources[i] = resource.Delta
	}
	return out, nil
}

func (r *deltaResponse) GetDeltaRequest() *discoveryv3.DeltaDiscoveryRequest {
	return &discoveryv3.DeltaDiscoveryRequest{TypeUrl: r.push.sub.url}
}

func (r *deltaResponse) GetSystemVersion() (string, error)       { return r.push.version, nil }
func (r *deltaResponse) GetResponseVersion() string              { return r.push.version }
func (r *deltaResponse) GetNextVersionMap() map[string]string    { return nil }
func (r *deltaResponse) GetReturnedResources() map[string]string { return nil }
func (r *deltaResponse) GetContext() context.Context             { return r.stream.ctx }
