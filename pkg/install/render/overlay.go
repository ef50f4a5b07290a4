package render

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshctl/meshctl/pkg/install/values"
)

// patch applies overlays. An object or a field that is not there is an error: the overlay was written for something else.
func patch(components []Component, overlays []values.Overlay) error {
	for _, o := range overlays {
		target, err := overlaid(components, o)
		if err != nil {
			return err
		}
		for _, p := range o.Patches {
			steps, err := splitPath(p.Path)
			if err == nil {
				var changed any
				if changed, err = change(target.Object, steps, jsonValue(p.Value)); err == nil {
					target.Object, _ = changed.(map[string]any)
				}
			}
			if err != nil {
				return fmt.Errorf("%s: overlay of %s %s: %s: %w", p.Position, o.Kind, o.Name, p.Path, err)
			}
		}
	}
	return nil
}

func overlaid(components []Component, o values.Overlay) (*unstructured.Unstructured, error) {
	for _, c := range components {
		if c.Name != o.Component || c.Gateway != o.Gateway {
			continue
		}
		for _, object := range c.Objects {
			if object.GetKind() == o.Kind && object.GetName() == o.Name {
				return object, nil
			}
		}
		return nil, fmt.Errorf("%s: overlay: the component has no %s %s", o.Position, o.Kind, o.Name)
	}
	return nil, fmt.Errorf("%s: overlay of %s %s: the component is not installed", o.Position, o.Kind, o.Name)
}

// splitPath splits "spec.containers.[name:discovery].args[0]" into names and selectors in brackets. "\." is a dot in a name.
func splitPath(path string) ([]string, error) {
	var steps []string
	var step strings.Builder
	flush := func() {
		if step.Len() > 0 {
			steps = append(steps, step.String())
			step.Reset()
		}
	}
	for i := 0; i < len(path); i++ {
		switch c := path[i]; c {
		case '\\':
			if i++; i < len(path) {
				step.WriteByte(path[i])
			}
		case '.':
			flush()
		case '[':
			flush()
			end := strings.IndexByte(path[i:], ']')
			if end < 0 {
				return nil, fmt.Errorf("there is a [ without ]")
			}
			steps = append(steps, path[i:i+end+1])
			i += end
		default:
			step.WriteByte(c)
		}
	}
	flush()
	if len(steps) == 0 {
		return nil, fmt.Errorf("the path is empty")
	}
	return steps, nil
}

// change returns a value with what the steps lead to replaced, or taken away when the new value is nil.
func change(at any, steps []string, value any) (any, error) {
	if len(steps) == 0 {
		return value, nil
	}
	if selector, isSelector := strings.CutPrefix(steps[0], "["); isSelector {
		list, ok := at.([]any)
		if !ok && at != nil {
			return nil, fmt.Errorf("%s is not in a list", steps[0])
		}
		return changeEntry(list, strings.TrimSuffix(selector, "]"), steps, value)
	}
	fields, ok := at.(map[string]any)
	if !ok && at != nil {
		return nil, fmt.Errorf("%s is not in a mapping", steps[0])
	}
	if fields == nil {
		fields = map[string]any{}
	}
	inner, err := change(fields[steps[0]], steps[1:], value)
	if err != nil {
		return nil, err
	}
	if inner == nil {
		delete(fields, steps[0])
	} else {
		fields[steps[0]] = inner
	}
	return fields, nil
}

// changeEntry changes the entry of a list that a selector names: "N" (-1, or the length, adds one), "key:value", or ":value".
func changeEntry(list []any, selector string, steps []string, value any) (any, error) {
	i, err := strconv.Atoi(selector)
	if key, want, byField := strings.Cut(selector, ":"); byField {
		i, err = slices.IndexFunc(list, func(v any) bool {
			if key == "" {
				return fmt.Sprint(v) == want
			}
			fields, _ := v.(map[string]any)
			return fields[key] != nil && fmt.Sprint(fields[key]) == want
		}), nil
		if i < 0 {
			return nil, fmt.Errorf("the list has no entry %s", steps[0])
		}
	}
	if i == -1 {
		i = len(list)
	}
	if err != nil || i < 0 || i > len(list) {
		return nil, fmt.Errorf("the list has no entry %s", steps[0])
	}
	var old any
	if i < len(list) {
		old = list[i]
	}
	inner, err := change(old, steps[1:], value)
	switch {
	case err != nil:
		return nil, err
	case inner == nil && i < len(list):
		return slices.Delete(list, i, i+1), nil
	case inner == nil:
		return list, nil
	case i == len(list):
		return append(list, inner), nil
	}
	list[i] = inner
	return list, nil
}

// jsonValue turns numbers of YAML into those of JSON objects.
func jsonValue(v any) any {
	switch v := v.(type) {
	case int:
		return int64(v)
	case []any:
		for i := range v {
			v[i] = jsonValue(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = jsonValue(v[k])
		}
	}
	return v
}
