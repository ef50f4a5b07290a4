package xdsserver

import (
	"io"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
)

// conn is a gRPC stream between the proxy and go-control-plane: next to the proxy's requests it delivers one of its own
// making whenever the view has changed. So that everything happens on one goroutine, and nothing is ever sent to a
// channel that go-control-plane has closed.
type conn[Request, Response any] struct {
	grpc.BidiStreamingServer[Request, Response]
	st       *stream
	first    *Request
	requests chan *Request
	wake     func() *Request
	message  func(*Response) any // what gRPC's codec is given
}

func newConn[Request, Response any](call grpc.BidiStreamingServer[Request, Response], st *stream, first *Request) *conn[Request, Response] {
	c := &conn[Request, Response]{BidiStreamingServer: call, st: st, first: first, requests: make(chan *Request)}
	go c.receive()
	return c
}

func newDeltaConn(call grpc.BidiStreamingServer[discoveryv3.DeltaDiscoveryRequest, discoveryv3.DeltaDiscoveryResponse], d *deltaStream, first *discoveryv3.DeltaDiscoveryRequest) *conn[discoveryv3.DeltaDiscoveryRequest, discoveryv3.DeltaDiscoveryResponse] {
	c := newConn(call, d.stream, first)
	c.wake = func() *discoveryv3.DeltaDiscoveryRequest { return &discoveryv3.DeltaDiscoveryRequest{TypeUrl: wakeURL} }
	c.message = func(r *discoveryv3.DeltaDiscoveryResponse) any { return &deltaMessage{r, d.current} }
	return c
}

func newSotwConn(call grpc.BidiStreamingServer[discoveryv3.DiscoveryRequest, discoveryv3.DiscoveryResponse], w *sotwStream, first *discoveryv3.DiscoveryRequest) *conn[discoveryv3.DiscoveryRequest, discoveryv3.DiscoveryResponse] {
	c := newConn(call, w.stream, first)
	c.wake = func() *discoveryv3.DiscoveryRequest { return &discoveryv3.DiscoveryRequest{TypeUrl: wakeURL} }
	c.message = func(r *discoveryv3.DiscoveryResponse) any { return &sotwMessage{r, w.current} }
	return c
}

func (c *conn[Request, Response]) receive() {
	defer close(c.requests)
	for {
		request, err := c.BidiStreamingServer.Recv()
		if err != nil {
			return
		}
		select {
		case c.requests <- request:
		case <-c.Context().Done():
			return
		}
	}
}

// Recv returns the next request, the proxy's or our own.
func (c *conn[Request, Response]) Recv() (*Request, error) {
	if request := c.first; request != nil {
		c.first = nil
		return request, nil
	}
	select {
	case request, ok := <-c.requests:
		if !ok {
			return nil, io.EOF
		}
		return request, nil
	case <-c.st.session.Changed():
		return c.wake(), nil
	case <-c.st.wake:
		return c.wake(), nil
	case <-c.Context().Done():
		return nil, c.Context().Err()
	}
}

// Send passes a response on and closes its account.
func (c *conn[Request, Response]) Send(response *Response) error {
	err := c.SendMsg(c.message(response))
	c.st.handedOver()
	return err
}
