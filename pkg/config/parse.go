package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"sync"
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
	if oneBlock(d.data) {
		if err := yaml.Unmarshal(d.data, &root); err != nil {
			return nil, yamlError(err, d.data)
		}
		return root.Content[0], nil
	}
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

// oneBlock reports whether a document plainly is one mapping in block style: it begins with a letter in the first column, and
// no line can end it. Then nothing can follow it that a parser of one document would not see.
func oneBlock(data []byte) bool {
	if bytes.ContainsAny(data, "\r\u0085\u2028\u2029") { // line ends as well
		return false
	}
	for len(data) > 0 {
		line, rest, _ := bytes.Cut(data, []byte{'\n'})
		if trimmed := bytes.TrimSpace(line); len(trimmed) > 0 && trimmed[0] != '#' {
			c := line[0] | 0x20
			return 'a' <= c && c <= 'z' && bytes.Contains(line, []byte(": ")) &&
				!bytes.Contains(rest, []byte("\n...")) && !bytes.Contains(rest, []byte("\n---")) && !bytes.HasPrefix(rest, []byte("...")) && !bytes.HasPrefix(rest, []byte("---"))
		}
		data = rest
	}
	return false
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

const looksLikeTemplate = "this looks like a template: render it first"

var yamlErrorLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`) })

// yamlError turns the parser's error into ours. The parser only knows the line where the broken construct starts, and
// that not always.
func yamlError(err error, data []byte) *syntaxError {
	line, message := yamlMessage(err)
	if better := firstBrokenLine(data, message); better > 0 {
		line = better
	}
	out := &syntaxError{line: line, column: 1, message: "not valid YAML: " + message}
	if strings.Contains(message, "unknown anchor") {
		out.message = "not valid YAML: an alias (*name) without its anchor (&name)"
	}
	lines := bytes.Split(data, []byte{'\n'})
	out.line = max(1, min(out.line, len(lines)))
	text := bytes.TrimRight(lines[out.line-1], "\r")
	indent := text[:len(text)-len(bytes.TrimLeft(text, " \t"))]
	out.column = utf8.RuneCount(indent) + 1
	if tab := bytes.IndexByte(indent, '\t'); tab >= 0 {
		out.column, out.message, out.fix = tab+1, "not valid YAML: a tab indents this line", "indent with spaces"
	} else if template := bytes.Index(text, []byte("{{")); template >= 0 {
		out.column, out.fix = utf8.RuneCount(text[:template])+1, looksLikeTemplate
	}
	return out
}

func yamlMessage(err error) (line int, message string) {
	m := yamlErrorLine().FindStringSubmatch(strings.ReplaceAll(err.Error(), "\n", " "))
	if m == nil {
		return 1, "no YAML at all"
	}
	line, _ = strconv.Atoi(m[1])
	return line, m[2]
}

// firstBrokenLine finds the line at which the text stops being good: the shortest beginning of the text that fails with
// the same message. It is 0 for texts too long to try that.
func firstBrokenLine(data []byte, message string) int {
	const longest = 256 << 10
	if len(data) > longest {
		return 0
	}
	starts := append(lineStarts(data), len(data))
	return sort.Search(len(starts)-1, func(i int) bool {
		var node yaml.Node
		err := yaml.Unmarshal(data[:starts[i]], &node)
		if err == nil {
			return false
		}
		_, m := yamlMessage(err)
		return m == message
	})
}
