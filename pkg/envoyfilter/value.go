package envoyfilter

import (
	"fmt"
	"slices"
	"strings"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
)

// newValue returns an empty message of the type that patches of a kind of object have.
func newValue(a applyTo) proto.Message {
	switch a {
	case networking.EnvoyFilter_LISTENER:
		return &listenerv3.Listener{}
	case networking.EnvoyFilter_LISTENER_FILTER:
		return &listenerv3.ListenerFilter{}
	case networking.EnvoyFilter_FILTER_CHAIN:
		return &listenerv3.FilterChain{}
	case networking.EnvoyFilter_NETWORK_FILTER:
		return &listenerv3.Filter{}
	case networking.EnvoyFilter_HTTP_FILTER:
		return &hcmv3.HttpFilter{}
	case networking.EnvoyFilter_ROUTE_CONFIGURATION:
		return &routev3.RouteConfiguration{}
	case networking.EnvoyFilter_VIRTUAL_HOST:
		return &routev3.VirtualHost{}
	case networking.EnvoyFilter_HTTP_ROUTE:
		return &routev3.Route{}
	case networking.EnvoyFilter_CLUSTER:
		return &clusterv3.Cluster{}
	case networking.EnvoyFilter_EXTENSION_CONFIG:
		return &corev3.TypedExtensionConfig{}
	default:
		return &bootstrapv3.Bootstrap{}
	}
}

// valueReader compares a value with the type that it should have, field by field, so that a mistake has a place and a remedy.
type valueReader struct {
	*notes
	patch *Patch
}

// readValue returns the message that a patch's value is, or nil and notes.
func readValue(p *Patch, given *structpb.Struct, n *notes) proto.Message {
	out := newValue(p.applyTo)
	r := valueReader{notes: n, patch: p}
	given = proto.CloneOf(given)
	before := n.failed
	n.failed = false
	r.message(given, out.ProtoReflect().Descriptor(), p.field("patch.value"))
	if !n.failed {
		if err := fromStruct(given, out); err != nil {
			n.fail("patch.value", "is no "+shortName(out.ProtoReflect().Descriptor())+": "+cause(err), "")
		}
	}
	if n.failed {
		return nil
	}
	n.failed = before
	return out
}

func fromStruct(given *structpb.Struct, out proto.Message) error {
	data, err := protojson.Marshal(given)
	if err != nil {
		return err
	}
	return protojson.Unmarshal(data, out)
}

// cause takes the place off an error of protojson: it is one in a text that nobody has seen.
func cause(err error) string {
	text := strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\u00a0", " "), "proto: ")
	if after, ok := strings.CutPrefix(text, "(line "); ok {
		if _, rest, found := strings.Cut(after, "): "); found {
			return rest
		}
	}
	return text
}

func shortName(md protoreflect.MessageDescriptor) string { return string(md.Name()) }

// message checks an object that should be a message, and puts what TypedStructs hold in their place.
func (r valueReader) message(v *structpb.Struct, md protoreflect.MessageDescriptor, path string) {
	oneofs := map[protoreflect.FullName]string{}
	for _, key := range sortedKeys(v) {
		at := path + "." + key
		if key == "@type" {
			at = path + "[@type]"
		}
		fd := md.Fields().ByJSONName(key)
		if fd == nil {
			fd = md.Fields().ByTextName(key)
		}
		if fd == nil {
			r.unknown(key, md, at)
			continue
		}
		if isNull(v.Fields[key]) {
			continue
		}
		if one := fd.ContainingOneof(); one != nil && !one.IsSynthetic() {
			if other, taken := oneofs[one.FullName()]; taken {
				r.failAt(at, "excludes "+other+": only one of them may be set", "keep one")
			}
			oneofs[one.FullName()] = key
		}
		r.deprecation(fd, at)
		r.field(v.Fields[key], v, fd, at)
	}
}

func sortedKeys(v *structpb.Struct) []string {
	keys := make([]string, 0, len(v.GetFields()))
	for k := range v.GetFields() {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func isNull(v *structpb.Value) bool {
	_, null := v.GetKind().(*structpb.Value_NullValue)
	return null || v.GetKind() == nil
}

func (r valueReader) unknown(key string, md protoreflect.MessageDescriptor, at string) {
	var names []string
	for i := range md.Fields().Len() {
		names = append(names, md.Fields().Get(i).TextName())
	}
	fix := "its fields are " + few(names)
	if near := config.Nearest(key, names); near != "" {
		fix = "write " + near
	}
	if successor := successors()[string(md.FullName())+"."+key]; successor != "" {
		fix = successor
	}
	if key == "@type" {
		fix = "leave it out, or put it below typed_config"
	}
	r.failAt(at, "a "+shortName(md)+" has no such field in Envoy's API v3", fix)
}

// few lists names, not too many of them.
func few(names []string) string {
	const most = 12
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", ..."
	}
	return strings.Join(names, ", ")
}

// field checks the value of one field; parent is the object that has it.
func (r valueReader) field(v *structpb.Value, parent *structpb.Struct, fd protoreflect.FieldDescriptor, at string) {
	switch {
	case fd.IsMap():
		fields := v.GetStructValue()
		if fields == nil {
			r.failAt(at, "must be an object with any keys", "")
			return
		}
		for _, key := range sortedKeys(fields) {
			r.single(fields.Fields[key], parent, fd.MapValue(), at+"["+key+"]")
		}
	case fd.IsList():
		list := v.GetListValue()
		if list == nil {
			r.failAt(at, "must be a list", "begin each entry with a dash")
			return
		}
		for i, item := range list.GetValues() {
			r.single(item, parent, fd, fmt.Sprintf("%s[%d]", at, i))
		}
	default:
		r.single(v, parent, fd, at)
	}
}

func (r valueReader) single(v *structpb.Value, parent *structpb.Struct, fd protoreflect.FieldDescriptor, at string) {
	md := fd.Message()
	if md == nil || ownJSON(md) {
		r.leaf(v, fd, at)
		return
	}
	object := v.GetStructValue()
	switch {
	case object == nil:
		r.failAt(at, "must be a "+shortName(md)+", an object", "")
	case md.FullName() == "google.protobuf.Any":
		r.any(object, parent, at)
	default:
		r.message(object, md, at)
	}
}

// ownJSON reports whether a message has a form of its own in JSON.
func ownJSON(md protoreflect.MessageDescriptor) bool {
	return md.ParentFile().Package() == "google.protobuf" && md.FullName() != "google.protobuf.Any" && md.FullName() != "google.protobuf.Empty"
}

// leaf tries a single value on an empty message, which knows best what it takes.
func (r valueReader) leaf(v *structpb.Value, fd protoreflect.FieldDescriptor, at string) {
	var given *structpb.Value
	switch {
	case fd.IsList():
		given = structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{v}})
	case fd.ContainingMessage().IsMapEntry():
		return // the whole is read in the end
	default:
		given = v
	}
	into := newMessage(fd.ContainingMessage())
	err := fromStruct(&structpb.Struct{Fields: map[string]*structpb.Value{fd.TextName(): given}}, into)
	if err == nil {
		return
	}
	fix := ""
	if enum := fd.Enum(); enum != nil {
		var names []string
		for i := range enum.Values().Len() {
			names = append(names, string(enum.Values().Get(i).Name()))
		}
		fix = "one of " + few(names)
		if near := config.Nearest(v.GetStringValue(), names); near != "" {
			fix = "write " + near
		}
	}
	if md := fd.Message(); md != nil && md.FullName() == "google.protobuf.Duration" {
		fix = `seconds, for example "1.5s"`
	}
	r.failAt(at, cause(err), fix)
}
