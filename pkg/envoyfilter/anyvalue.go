package envoyfilter

import (
	"slices"
	"strings"

	annotations "github.com/envoyproxy/go-control-plane/envoy/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/structpb"
	networking "istio.io/api/networking/v1alpha3"

	// Every type that a typed_config may hold.
	_ "github.com/meshctl/meshctl/internal/envoytypes"
	"github.com/meshctl/meshctl/pkg/config"
)

const typePrefix = "type.googleapis.com/"

func newMessage(md protoreflect.MessageDescriptor) proto.Message {
	t, err := protoregistry.GlobalTypes.FindMessageByName(md.FullName())
	if err != nil {
		return nil
	}
	return t.New().Interface()
}

// any checks an object with an "@type"; parent is the object that has it as a field.
func (r valueReader) any(v, parent *structpb.Struct, at string) {
	url := v.GetFields()["@type"].GetStringValue()
	if url == "" {
		if md := r.guess(v, parent); md != nil {
			r.message(v, md, at) // what else is wrong
			return
		}
		r.failAt(at, `has no "@type"`, r.guessURL(parent))
		return
	}
	name := protoreflect.FullName(url[strings.LastIndexByte(url, '/')+1:])
	t, err := protoregistry.GlobalTypes.FindMessageByName(name)
	if err != nil {
		r.failAt(at+"[@type]", "Envoy 1.40 has no type "+string(name), typeFix(string(name)))
		return
	}
	if name == "udpa.type.v1.TypedStruct" || name == "xds.type.v3.TypedStruct" {
		r.typedStruct(v, parent, at)
		return
	}
	md := t.Descriptor()
	if ownJSON(md) || md.FullName() == "google.protobuf.Struct" {
		return // its content is below "value", and is read in the end
	}
	rest := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	for k, field := range v.Fields {
		if k != "@type" {
			rest.Fields[k] = field
		}
	}
	r.message(rest, md, at)
}

// typedStruct replaces a TypedStruct by what it stands for: Envoy reads both alike, and a merge needs the type.
func (r valueReader) typedStruct(v, parent *structpb.Struct, at string) {
	key := "type_url"
	if v.GetFields()[key] == nil {
		key = "typeUrl"
	}
	url := v.GetFields()[key].GetStringValue()
	if url == "" {
		r.failAt(at, "a TypedStruct has no type_url", r.guessURL(parent))
		return
	}
	fields := map[string]*structpb.Value{"@type": structpb.NewStringValue(url)}
	for k, field := range v.GetFields()["value"].GetStructValue().GetFields() {
		fields[k] = field
	}
	before := r.failed
	r.failed = false
	r.any(&structpb.Struct{Fields: fields}, parent, at+".value")
	if !r.failed {
		v.Fields = fields
	}
	r.failed = r.failed || before
}

// guess says what a configuration without a type is meant to be, where that is plain, and reports it.
func (r valueReader) guess(v, parent *structpb.Struct) protoreflect.MessageDescriptor {
	t, err := protoregistry.GlobalTypes.FindMessageByName("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager")
	if err != nil || len(v.GetFields()) == 0 || r.patch.applyTo != networking.EnvoyFilter_HTTP_FILTER || parent.GetFields()["name"] != nil {
		return nil
	}
	fields := t.Descriptor().Fields()
	for key := range v.GetFields() {
		if fields.ByTextName(key) == nil && fields.ByJSONName(key) == nil {
			return nil
		}
	}
	r.failAt(r.patch.field("applyTo"), "an HTTP_FILTER is a filter within the connection manager, and the value is the configuration of the manager itself",
		`applyTo: NETWORK_FILTER, and in typed_config "@type": `+typePrefix+string(t.Descriptor().FullName()))
	return t.Descriptor()
}

