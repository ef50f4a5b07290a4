package values

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// step is a part of the path of a setting: a name, or a place in a list.
type step struct {
	name  string
	index int // where name is empty
}

// maxIndex bounds the lists that a setting can make.
const maxIndex = 1000

// atTag marks a mapping that stands for single places of a list: its keys are indices.
const atTag = "!at"

// readSet reads a setting PATH=VALUE: names with dots between them, "\." for a dot in a name, [N] for the N-th entry of a list. The
// value is YAML where it starts with {, [ or a quote, "{a,b}" is a list as Helm has it, and everything else is a plain word or number.
func readSet(text string) (layer, error) {
	path, value, found := strings.Cut(text, "=")
	if !found || path == "" {
		return layer{}, fmt.Errorf("--set %s: must be PATH=VALUE, for example pilot.replicaCount=2", text)
	}
	steps, err := parsePath(path)
	if err != nil {
		return layer{}, fmt.Errorf("--set %s: %w", text, err)
	}
	node, err := parseValue(value)
	if err != nil {
		return layer{}, fmt.Errorf("--set %s: the value is no YAML: %w", text, err)
	}
	return setting("--set "+text, steps, node), nil
}

// setting wraps a value into mappings so that it stands at a path.
func setting(name string, steps []step, value *yaml.Node) layer {
	for i := len(steps) - 1; i >= 0; i-- {
		key, tag := steps[i].name, "!!map"
		if key == "" {
			key, tag = strconv.Itoa(steps[i].index), atTag
		}
		value = &yaml.Node{Kind: yaml.MappingNode, Tag: tag, Content: []*yaml.Node{scalar(key), value}}
	}
	return layer{name: name, root: value}
}

func parsePath(path string) ([]step, error) {
	var steps []step
	var name strings.Builder
	flush := func() error {
		if name.Len() == 0 {
			return fmt.Errorf("a name in the path is empty; \\. is a dot in a name")
		}
		steps = append(steps, step{name: name.String()})
		name.Reset()
		return nil
	}
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '\\' && i+1 < len(path):
			i++
			name.WriteByte(path[i])
		case c == '.':
			if i > 0 && path[i-1] == ']' {
				continue
			}
			if err := flush(); err != nil {
				return nil, err
			}
		case c == '[':
			end := strings.IndexByte(path[i:], ']')
			if end < 0 {
				return nil, fmt.Errorf("the path has a [ without ]")
			}
			n, err := strconv.Atoi(path[i+1 : i+end])
			if err != nil || n < 0 || n > maxIndex {
				return nil, fmt.Errorf("%s must be the number of an entry, from [0]", path[i:i+end+1])
			}
			if name.Len() > 0 {
				steps = append(steps, step{name: name.String()})
				name.Reset()
			}
			if len(steps) == 0 {
				return nil, fmt.Errorf("the path starts with an entry of no list")
			}
			steps = append(steps, step{index: n})
			i += end
		default:
			name.WriteByte(c)
		}
	}
	if strings.HasSuffix(path, "]") && name.Len() == 0 {
		return steps, nil
	}
	err := flush()
	return steps, err
}

func parseValue(text string) (*yaml.Node, error) {
	if inner, isList := strings.CutPrefix(text, "{"); isList && strings.HasSuffix(inner, "}") && !strings.Contains(inner, ":") {
		text = "[" + strings.TrimSuffix(inner, "}") + "]"
	}
	if text == "" || !strings.ContainsAny(text[:1], "{[\"'") {
		n := &yaml.Node{Kind: yaml.ScalarNode, Value: text}
		n.Tag = n.ShortTag()
		if text == "" {
			n.Tag = "!!str"
		}
		return n, nil
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		return nil, fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	return withoutPosition(doc.Content[0]), nil
}

// withoutPosition forgets lines and columns: there is no file that they lead to.
func withoutPosition(n *yaml.Node) *yaml.Node {
	n.Line, n.Column = 0, 0
	for _, c := range n.Content {
		withoutPosition(c)
	}
	return n
}
