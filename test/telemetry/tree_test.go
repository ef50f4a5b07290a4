package telemetry_test

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/meshctl/meshctl/test/servers"
)

// span is one of any tracing system.
type span struct {
	trace, id, parent string
	service, kind     string // "reviews.default", "SERVER"
	name              string
	tags              map[string]string
}

func ofZipkin(in []servers.Span) []span {
	var out []span
	for _, s := range in {
		out = append(out, span{s.TraceID, s.ID, s.ParentID, s.LocalEndpoint.ServiceName, s.Kind, s.Name, s.Tags})
	}
	return out
}

// ofOTLP are the spans among what a collector was sent.
func (r *records) ofOTLP() []span {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []span
	for _, text := range r.list {
		var data tracev1.TracesData
		if protojson.Unmarshal([]byte(text), &data) != nil {
			continue
		}
		for _, resource := range data.GetResourceSpans() {
			service := ""
			for _, a := range resource.GetResource().GetAttributes() {
				if a.GetKey() == "service.name" {
					service = a.GetValue().GetStringValue()
				}
			}
			for _, scope := range resource.GetScopeSpans() {
				for _, s := range scope.GetSpans() {
					tags := map[string]string{}
					for _, a := range s.GetAttributes() {
						tags[a.GetKey()] = a.GetValue().GetStringValue()
					}
					id := hex.EncodeToString
					out = append(out, span{id(s.GetTraceId()), id(s.GetSpanId()), id(s.GetParentSpanId()), service, strings.TrimPrefix(s.GetKind().String(), "SPAN_KIND_"), s.GetName(), tags})
				}
			}
		}
	}
	return out
}

// bookinfoTree is what one request for the page leaves behind: one line a span, below the one that caused it.
const bookinfoTree = `
SERVER istio-ingressgateway.istio-system productpage.default.svc.cluster.local:9080/productpage
  CLIENT istio-ingressgateway.istio-system router outbound|9080||productpage.default.svc.cluster.local egress
    SERVER productpage.default productpage.default.svc.cluster.local:9080/productpage
      CLIENT productpage.default details.default.svc.cluster.local:9080/*
        SERVER details.default details.default.svc.cluster.local:9080/*
      CLIENT productpage.default reviews.default.svc.cluster.local:9080/*
        SERVER reviews.default reviews.default.svc.cluster.local:9080/*
          CLIENT reviews.default ratings.default.svc.cluster.local:9080/*
            SERVER ratings.default ratings.default.svc.cluster.local:9080/*
`

// tree draws the spans of one trace below a parent ("" for none), and says when some of them hang in the air.
func tree(spans []span, root string) (string, error) {
	children, ids := map[string][]span{}, map[string]bool{}
	for _, s := range spans {
		if s.trace != spans[0].trace {
			return "", fmt.Errorf("spans of two traces: %s and %s", spans[0].trace, s.trace)
		}
		if ids[s.id] {
			return "", fmt.Errorf("two spans have the id %s", s.id)
		}
		ids[s.id] = true
		children[s.parent] = append(children[s.parent], s)
	}
	out, drawn := "\n", 0
	var draw func(parent, indent string)
	draw = func(parent, indent string) {
		slices.SortFunc(children[parent], func(a, b span) int { return strings.Compare(a.name, b.name) })
		for _, s := range children[parent] {
			out += fmt.Sprintln(indent+s.kind, s.service, s.name)
			drawn++
			draw(s.id, indent+"  ")
		}
	}
	draw(root, "")
	if drawn != len(spans) {
		return out, fmt.Errorf("%d of %d spans belong to no other: parents %v", len(spans)-drawn, len(spans), slices.Sorted(maps.Keys(children)))
	}
	return out, nil
}

// whole says what a trace lacks of the one of a page.
func whole(spans []span, root string) error {
	if len(spans) == 0 {
		return fmt.Errorf("no spans")
	}
	got, err := tree(spans, root)
	if got != bookinfoTree {
		return fmt.Errorf("the trace is%swant%s%w", got, bookinfoTree, err)
	}
	return err
}
