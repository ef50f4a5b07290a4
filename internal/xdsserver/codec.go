package xdsserver

import (
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc/encoding"
	protocodec "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"github.com/meshctl/meshctl/pkg/xds"
)

// codec is gRPC's own codec for everything but our responses: those it puts together from the frames of their resources, which
// all proxies share. Encoding a response for each proxy was a third of the server's processor time and most of its memory.
type codec struct {
	encoding.CodecV2
}

func newCodec() codec { return codec{encoding.GetCodecV2(protocodec.Name)} }

// Marshal returns the wire format of a message.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	switch m := v.(type) {
	case *deltaMessage:
		rest := &discoveryv3.DeltaDiscoveryResponse{
			SystemVersionInfo: m.GetSystemVersionInfo(), TypeUrl: m.GetTypeUrl(), RemovedResources: m.GetRemovedResources(), Nonce: m.GetNonce(),
		}
		return assemble(m.push, rest, (*xds.Resource).Frame)
	case *sotwMessage:
		rest := &discoveryv3.DiscoveryResponse{VersionInfo: m.GetVersionInfo(), TypeUrl: m.GetTypeUrl(), Nonce: m.GetNonce()}
		return assemble(m.push, rest, (*xds.Resource).ContentFrame)
	}
	return c.CodecV2.Marshal(v)
}

// deltaMessage and sotwMessage are responses with the push that they carry. Any other codec takes them for what they embed.
type deltaMessage struct {
	*discoveryv3.DeltaDiscoveryResponse
	push *push
}

type sotwMessage struct {
	*discoveryv3.DiscoveryResponse
	push *push
}

// frame is a buffer of which a pointer fits into an interface: an array of them is one allocation.
type frame struct{ mem.SliceBuffer }

// assemble returns a response: its small fields, then the frames.
func assemble(p *push, rest proto.Message, frameOf func(*xds.Resource) []byte) (mem.BufferSlice, error) {
	head, err := proto.MarshalOptions{}.MarshalAppend(nil, rest)
	if err != nil {
		return nil, err
	}
	content := p.content()
	frames := make([]frame, len(content)+1)
	out := make(mem.BufferSlice, len(frames))
	frames[0].SliceBuffer, out[0] = head, &frames[0]
	for i, r := range content {
		frames[i+1].SliceBuffer, out[i+1] = frameOf(r), &frames[i+1]
	}
	return out, nil
}
