package envoyvalidate

import (
	"fmt"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// Name of what finds MSH0303, as findings give it.
const Name = "envoy-validate"

// diagnostic blames the most likely object behind a part: what patches or extends the configuration, and was not made with care for
// what Envoy takes, before what it was generated from.
func (r refusal) diagnostic(in analyze.Input) analyze.Diagnostic {
	description, _ := codes.Lookup(codes.EnvoyRefuses)
	d := analyze.Diagnostic{
		Code: description.Code, Level: description.Level, Analyzer: Name, Fix: description.Fix,
		Message: fmt.Sprintf("the %s %s of %s is refused by Envoy: %s", r.part.Type, r.part.Name, r.part.Proxy, strings.TrimSuffix(r.words, "; ")),
	}
	set := in.Mesh.Set()
	for _, key := range r.suspects() {
		o := set.Get(key)
		if o == nil {
			continue
		}
		if d.Source == nil {
			d.Source, d.Object = o, key
			d.Field = fieldOf(o, r.words)
			d.Position = o.FieldPosition(d.Field)
			continue
		}
		d.Related = append(d.Related, analyze.Related{Object: key, Position: o.Position(), Message: "has a part in it, too"})
	}
	if d.Source == nil {
		d.Object = r.part.Proxy
		if d.Source = set.Get(r.part.Proxy); d.Source != nil {
			d.Position = d.Source.Position()
		}
	}
	return d
}

// suspects orders the objects behind a part.
func (r refusal) suspects() []config.Key {
	var patching, others []config.Key
	for _, key := range r.part.From {
		if key.Kind == config.EnvoyFilter || key.Kind == config.WasmPlugin || key.Kind == config.TrafficExtension {
			patching = append(patching, key)
		} else {
			others = append(others, key)
		}
	}
	return append(patching, others...)
}

// fieldOf is the patch of an EnvoyFilter that Envoy speaks of: the only one, or the one whose value has a name that it mentions.
func fieldOf(o *config.Object, words string) string {
	spec, ok := o.Spec.(*networking.EnvoyFilter)
	if !ok {
		return ""
	}
	for i, patch := range spec.GetConfigPatches() {
		name := patch.GetPatch().GetValue().GetFields()["name"].GetStringValue()
		if len(spec.GetConfigPatches()) == 1 || name != "" && strings.Contains(words, name) {
			return fmt.Sprintf("spec.configPatches[%d].patch.value", i)
		}
	}
	return ""
}
