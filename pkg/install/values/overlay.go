package values

import (
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/meshctl/meshctl/pkg/config"
)

// Overlay changes one object after it has been rendered. See
// https://istio.io/latest/docs/reference/config/istio.operator.v1alpha1/#K8sObjectOverlay.
type Overlay struct {
	Position config.Position
	// Component and Gateway say whose objects are meant; Gateway is empty for the control plane.
	Component, Gateway string
	Kind, Name         string
	Patches            []Patch
}

// Patch sets one field, or takes it away when Value is nil.
type Patch struct {
	Position config.Position
	// Path leads to the field: names with dots between them, [key:value] for the entry of a list with that field, [:value] for
	// the entry that is the value, [N] for the N-th.
	Path  string
	Value any
}

// overlay reads overlays of a component.
func (b *builder) overlay(l layer, n *yaml.Node, path []string, to target) {
	if n.Kind != yaml.SequenceNode {
		b.wrong(l, n, path, "must be a list of kind, name and patches")
		return
	}
	for i, entry := range n.Content {
		entry = resolve(entry)
		at := append(slices.Clone(path), index(i))
		o := Overlay{Position: l.position(entry), Component: Pilot, Kind: (layer{root: entry}).text("kind"), Name: (layer{root: entry}).text("name")}
		if to.gateway != nil {
			o.Component, o.Gateway = to.gateway.component, to.gateway.name
		}
		if o.Kind == "" || o.Name == "" {
			b.wrong(l, entry, at, "must have the kind and the name of the object that it changes")
			continue
		}
		for k, v := range fields(entry) {
			if k.Value == "patches" {
				for j, p := range v.Content {
					o.Patches = append(o.Patches, b.patch(l, resolve(p), append(slices.Clone(at), "patches", index(j))))
				}
			}
		}
		b.overlays = append(b.overlays, o)
	}
}

func (b *builder) patch(l layer, n *yaml.Node, path []string) Patch {
	p := Patch{Position: l.position(n)}
	for k, v := range b.distinct(l, n, path) {
		switch k.Value {
		case "path":
			p.Path = v.Value
		case "value":
			p.Value, _ = b.free(l, v, append(slices.Clone(path), k.Value))
		default:
			b.unknown(l, k, append(slices.Clone(path), k.Value), map[string]any{"path": "", "value": nil})
		}
	}
	if p.Path == "" {
		b.wrong(l, n, path, "must have a path")
	}
	return p
}
