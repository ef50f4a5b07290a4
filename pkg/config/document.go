package config

import (
	"bytes"
	"strings"
)

// document is where an object was written: a piece of a file's text, kept to find positions on demand.
type document struct {
	file string
	data []byte
	// line and column are where data starts in the file.
	line, column int
	// isJSON says which parser reads data.
	isJSON bool
	// prefix leads from the root of data to the object: the items of a list share their list's data where it cannot be
	// cut up. Empty for most.
	prefix []step
	// standsAt is the path of the object at which data stands, when it is not the object itself but a text in it: a MeshConfig in a
	// file of its own. Empty for all others.
	standsAt []step
	// start is where the object itself starts.
	start Position
	// secret forbids to show the text.
	secret bool
	// served says that an API server gave it out: it has no place in a file, and is not kept.
	served bool
	// depth is how deeply JSON may nest; YAML is measured while walking.
	depth int
	// expanded counts the nodes that aliases have stood for; only used while decoding.
	expanded int
}

// position turns a place in data (from 1) into a place in the file.
func (d *document) position(line, column int) Position {
	if d.served {
		return Position{}
	}
	if line == 1 {
		column += d.column - 1
	}
	return Position{File: d.file, Line: line + d.line - 1, Column: column}
}

// split cuts a file into YAML documents. A line that starts with "---" is a document marker wherever it stands (YAML 1.2,
// 9.1.2), so that a syntax error in one document cannot swallow the next. Chunks without content are left out.
func split(file string, data []byte) []*document {
	var docs []*document
	start, startLine := 0, 1
	flush := func(end int) {
		if chunk := data[start:end]; hasContent(chunk) {
			docs = append(docs, &document{file: file, data: chunk, line: startLine, column: 1})
		}
	}
	line := 1
	for at := 0; at < len(data); line++ {
		end := len(data)
		if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		switch text := data[at:end]; {
		case isMarker(text, "---"):
			flush(at)
			start, startLine = at, line
		case isMarker(text, "..."):
			flush(at)
			start, startLine = end, line+1
		}
		at = end
	}
	flush(len(data))
	return docs
}

func isMarker(line []byte, marker string) bool {
	if len(line) < 3 || string(line[:3]) != marker {
		return false
	}
	return len(line) == 3 || line[3] == ' ' || line[3] == '\t' || line[3] == '\r' || line[3] == '\n'
}

// hasContent reports whether there is more than blank lines, comments, directives and a bare marker.
func hasContent(chunk []byte) bool {
	for line := range bytes.Lines(chunk) {
		if isMarker(line, "---") {
			line = line[3:]
		}
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && line[0] != '%' {
			return true
		}
	}
	return false
}

// text returns a line of the file without its end, or "" where the document has no such line or it is too long for a message.
func (d *document) text(line int) string {
	n := d.line
	for l := range bytes.Lines(d.data) {
		if n == line && len(l) > excerptBytes {
			return ""
		}
		if n == line {
			return strings.TrimRight(string(l), "\r\n")
		}
		n++
	}
	return ""
}