// guessURL proposes the type for the configuration of a filter, by its name.
func (r valueReader) guessURL(parent *structpb.Struct) string {
	name := parent.GetFields()["name"].GetStringValue()
	for _, kind := range []string{httpFilters, networkFilters, listenerFilters} {
		name = canonicalName(kind, name)
	}
	prefix := "envoy.extensions." + strings.TrimPrefix(name, "envoy.") + ".v3"
	var found []string
	protoregistry.GlobalTypes.RangeMessages(func(t protoreflect.MessageType) bool {
		d := t.Descriptor()
		if string(d.ParentFile().Package()) == prefix && d.Parent() == d.ParentFile() && !perRoute(d) {
			found = append(found, string(d.FullName()))
		}
		return true
	})
	if len(found) == 0 {
		return `add "@type": ` + typePrefix + "..., the configuration's type in Envoy's API reference"
	}
	slices.Sort(found)
	return `add "@type": ` + typePrefix + strings.Join(found, " or ")
}

func perRoute(d protoreflect.Descriptor) bool { return strings.HasSuffix(string(d.Name()), "PerRoute") }

// typeFix proposes what to write for a type that there is not.
func typeFix(name string) string {
	if strings.HasPrefix(name, "envoy.tcp.metadataexchange.") || strings.HasPrefix(name, "stats.") || strings.HasPrefix(name, "istio.") ||
		strings.HasPrefix(name, "io.istio.") || strings.HasPrefix(name, "envoy.extensions.network_filters.peer_metadata.") {
		return "the type is of Istio's own build of Envoy, and this mesh runs the unmodified one: leave the patch out"
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	var same, all []string
	protoregistry.GlobalTypes.RangeMessages(func(t protoreflect.MessageType) bool {
		full := string(t.Descriptor().FullName())
		if !strings.HasPrefix(full, "envoy.") || t.Descriptor().Parent() != t.Descriptor().ParentFile() {
			return true
		}
		if string(t.Descriptor().Name()) == last {
			same = append(same, full)
		}
		all = append(all, full)
		return true
	})
	gone := ""
	if strings.Contains(name, ".v2") || strings.HasPrefix(name, "envoy.api.") {
		gone = "API v2 is gone: "
	}
	slices.Sort(same)
	if near := nearestType(name, same); near != "" {
		return gone + "write " + typePrefix + near
	}
	slices.Sort(all)
	if near := config.Nearest(name, all); near != "" {
		return gone + "write " + typePrefix + near
	}
	return gone + "see the type in Envoy's API reference, version 3"
}

// nearestType chooses among types of the same last name the one whose package has most words in common.
func nearestType(name string, same []string) string {
	best, most := "", -1
	words := strings.Split(name, ".")
	for _, s := range same {
		n := 0
		for _, w := range strings.Split(s, ".") {
			if slices.Contains(words, w) {
				n++
			}
		}
		if n > most {
			best, most = s, n
		}
	}
	return best
}

// successors are fields that have another name or form now.
func successors() map[string]string {
	const format = `log_format: {text_format_source: {inline_string: ...}}`
	const json = "log_format: {json_format: ...}"
	const file = "envoy.extensions.access_loggers.file.v3.FileAccessLog."
	return map[string]string{
		file + "format": format, file + "json_format": json, file + "typed_json_format": json,
		"envoy.extensions.filters.http.lua.v3.Lua.inline_code": "default_source_code: {inline_string: ...}",
	}
}

// deprecation reports fields that Envoy refuses, or will.
func (r valueReader) deprecation(fd protoreflect.FieldDescriptor, at string) {
	options, ok := fd.Options().(*descriptorpb.FieldOptions)
	if !ok || !options.GetDeprecated() {
		return
	}
	fix := "see Envoy's API reference for what takes its place"
	if s := successors()[string(fd.FullName())]; s != "" {
		fix = "write " + s
	}
	if disallowed, _ := proto.GetExtension(options, annotations.E_DisallowedByDefault).(bool); disallowed {
		r.failAt(at, "is gone: Envoy refuses it", fix)
		return
	}
	r.warnAt(at, "is deprecated in Envoy's API v3", fix)
}
