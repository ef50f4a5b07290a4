package xds

import (
	"bytes"
	"testing"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

func TestFramesMakeAResponse(t *testing.T) {
	var encoded, contents []byte
	want, wantContents := &discovery.DeltaDiscoveryResponse{}, &discovery.DiscoveryResponse{}
	for _, value := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("long"), 10_000)} {
		r := NewResource("outbound|80||a.default.svc.cluster.local", &anypb.Any{TypeUrl: ClusterType, Value: bytes.Clone(value)})
		if !bytes.Equal(r.Any.GetValue(), value) {
			t.Fatalf("the content changed: got %d bytes, want %d", len(r.Any.GetValue()), len(value))
		}
		encoded = append(encoded, r.Frame()...)
		contents = append(contents, r.ContentFrame()...)
		want.Resources, wantContents.Resources = append(want.Resources, r.Delta), append(wantContents.Resources, r.Any)
	}
	decodesTo(t, encoded, want)
	decodesTo(t, contents, wantContents)
}

func decodesTo(t *testing.T, encoded []byte, want proto.Message) {
	t.Helper()
	got := want.ProtoReflect().New().Interface()
	if err := proto.Unmarshal(encoded, got); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}
