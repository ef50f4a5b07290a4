package envoyfilter

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
	networking "istio.io/api/networking/v1alpha3"
)

// validator is what protoc-gen-validate gives Envoy's messages: the rules that Envoy itself holds them to.
type validator interface{ Validate() error }

// validate holds a message, and every message packed in it, to the rules of their fields.
func validate(m proto.Message) error {
	if v, ok := m.(validator); ok {
		if err := v.Validate(); err != nil {
			return errors.New(plain(err.Error()))
		}
	}
	return within(m.ProtoReflect())
}

// plain takes Go's nesting off the text of protoc-gen-validate: what is wrong comes last.
func plain(text string) string {
	if i := strings.LastIndex(text, "| caused by: "); i >= 0 {
		text = text[i+len("| caused by: "):]
	}
	return strings.TrimPrefix(text, "invalid ")
}

// within looks for packed messages and for values that have rules besides those of their fields.
func within(m protoreflect.Message) error {
	switch v := m.Interface().(type) {
	case *anypb.Any:
		inner, err := v.UnmarshalNew()
		if err != nil {
			return fmt.Errorf("%s: %w", v.GetTypeUrl(), err)
		}
		return validate(inner)
	case *matcherv3.RegexMatcher:
		if _, err := regexp.Compile(v.GetRegex()); err != nil {
			return err
		}
	}
	var err error
	visit := func(v protoreflect.Value) bool {
		err = within(v.Message())
		return err == nil
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.IsMap():
			if fd.MapValue().Message() != nil {
				v.Map().Range(func(_ protoreflect.MapKey, item protoreflect.Value) bool { return visit(item) })
			}
		case fd.Message() == nil:
		case fd.IsList():
			for i := 0; i < v.List().Len() && err == nil; i++ {
				visit(v.List().Get(i))
			}
		default:
			visit(v)
		}
		return err == nil
	})
	return err
}

// checkWhole holds a value that is added as it is to Envoy's rules.
func (p *Patch) checkWhole(n *notes) {
	name := ""
	if named, ok := p.value.(interface{ GetName() string }); ok {
		name = named.GetName()
	}
	if err := checkValue(p.applyTo, p.value, name); err != nil {
		n.fail("patch.value", "Envoy would refuse it: "+err.Error(), "")
	}
}

func checkValue(a applyTo, value proto.Message, name string) error {
	switch a {
	case networking.EnvoyFilter_HTTP_FILTER, networking.EnvoyFilter_NETWORK_FILTER, networking.EnvoyFilter_LISTENER_FILTER:
		if err := checkFilter(filterKind(a), value.(filter)); err != nil {
			return err
		}
	case networking.EnvoyFilter_LISTENER:
		return checkNewListener(value)
	case networking.EnvoyFilter_CLUSTER:
		return checkNewCluster(value, name)
	}
	return validate(value)
}

func filterKind(a applyTo) string {
	switch a {
	case networking.EnvoyFilter_HTTP_FILTER:
		return httpFilters
	case networking.EnvoyFilter_NETWORK_FILTER:
		return networkFilters
	}
	return listenerFilters
}

// matching wraps filters of every kind.
const matching = "envoy.extensions.common.matching.v3."

// checkFilter makes sure that a filter's configuration is one of its kind: Envoy finds filters by the type of their configuration.
func checkFilter(kind string, f filter) error {
	if f.GetName() == "" {
		return errors.New("a filter needs a name")
	}
	config := f.GetTypedConfig()
	if config == nil {
		if discovers(f) {
			return nil
		}
		return fmt.Errorf("the filter %s has no typed_config", f.GetName())
	}
	name := string(config.MessageName())
	if !strings.HasPrefix(name, "envoy.extensions."+strings.TrimPrefix(kind, "envoy.")) && !strings.HasPrefix(name, matching) || strings.HasSuffix(name, "PerRoute") {
		return fmt.Errorf("the filter %s has a typed_config of %s, which is no configuration of a filter %s*", f.GetName(), name, kind)
	}
	return nil
}

// discovers reports whether a filter gets its configuration by discovery.
func discovers(f proto.Message) bool {
	m := f.ProtoReflect()
	fd := m.Descriptor().Fields().ByName("config_discovery")
	return fd != nil && m.Has(fd)
}
