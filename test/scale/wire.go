package main

import (
	"fmt"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// response is a DeltaDiscoveryResponse of which only the frame was decoded: the client must not cost what it measures.
type response struct {
	size           int
	typeURL, nonce string
	resources      []encoded
	removed        []string
}

// encoded is one resource of a response; the slices are parts of the message.
type encoded struct {
	name, version, value []byte
}

// codec decodes responses into *response and encodes requests as usual.
type codec struct{}

func (codec) Name() string { return "proto" }

func (codec) Marshal(v any) (mem.BufferSlice, error) {
	data, err := proto.Marshal(v.(proto.Message))
	return mem.BufferSlice{mem.SliceBuffer(data)}, err
}

func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	out, message := v.(*response), data.Materialize()
	*out = response{size: len(message)}
	return fields(message, func(num protowire.Number, value []byte) error {
		switch num {
		case 2:
			var r encoded
			if err := fields(value, r.field); err != nil {
				return err
			}
			out.resources = append(out.resources, r)
		case 4:
			out.typeURL = string(value)
		case 5:
			out.nonce = string(value)
		case 6:
			out.removed = append(out.removed, string(value))
		}
		return nil
	})
}

// field takes a field of envoy.service.discovery.v3.Resource.
func (r *encoded) field(num protowire.Number, value []byte) error {
	switch num {
	case 1:
		r.version = value
	case 2:
		return fields(value, func(num protowire.Number, value []byte) error {
			if num == 2 {
				r.value = value
			}
			return nil
		})
	case 3:
		r.name = value
	}
	return nil
}

// fields calls visit with every length-delimited field of a message.
func fields(message []byte, visit func(protowire.Number, []byte) error) error {
	for len(message) > 0 {
		num, typ, n := protowire.ConsumeTag(message)
		if n < 0 {
			return fmt.Errorf("decode a response: %w", protowire.ParseError(n))
		}
		message = message[n:]
		n = protowire.ConsumeFieldValue(num, typ, message)
		if n < 0 {
			return fmt.Errorf("decode a response: %w", protowire.ParseError(n))
		}
		if typ == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(message)
			if err := visit(num, value); err != nil {
				return err
			}
		}
		message = message[n:]
	}
	return nil
}
