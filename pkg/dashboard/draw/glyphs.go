package draw

import "github.com/meshctl/meshctl/pkg/topology"

// glyphs are the signs of a picture, in Unicode or in ASCII. Most are one cell wide.
type glyphs struct {
	ascii                 bool
	more                  string
	right, left, up, down string // ends of edges
	flow                  [4]string
	dot, badDot           string
	frameRow, frameColumn string
	frameCorners          [4]string
	kinds                 map[topology.Kind]string
	lock, open, partly    string
	errors                string
	bare, stale, rejected string
	finding, self, split  string
	added, removed        string
	badges                map[topology.Badge]string
}

func glyphsOf(ascii bool) *glyphs {
	if ascii {
		return &asciiGlyphs
	}
	return &unicodeGlyphs
}

var unicodeGlyphs = glyphs{ //nolint:gochecknoglobals // a table
	more: "…", right: "▶", left: "◀", up: "▲", down: "▼", flow: [4]string{"▴", "▸", "▾", "◂"},
	dot: "●", badDot: "✗", frameRow: "┄", frameColumn: "┆", frameCorners: [4]string{"┌", "┐", "└", "┘"},
	kinds: map[topology.Kind]string{topology.Gateway: "⇥ ", topology.External: "⇗ ", topology.Unmeshed: "? ", topology.Service: "≡ ", topology.NamespaceKind: "▤ "},
	lock:  "🔒", open: "⚠", partly: "◐", errors: "✗", bare: "⊘", stale: "↻", rejected: "✖", finding: "⚑", self: "↺", split: "→", added: "+", removed: "−",
	badges: map[topology.Badge]string{
		topology.CircuitBreaker: "⌁", topology.Ejected: "⏏", topology.Fault: "☇", topology.Mirror: "⇉", topology.Retried: "⟳", topology.Timeout: "⧖",
	},
}

var asciiGlyphs = glyphs{ //nolint:gochecknoglobals // a table
	ascii: true, more: "~", right: ">", left: "<", up: "^", down: "v", flow: [4]string{"^", ">", "v", "<"},
	dot: "o", badDot: "x", frameRow: ".", frameColumn: ":", frameCorners: [4]string{".", ".", ".", "."},
	kinds: map[topology.Kind]string{topology.Gateway: "> ", topology.External: "@ ", topology.Unmeshed: "? ", topology.Service: "= ", topology.NamespaceKind: "# "},
	lock:  "*", open: "!", partly: "%", errors: "x", bare: "0", stale: "S", rejected: "X", finding: "A", self: "@", split: ">", added: "+", removed: "-",
	badges: map[topology.Badge]string{
		topology.CircuitBreaker: "B", topology.Ejected: "E", topology.Fault: "F", topology.Mirror: "M", topology.Retried: "R", topology.Timeout: "T",
	},
}

// Sign is one line of the legend.
type Sign struct{ Glyph, Meaning string }

// Legend explains the signs of a picture.
func Legend(ascii bool) []Sign {
	g := glyphsOf(ascii)
	return []Sign{
		{g.lock, "all that it receives is mutual TLS"}, {g.open, "plaintext"}, {g.partly, "partly mutual TLS"},
		{g.errors, "share of requests that fail"}, {g.bare, "instances without a sidecar"}, {g.stale, "configuration is stale"},
		{g.rejected, "configuration was rejected"}, {g.finding, "findings of analyze"}, {g.self, "calls itself"},
		{"90" + g.split + "88%", "split: configured and observed share"},
		{g.badges[topology.CircuitBreaker], "circuit breaker"}, {g.badges[topology.Ejected], "endpoints ejected"},
		{g.badges[topology.Fault], "injected fault"}, {g.badges[topology.Mirror], "mirrored"},
		{g.badges[topology.Retried], "retries"}, {g.badges[topology.Timeout], "timeout"},
		{g.kinds[topology.Gateway], "gateway"}, {g.kinds[topology.External], "outside of the mesh"}, {g.kinds[topology.Unmeshed], "callers without a proxy"},
		{g.kinds[topology.Service], "service: its workloads are collapsed or not known"}, {g.kinds[topology.NamespaceKind], "namespace, collapsed"},
		{g.added + "20%", "a planned change adds it: with that share of what its caller asks for"}, {g.removed + "80%", "a planned change ends it"},
		{"80" + g.split + "50%", "on an edge: a planned change gives it another share; *: of some requests only"},
	}
}
