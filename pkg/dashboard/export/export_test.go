package export_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/meshctl/meshctl/pkg/dashboard/draw"
	"github.com/meshctl/meshctl/pkg/dashboard/export"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/topology/topologytest"
)

var update = flag.Bool("update", false, "write golden files")

func documents(t testing.TB, g topology.Graph) map[string]string {
	t.Helper()
	o := draw.Options{Labels: draw.RateLabels}
	j, err := export.JSON(g)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"svg": export.SVG(g, o), "html": export.HTML(g, o), "dot": export.DOT(g, o), "json": j}
}

func TestGolden(t *testing.T) {
	g := topologytest.Bookinfo()
	g.Silent = []topology.Silent{{Proxy: "ratings-v2.default", Reason: "timed out"}}
	for kind, got := range documents(t, g) {
		path := filepath.Join("testdata", "bookinfo."+kind)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
		check(t, kind, got)
	}
}

// check reads a document with a parser of its format.
func check(t testing.TB, kind, text string) {
	t.Helper()
	if !utf8.ValidString(text) || strings.ContainsAny(text, "\x00\x1b\r") {
		t.Errorf("%s has control characters", kind)
	}
	switch kind {
	case "svg", "html":
		elements(t, kind, text)
	case "json":
		var g topology.Graph
		if err := json.Unmarshal([]byte(text), &g); err != nil {
			t.Error(err)
		}
	case "dot":
		statements(t, text)
	}
}

// elements wants well-formed XML of elements that do not run or load anything.
func elements(t testing.TB, kind, text string) {
	t.Helper()
	allowed := strings.Fields("svg title style defs marker path rect text g polyline html head meta body h1 h2 p div table thead tbody tr th td")
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		found := false
		for _, a := range allowed {
			found = found || a == start.Name.Local
		}
		for _, a := range start.Attr {
			found = found && !strings.HasPrefix(a.Name.Local, "on") && a.Name.Local != "href" && a.Name.Local != "src"
		}
		if !found {
			t.Errorf("%s has an element %s %v", kind, start.Name.Local, start.Attr)
		}
	}
}

// statements wants DOT whose quoted texts end and whose lines are statements that we write.
func statements(t testing.TB, text string) {
	t.Helper()
	var outside strings.Builder
	in := false
	for i := 0; i < len(text); i++ {
		switch {
		case in && text[i] == '\\':
			i++
		case text[i] == '"':
			in = !in
		case in && text[i] == '\n':
			t.Fatal("a quoted text goes over a line end")
		case !in:
			outside.WriteByte(text[i])
		}
	}
	rest := outside.String()
	if in || strings.Count(rest, "{") != strings.Count(rest, "}") || strings.Count(rest, "[") != strings.Count(rest, "]") {
		t.Fatalf("something is not closed:\n%s", rest)
	}
	if i := strings.IndexFunc(rest, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzLR 0123456789{}[]=,;->\n", r)
	}); i >= 0 {
		t.Errorf("%q is not quoted", rest[i:min(i+20, len(rest))])
	}
}

func hostile(name string, v float64) topology.Graph {
	g := topology.Graph{Window: 1}
	for _, kind := range []topology.Kind{topology.Workload, topology.External, topology.Kind(name)} {
		g.Nodes = append(g.Nodes, topology.Node{
			ID: name + string(kind), Kind: kind, Name: name, Namespace: name, Service: name, Version: name, Identity: name,
			Findings: []topology.Finding{{Code: name, Level: name, Message: name}}, In: topology.Rates{Requests: &v, Errors: &v, P99: &v},
		})
		g.Edges = append(g.Edges, topology.Edge{
			From: name + string(topology.Workload), To: name + string(kind), Host: name, Why: name, Security: topology.Security(name), Badges: []topology.Badge{topology.Badge(name)},
			Rates: topology.Rates{Requests: &v, Sent: &v}, Split: &topology.Split{Configured: v, Observed: -v, Origin: name},
		})
	}
	g.Silent = []topology.Silent{{Proxy: name, Reason: name}}
	return g
}

func TestHostileNames(t *testing.T) {
	for _, name := range []string{
		"</text><script>alert(1)</script>", `"];x[label="`, "\x1b]0;title\a\x1b[31m", "a\x00b\u202ec\xff", strings.Repeat("名", 10000), "]]>", "&amp;", `back\`, "",
	} {
		for _, v := range []float64{1, math.NaN(), math.Inf(-1), 1e308} {
			for kind, text := range documents(t, hostile(name, v)) {
				check(t, kind, text)
			}
		}
	}
}

func FuzzDocuments(f *testing.F) {
	f.Add(`<a href="x">&`, 1.5)
	f.Add("\x1b[2J\\\"", math.NaN())
	f.Fuzz(func(t *testing.T, name string, v float64) {
		for kind, text := range documents(t, hostile(name, v)) {
			check(t, kind, text)
		}
	})
}
