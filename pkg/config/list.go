package config

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// listItems returns the items of a "kind: List" (or of a typed one: ServiceList), or nil when n is no list.
func listItems(n *yaml.Node, h head) *yaml.Node {
	items := child(n, "items")
	if items == nil || !strings.HasSuffix(h.kind, "List") {
		return nil
	}
	if h.kind == "List" && h.apiVersion == "v1" {
		return resolve(items)
	}
	if knownKinds().lookup(h.apiVersion, strings.TrimSuffix(h.kind, "List")).entry != nil {
		return resolve(items)
	}
	return nil
}

// list decodes the items of a list, each as if it were a document.
func (d Decoder) list(out *Result, doc *document, n *yaml.Node, h head, items *yaml.Node) {
	if isNull(items) {
		return
	}
	if items.Kind != yaml.SequenceNode {
		out.fail(Problem{Position: doc.position(items.Line, items.Column), Field: "items", Message: "must be a list"})
		return
	}
	sources := doc.cut(n, items)
	for i, item := range items.Content {
		before := len(out.Problems)
		if item = resolve(item); item.Kind != yaml.MappingNode {
			out.fail(Problem{Position: doc.position(item.Line, item.Column), Message: "must be a mapping with apiVersion and kind"})
		} else {
			if h.kind != "List" {
				item = withHead(item, h)
			}
			d.root(out, doc, sources[i], item)
		}
		for j := before; j < len(out.Problems); j++ {
			p := &out.Problems[j]
			p.Field = strings.TrimSuffix(renderPath([]step{{name: "items"}, {index: i}})+"."+p.Field, ".")
		}
	}
}

// withHead gives an item of a typed list the apiVersion and kind that it may leave out.
func withHead(item *yaml.Node, h head) *yaml.Node {
	out := *item
	for key, value := range map[string]string{"apiVersion": h.apiVersion, "kind": strings.TrimSuffix(h.kind, "List")} {
		if child(item, key) == nil {
			place := yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Line: item.Line, Column: item.Column}
			k, v := place, place
			k.Value, v.Value = key, value
			out.Content = append(slices.Clip(out.Content), &k, &v)
		}
	}
	return &out
}

// cut gives each item of a list the piece of text that holds it, so that looking up a position in one item does not
// parse the thousands of others. Where the text cannot be cut (flow style, aliases), items share the whole document.
func (d *document) cut(list, items *yaml.Node) []*document {
	out := make([]*document, len(items.Content))
	for i := range out {
		shared := *d
		shared.prefix = []step{{name: "items"}, {index: i}}
		out[i] = &shared
	}
	if !d.isJSON && (items.Style&yaml.FlowStyle != 0 || hasAlias(items)) {
		return out
	}
	lines := lineStarts(d.data)
	bounds := make([]int, 0, len(items.Content)+1)
	for _, item := range items.Content {
		start := lines[item.Line-1]
		before := columnOffset(d.data[start:], item.Column)
		if d.isJSON {
			start += before
		} else if string(bytes.TrimSpace(d.data[start:start+before])) != "-" {
			return out
		}
		bounds = append(bounds, start)
	}
	bounds = append(bounds, d.endOf(list, items, lines))
	for i, item := range items.Content {
		piece := &document{file: d.file, data: d.data[bounds[i]:bounds[i+1]], line: d.line + item.Line - 1, column: 1, isJSON: d.isJSON, depth: d.depth}
		if d.isJSON {
			piece.column = d.position(item.Line, item.Column).Column
		} else {
			piece.prefix = []step{{index: 0}}
		}
		out[i] = piece
	}
	return out
}

// endOf returns where the last item ends at the latest: at the next key of the list's own mapping.
func (d *document) endOf(list, items *yaml.Node, lines []int) int {
	for i := 0; i+3 < len(list.Content); i += 2 {
		if list.Content[i+1] == items && !d.isJSON {
			return lines[list.Content[i+2].Line-1]
		}
	}
	return len(d.data)
}

func hasAlias(n *yaml.Node) bool {
	return n.Kind == yaml.AliasNode || slices.ContainsFunc(n.Content, hasAlias)
}

func lineStarts(data []byte) []int {
	starts := []int{0}
	for i, c := range data {
		if c == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// columnOffset returns the offset in a line of the column, which counts characters from 1.
func columnOffset(line []byte, column int) int {
	offset := 0
	for ; column > 1 && offset < len(line); column-- {
		_, size := utf8.DecodeRune(line[offset:])
		offset += size
	}
	return offset
}
