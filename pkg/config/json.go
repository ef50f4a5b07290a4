package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// looksLikeJSON reports whether data can only sensibly be JSON: YAML reads most JSON too, but not its escapes.
func looksLikeJSON(file string, data []byte) bool {
	trimmed := bytes.TrimLeft(data, " \t\r\n")
	if len(trimmed) == 0 || trimmed[0] != '{' && trimmed[0] != '[' {
		return false
	}
	if strings.HasSuffix(file, ".json") {
		return true
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	for {
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

// splitJSON cuts a stream of JSON values into documents. What follows a broken value stays with it.
func splitJSON(file string, data []byte) []*document {
	var docs []*document
	place := jsonPlace{data: data, line: 1, column: 1}
	decoder := json.NewDecoder(bytes.NewReader(data))
	for {
		start := place.next(int(decoder.InputOffset()))
		if start >= len(data) {
			return docs
		}
		doc := &document{file: file, line: place.line, column: place.column, isJSON: true}
		docs = append(docs, doc)
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			doc.data = data[start:]
			return docs
		}
		doc.data = data[start:decoder.InputOffset()]
	}
}

// jsonPlace turns growing offsets into lines and columns.
type jsonPlace struct {
	data         []byte
	offset       int
	line, column int
}

// next moves to the first byte at or after offset that starts a token, and returns its offset.
func (p *jsonPlace) next(offset int) int {
	for offset < len(p.data) && strings.IndexByte(" \t\r\n,:", p.data[offset]) >= 0 {
		offset++
	}
	passed := p.data[p.offset:offset]
	if n := bytes.Count(passed, []byte{'\n'}); n > 0 {
		p.line += n
		p.column = 1
		passed = passed[bytes.LastIndexByte(passed, '\n')+1:]
	}
	p.column += utf8.RuneCount(passed)
	p.offset = offset
	return offset
}

// jsonParser builds the nodes that the YAML parser would build, with the keys of an object in order and kept when they
// repeat.
type jsonParser struct {
	decoder *json.Decoder
	place   jsonPlace
	depth   int
}

func parseJSON(data []byte, depth int) (*yaml.Node, *syntaxError) {
	p := &jsonParser{decoder: json.NewDecoder(bytes.NewReader(data)), place: jsonPlace{data: data, line: 1, column: 1}, depth: depth}
	p.decoder.UseNumber()
	node, err := p.value(0)
	if err == nil {
		return node, nil
	}
	failed := &syntaxError{line: p.place.line, column: p.place.column}
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, errTooDeep):
		failed.message = fmt.Sprintf("nested deeper than %d levels", depth)
	case errors.As(err, &syntax):
		p.place.next(min(int(syntax.Offset), len(data)))
		failed.line, failed.column, failed.message = p.place.line, max(p.place.column-1, 1), "not valid JSON: "+syntax.Error()
	default:
		failed.message = "not valid JSON: it ends too early"
	}
	return nil, failed
}

var errTooDeep = errors.New("too deep")

func (p *jsonParser) value(depth int) (*yaml.Node, error) {
	if depth > p.depth {
		return nil, errTooDeep
	}
	p.place.next(int(p.decoder.InputOffset()))
	node := &yaml.Node{Kind: yaml.ScalarNode, Line: p.place.line, Column: p.place.column}
	token, err := p.decoder.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		node.Kind, node.Tag, node.Style = yaml.MappingNode, "!!map", yaml.FlowStyle
		if t == '[' {
			node.Kind, node.Tag = yaml.SequenceNode, "!!seq"
		}
		for p.decoder.More() {
			child, err := p.value(depth + 1)
			if err != nil {
				return nil, err
			}
			node.Content = append(node.Content, child)
		}
		_, err = p.decoder.Token()
		return node, err
	case string:
		node.Tag, node.Value, node.Style = "!!str", t, yaml.DoubleQuotedStyle
	case json.Number:
		node.Tag, node.Value = "!!int", t.String()
		if strings.ContainsAny(node.Value, ".eE") {
			node.Tag = "!!float"
		}
	case bool:
		node.Tag, node.Value = "!!bool", fmt.Sprint(t)
	default:
		node.Tag, node.Value = "!!null", "null"
	}
	return node, nil
}
