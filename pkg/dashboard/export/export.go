// Package export turns a topology into documents: SVG, HTML in one file, and DOT for Graphviz. All are made of their input alone; names are
// escaped for the format and cannot break out of it.
package export

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/topology"
)

// longest is how many characters of a name documents show.
const longest = 500

// JSON is the graph itself. Numbers that cannot be are absent (see topology.Graph.Clean).
func JSON(g topology.Graph) (string, error) {
	b, err := json.MarshalIndent(g.Clean(), "", "  ")
	return string(b) + "\n", err
}

// plain makes a name visible as a whole: what controls a terminal, or reverses text, becomes an escape.
func plain(s string) string {
	if r := []rune(s); len(r) > longest {
		s = string(r[:longest]) + "…"
	}
	return printer.Escape(s)
}

// escape makes a text part of XML.
func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(plain(s))) // a strings.Builder takes everything
	return b.String()
}

// about describes an edge in one line, for those who point at it.
func about(e topology.Edge) string {
	parts := []string{e.From + " to " + e.To, string(e.Protocol)}
	if e.Host != "" {
		parts = append(parts, fmt.Sprintf("%s:%d", e.Host, e.Port))
	}
	if e.Rates.Requests != nil {
		parts = append(parts, topology.PerSecond(e.Rates.Requests)+"/s")
	}
	if share, ok := e.Rates.ErrorShare(); ok {
		parts = append(parts, topology.Percent(share)+" errors")
	}
	if e.Rates.P99 != nil {
		parts = append(parts, "p99 "+topology.Milliseconds(e.Rates.P99))
	}
	security := string(e.Security)
	if e.Why != "" {
		security += " (" + e.Why + ")"
	}
	parts = append(parts, security)
	if e.Planned != topology.Unchanged {
		parts = append(parts, strings.TrimSpace("planned: "+string(e.Planned)+" "+e.Change.Text("→")))
	}
	for _, b := range e.Badges {
		parts = append(parts, string(b))
	}
	return strings.Join(parts, ", ")
}
