package values

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/meshctl/meshctl/pkg/config"
)

// meshConfig lays a MeshConfig over the one so far, when the control plane can read it.
func (b *builder) meshConfig(l layer, n *yaml.Node, path []string) {
	if n = resolve(n); n.Kind != yaml.MappingNode {
		if !isNull(n) {
			b.wrong(l, n, path, "must be a mapping")
		}
		return
	}
	value, ok := b.free(l, n, path)
	if !ok {
		return
	}
	mesh, _ := b.tree["meshConfig"].(map[string]any)
	mesh = clone(mesh)
	merge(mesh, value.(map[string]any))
	b.checkMeshConfig(l, n, path, mesh)
	b.tree["meshConfig"] = mesh
}

// checkMeshConfig decodes the whole as the control plane will.
func (b *builder) checkMeshConfig(l layer, n *yaml.Node, path []string, mesh map[string]any) {
	text, err := yaml.Marshal(mesh)
	if err != nil {
		b.wrong(l, n, path, err.Error())
		return
	}
	object, err := config.MeshConfigObject("", text, b.namespace)
	if err != nil {
		b.wrong(l, n, path, err.Error())
		return
	}
	_, problems := config.DecodeMeshConfig(object)
	for _, p := range problems {
		at, names, here := locate(n, p.Field)
		if !here {
			continue // another layer brought it, and it has been said there
		}
		message := p.Message
		if p.Fix != "" {
			message += "; did you mean " + p.Fix + "?"
		}
		b.wrong(l, at, slices.Concat(path, names), message)
	}
}

// locate finds the value that a field of the ConfigMap ("data[mesh].defaultConfig.concurrency") stands for.
func locate(n *yaml.Node, field string) (at *yaml.Node, names []string, found bool) {
	at = n
	for _, part := range strings.Split(strings.TrimPrefix(field, "data[mesh]."), ".") {
		name, indices, _ := strings.Cut(part, "[")
		steps := []string{name}
		if indices != "" {
			for i := range strings.SplitSeq(strings.TrimSuffix(indices, "]"), "][") {
				steps = append(steps, "["+i+"]")
			}
		}
		for _, s := range steps {
			if at = entry(resolve(at), s); at == nil {
				return n, nil, false
			}
			names = append(names, s)
		}
	}
	return at, names, true
}

// entry is the value of a mapping's name, or of a list's "[N]"; nil when there is none.
func entry(n *yaml.Node, name string) *yaml.Node {
	i, isIndex := strings.CutPrefix(strings.TrimSuffix(name, "]"), "[")
	if at, err := strconv.Atoi(i); isIndex && err == nil && n.Kind == yaml.SequenceNode {
		if at < len(n.Content) {
			return n.Content[at]
		}
		return nil
	}
	for k, v := range fields(n) {
		if k.Value == name || isIndex && n.Tag == atTag && k.Value == i {
			return v
		}
	}
	return nil
}
