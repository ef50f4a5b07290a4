// Package translate turns resolved mesh objects into Envoy's configuration (API v3, Envoy 1.40), to the semantics that Istio's
// API reference documents.
//
// Every exported translation takes one Input struct that holds everything its result depends on; the digest of that struct may
// stand for the result. Results are deterministic and always acceptable to Envoy: what an object asks for and Envoy cannot do
// is left out and returned as a problem (without a position: Object and Field say where it is).
package translate

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/meshctl/meshctl/pkg/config"
)

// pack wraps a message with deterministic bytes, which anypb.New does not promise for maps.
func pack(m proto.Message) *anypb.Any {
	out := &anypb.Any{}
	// Marshalling fails only on strings that are not UTF-8, and decoding refuses those.
	_ = anypb.MarshalFrom(out, m, proto.MarshalOptions{Deterministic: true})
	return out
}

// problems collects what could not be expressed of one object.
type problems struct {
	object config.Key
	list   []config.Problem
}

func (p *problems) add(severity config.Severity, field, message, fix string) {
	for _, had := range p.list {
		if had.Field == field && had.Message == message && had.Object == p.object {
			return
		}
	}
	p.list = append(p.list, config.Problem{
		Object: p.object, Field: field, Severity: severity, Code: config.Untranslated(severity), Message: message, Fix: fix,
	})
}

// warn reports something that works, but not as its author meant.
func (p *problems) warn(field, message, fix string) { p.add(config.Warning, field, message, fix) }

// fail reports a part that is left out.
func (p *problems) fail(field, message, fix string) { p.add(config.Error, field, message, fix) }

// failAs reports a part that is left out for a reason that has a code of its own.
func (p *problems) failAs(code config.Code, field, message, fix string) {
	n := len(p.list)
	p.fail(field, message, fix)
	if len(p.list) > n {
		p.list[n].Code = code
	}
}
