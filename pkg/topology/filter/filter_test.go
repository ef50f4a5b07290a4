package filter_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/topology/filter"
	"github.com/meshctl/meshctl/pkg/topology/topologytest"
)

// found writes what an expression finds in the sample application: names of nodes, and edges as from>to.
func found(t *testing.T, text string) string {
	t.Helper()
	e, err := filter.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	g := topologytest.Bookinfo()
	f := e.Find(g)
	var out []string
	short := func(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }
	for _, n := range g.Nodes {
		if f.Nodes[n.ID] {
			out = append(out, short(n.ID))
		}
	}
	for i, e := range g.Edges {
		if f.Edges[i] {
			out = append(out, short(e.From)+">"+short(e.To))
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestFind(t *testing.T) {
	for text, want := range map[string]string{
		"err > 5%":                    "productpage-v1>reviews-v3 ratings-v1 reviews-v3 reviews-v3>ratings-v1",
		"err>=10":                     "productpage-v1>reviews-v3 reviews-v3",
		"rt > 500":                    "productpage-v1>reviews-v3 reviews-v3",
		"p99 > 0.5s":                  "productpage-v1>reviews-v3 reviews-v3",
		"!mtls":                       "ratings-v1>mongodb-v1 unknown>istio-ingressgateway",
		"NOT mtls AND protocol = tcp": "ratings-v1>mongodb-v1",
		"!sidecar && kind = workload": "mongodb-v1 ratings-v1",
		"ns = istio-system":           "istio-ingressgateway istio-ingressgateway>productpage-v1 unknown>istio-ingressgateway",
		"name ~ REV and version = v1": "productpage-v1>reviews-v1 productpage-v1>reviews-v2 productpage-v1>reviews-v3 reviews-v1 reviews-v2>ratings-v1 reviews-v3>ratings-v1",
		"stale or (fault and mtls)":   "productpage-v1>details-v1 reviews-v3",
		"mongo":                       "mongodb-v1 ratings-v1>mongodb-v1",
		`"reviews-v2.default"`:        "productpage-v1>reviews-v2 reviews-v2 reviews-v2>ratings-v1",
		"to = mongodb-v1":             "ratings-v1>mongodb-v1",
		"rps < 1":                     "api.example.com details-v1>api.example.com",
		"!(rps > 0)":                  "",
		"split and from != x":         "productpage-v1>reviews-v1 productpage-v1>reviews-v2 productpage-v1>reviews-v3",
		"findings > 0":                "reviews-v3",
		"not not stale":               "reviews-v3",
		"idle":                        "",
	} {
		if diff := cmp.Diff(want, found(t, text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestSyntaxErrorsPointAtTheColumn(t *testing.T) {
	for text, want := range map[string]filter.SyntaxError{
		"err >":                    {6, "value is missing"},
		"err > five":               {7, "not a number"},
		"errr > 5":                 {1, "unknown field"},
		"ns > x":                   {4, "is a text"},
		"ns = prod AND":            {14, "condition is missing"},
		"(ns = prod":               {11, "closing parenthesis"},
		"ns = prod name":           {11, "join conditions"},
		"名 = 'x":                   {5, "not closed"},
		"AND":                      {1, "condition is missing"},
		"err ~ 5":                  {5, "a number"},
		strings.Repeat("(", 200):   {102, "too many"},
		strings.Repeat("a ", 3000): {4097, "more than"},
	} {
		_, err := filter.Parse(text)
		var at *filter.SyntaxError
		if !errors.As(err, &at) {
			t.Errorf("%.20s: %v", text, err)
			continue
		}
		if at.Column != want.Column || !strings.Contains(at.Message, want.Message) {
			t.Errorf("%.20s: %v, want column %d and %q", text, at, want.Column, want.Message)
		}
	}
}

func TestKeepAndHide(t *testing.T) {
	g := topologytest.Bookinfo()
	e, err := filter.Parse("service = reviews")
	if err != nil {
		t.Fatal(err)
	}
	kept, rest := e.Keep(g), e.Hide(g)
	if len(kept.Edges) != 5 || len(rest.Nodes) != len(g.Nodes)-3 || len(rest.Edges) != len(g.Edges)-5 {
		t.Errorf("kept %d edges, hid all but %d nodes and %d edges", len(kept.Edges), len(rest.Nodes), len(rest.Edges))
	}
	none, _ := filter.Parse(" ")
	if !none.Empty() || len(none.Keep(g).Nodes) != len(g.Nodes) || len(none.Hide(g).Nodes) != len(g.Nodes) {
		t.Error("an empty expression changes the graph")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"err > 5%", "!mtls AND ns = prod", "(name ~ 'a b' OR idle)", "! ! x", `"`, "rt>=1e999", "err > NaN%"} {
		f.Add(s)
	}
	g := topologytest.Bookinfo()
	g.Edges = append(g.Edges, topology.Edge{From: "nowhere", To: "nobody"})
	f.Fuzz(func(t *testing.T, s string) {
		e, err := filter.Parse(s)
		if err != nil {
			var at *filter.SyntaxError
			if !errors.As(err, &at) || at.Column < 1 || at.Column > len(s)+1 {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		if kept := e.Keep(g); len(kept.Nodes) > len(g.Nodes) {
			t.Error("more than there was")
		}
		e.Hide(g)
	})
}
