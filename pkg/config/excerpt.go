package config

import (
	"bytes"
	"strings"
)

// excerptBytes is the longest line that is kept for a message.
const excerptBytes = 4 << 10

// excerpts keeps the lines that problems of a document are about when no object will hold them. A text that might be a Secret's is never
// kept: where the kind cannot be told, or the word occurs at all.
func excerpts(problems []Problem, doc *document) {
	h := sniffHead(doc.data)
	if h.kind == "" || knownKinds().lookup(h.apiVersion, h.kind).entry == nil || bytes.Contains(doc.data, []byte("Secret")) {
		return
	}
	wanted := map[int]string{}
	for _, p := range problems {
		wanted[p.Position.Line] = ""
	}
	n := doc.line
	for line := range bytes.Lines(doc.data) {
		if _, ok := wanted[n]; ok && len(line) <= excerptBytes {
			wanted[n] = strings.TrimRight(string(line), "\r\n")
		}
		n++
	}
	for i := range problems {
		problems[i].Excerpt = wanted[problems[i].Position.Line]
	}
}
