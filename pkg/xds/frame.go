package xds

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/anypb"
)

// Frame returns the resource in wire format as an element of the field "resources" of a DeltaDiscoveryResponse, tag and length
// included: the resources of a response are its frames one after the other. All proxies share it. It is nil for a resource
// that NewResource did not make.
func (r *Resource) Frame() []byte { return r.frame }

// ContentFrame is Frame for a DiscoveryResponse, which has the content alone. It is the end of the other frame: the field has the
// same number in Resource.
func (r *Resource) ContentFrame() []byte {
	if r.frame == nil {
		return nil
	}
	inner := sizeOf(len(r.Any.GetTypeUrl())) + sizeOf(len(r.Any.GetValue()))
	return r.frame[len(r.frame)-sizeOf(inner):]
}

// sizeOf returns the size of a length-delimited field of n bytes. All field numbers here are below 16: the tag is one byte.
func sizeOf(n int) int { return 1 + protowire.SizeBytes(n) }

// Field numbers of envoy.service.discovery.v3: resources in both kinds of response, and in Resource the version, the resource
// and the name; then those of google.protobuf.Any.
const (
	resourcesField  = 2
	versionField    = 1
	contentField    = 2
	nameField       = 3
	anyTypeURLField = 1
	anyValueField   = 2
)

// newFrame encodes a frame. The content's value comes last, so that it can be a part of the frame.
func newFrame(name, version string, content *anypb.Any) (frame, value []byte) {
	inner := sizeOf(len(content.GetTypeUrl())) + sizeOf(len(content.GetValue()))
	entry := sizeOf(len(version)) + sizeOf(len(name)) + sizeOf(inner)
	b := make([]byte, 0, sizeOf(entry))
	b = protowire.AppendTag(b, resourcesField, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(entry))
	b = protowire.AppendTag(b, versionField, protowire.BytesType)
	b = protowire.AppendString(b, version)
	b = protowire.AppendTag(b, nameField, protowire.BytesType)
	b = protowire.AppendString(b, name)
	b = protowire.AppendTag(b, contentField, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(inner))
	b = protowire.AppendTag(b, anyTypeURLField, protowire.BytesType)
	b = protowire.AppendString(b, content.GetTypeUrl())
	b = protowire.AppendTag(b, anyValueField, protowire.BytesType)
	b = protowire.AppendBytes(b, content.GetValue())
	return b, b[len(b)-len(content.GetValue()) : len(b) : len(b)]
}
