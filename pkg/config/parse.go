package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// syntaxError says why a document cannot be read at all. Its text never holds anything from the document: that may be a
// Secret.
type syntaxError struct {
	line, column int // in the document's data, from 1
	message, fix string
}

// parse reads a document into nodes, positions relative to its data. It returns nil without an error for a document
// without content.
func (d *document) parse() (node *yaml.Node, failed *syntaxError) {
	defer func() {
		if r := recover(); r != nil { // the parser is somebody else's; one document must not take the process along
			node, failed = nil, &syntaxError{line: 1, column: 1, message: "not readable as YAML"}
		}
	}()
	if failed := checkText(d.data); failed != nil {
		return nil, failed
	}
	if d.isJSON {
		return parseJSON(d.data, d.depth)
	}
	var root, more yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(d.data))
	if err := decoder.Decode(&root); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, yamlError(err, d.data)
	}
	switch err := decoder.Decode(&more); {
	case err == nil:
		return nil, &syntaxError{line: more.Line, column: more.Column, message: "a second document starts without a line \"---\""}
	case !errors.Is(err, io.EOF):
		return nil, yamlError(err, d.data)
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) == 0 {
		return nil, nil
	}
	return root.Content[0], nil
}

// checkText refuses what is not text, at the exact place.
func checkText(data []byte) *syntaxError {
	line, start := 1, 0
	for i := 0; i < len(data); {
		c := data[i]
		size := 1
		switch {
		case c == '\n':
			line, start = line+1, i+1
		case c == '\t' || c == '\r' || c >= 0x20 && c < 0x7f:
		case c < utf8.RuneSelf:
			return &syntaxError{line, 1 + utf8.RuneCount(data[start:i]), fmt.Sprintf("control character 0x%02x", c), "save the file as UTF-8 text"}
		default:
			var r rune
			if r, size = utf8.DecodeRune(data[i:]); r == utf8.RuneError && size == 1 {
				return &syntaxError{line, 1 + utf8.RuneCount(data[start:i]), fmt.Sprintf("byte 0x%02x is not UTF-8", c), "save the file as UTF-8 text"}
			}
		}
		i += size
	}
	return nil
}

var yamlErrorLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// yamlError turns the parser's error into ours. The parser knows the line only, and not always the best one.
func yamlError(err error, data []byte) *syntaxError {
	out := &syntaxError{line: 1, column: 1, message: "not valid YAML"}
	if m := yamlErrorLine.FindStringSubmatch(strings.ReplaceAll(err.Error(), "\n", " ")); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			out.line = n
		}
		out.message = "not valid YAML: " + m[2]
	}
	if strings.Contains(out.message, "unknown anchor") {
		out.message = "not valid YAML: an alias (*name) without its anchor (&name)"
	}
	n := 0
	for line := range bytes.Lines(data) {
		n++
		indent := line[:len(line)-len(bytes.TrimLeft(line, " \t"))]
		if tab := bytes.IndexByte(indent, '\t'); tab >= 0 && n >= out.line-1 && len(indent) < len(bytes.TrimRight(line, "\r\n")) {
			return &syntaxError{n, tab + 1, "a tab indents this line", "indent with spaces"}
		}
		if bytes.Contains(line, []byte("{{")) && n >= out.line-1 {
			return &syntaxError{n, bytes.Index(line, []byte("{{")) + 1, out.message, "this looks like a template: render it first"}
		}
		if n == out.line {
			out.column = len(indent) + 1
		}
		if n > out.line {
			break
		}
	}
	out.line = min(out.line, max(n, 1))
	return out
}
