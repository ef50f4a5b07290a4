// Package render makes the objects of an installation from its values: Helm's engine over the charts of package manifests, without a
// cluster. The same values give the same objects in the same order.
package render

import (
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/meshctl/meshctl/pkg/install/values"
)

// ManagedBy is what the label app.kubernetes.io/managed-by says of everything that is rendered here.
const ManagedBy = "meshctl"

// Component is a part of an installation, to be applied as a whole before the next one.
type Component struct {
	// Name is Base, Pilot, IngressGateways or EgressGateways; each gateway is a component of its own.
	Name string
	// Gateway is the name of the gateway, or empty.
	Gateway string
	// Objects are in the order in which they are applied.
	Objects []*unstructured.Unstructured
}

// Render returns the components of an installation in the order in which they are installed.
func Render(v values.Values) ([]Component, error) {
	components, definitions, err := render(v)
	if err != nil || definitions == "" {
		return components, err
	}
	crds, err := Decode(definitions)
	if err != nil {
		return nil, err
	}
	base := &components[0]
	base.Objects = sorted(append(crds, base.Objects...))
	return components, nil
}

// Write writes the objects of an installation as YAML documents, those of the named components (see Component.Name) or, without any name, of
// all. Definitions of resources are written as they are, which spares most of the time that Render takes.
func Write(w io.Writer, v values.Values, only ...string) error {
	components, definitions, err := render(v)
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, name := range only {
		wanted[name] = true
	}
	for _, c := range components {
		if len(only) > 0 && !wanted[c.Name] {
			continue
		}
		if c.Name == values.Base && definitions != "" {
			if _, err := io.WriteString(w, definitions); err != nil {
				return err
			}
		}
		for _, o := range c.Objects {
			if err := writeObject(w, o); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeObject(w io.Writer, o *unstructured.Unstructured) error {
	text, err := yaml.Marshal(o.Object)
	if err != nil {
		return fmt.Errorf("%s %s: %w", o.GetKind(), o.GetName(), err)
	}
	_, err = fmt.Fprintf(w, "---\n%s", text)
	return err
}

// render returns the components without the definitions of resources, which come as text: labelled, but not read.
func render(v values.Values) (components []Component, definitions string, err error) {
	r, err := newRenderer(v)
	if err != nil {
		return nil, "", err
	}
	add := func(c Component, chart, namespace string, tree map[string]any) {
		if err == nil {
			c.Objects, err = r.objects(chart, c, namespace, tree)
			components = append(components, c)
		}
	}
	if v.InstallBase {
		if crds, ok := lookup(v.Tree, "base", "enableCRDTemplates").(bool); ok && crds {
			definitions, err = labelledDefinitions()
		}
		add(Component{Name: values.Base}, "base", v.Namespace, v.Tree)
	}
	if v.InstallPilot {
		add(Component{Name: values.Pilot}, "istiod", v.Namespace, v.Tree)
	}
	for _, g := range v.Gateways {
		add(Component{Name: g.Component, Gateway: g.Name}, "gateway", g.Namespace, g.Values)
	}
	if err != nil {
		return nil, "", err
	}
	if err := patch(components, v.Overlays); err != nil {
		return nil, "", err
	}
	return components, definitions, nil
}

func lookup(tree map[string]any, path ...string) any {
	v, _, _ := unstructured.NestedFieldNoCopy(tree, path...)
	return v
}
