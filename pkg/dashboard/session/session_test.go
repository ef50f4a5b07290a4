package session_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meshctl/meshctl/pkg/dashboard/session"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/topology/topologytest"
)

func recorded(t testing.TB, graphs ...topology.Graph) string {
	t.Helper()
	var b bytes.Buffer
	w := session.NewWriter(&b, "test")
	for _, g := range graphs {
		if err := w.Write(g); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func played(text string) (out []topology.Graph, err error) {
	r, err := session.NewReader(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	for {
		g, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out = append(out, g)
	}
}

func two() []topology.Graph {
	a, b := topologytest.Bookinfo(), topologytest.Bookinfo()
	b.Time = b.Time.Add(time.Second)
	return []topology.Graph{a, b}
}

func TestRoundTrip(t *testing.T) {
	text := recorded(t, two()...)
	got, err := played(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(two(), got); diff != "" {
		t.Error(diff)
	}
	if !strings.HasPrefix(text, `{"format":"meshctl-dashboard-session","version":1,"mesh":"test","started":"2026-01-02T15:04:05Z"}`) {
		t.Errorf("header: %.120s", text)
	}
	cut, err := played(text[:len(text)-100])
	if err != nil || len(cut) != 1 {
		t.Errorf("cut off: %d graphs, %v", len(cut), err)
	}
}

func TestNumbersThatJSONDoesNotHaveAreAbsent(t *testing.T) {
	g := topologytest.Bookinfo()
	nan, inf := math.NaN(), math.Inf(1)
	g.Nodes[0].In.P99, g.Edges[0].Rates.Requests = &nan, &inf
	for i := range g.Edges {
		if g.Edges[i].Split != nil {
			g.Edges[i].Split = &topology.Split{Observed: nan}
		}
	}
	got, err := played(recorded(t, g))
	if err != nil || len(got) != 1 || got[0].Nodes[0].In.P99 != nil || got[0].Edges[0].Rates.Requests != nil {
		t.Errorf("%v, %+v", err, got)
	}
	if g.Nodes[0].In.P99 == nil {
		t.Error("the recorded graph has changed")
	}
}

func TestErrorsNameTheLine(t *testing.T) {
	text := recorded(t, two()...)
	header, _, _ := strings.Cut(text, "\n")
	for input, want := range map[string]string{
		"":                              "it is empty",
		"{}\n":                          "the first line",
		"nonsense":                      "the first line",
		header + "\n\n{\"nodes\": 5}\n": "line 3",
		strings.Replace(header, `"version":1`, `"version":7`, 1): "version 7",
	} {
		if _, err := played(input); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", input, err, want)
		}
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestWriteErrorsAreReported(t *testing.T) {
	if err := session.NewWriter(broken{}, "").Write(topologytest.Bookinfo()); err == nil || !strings.Contains(err.Error(), "no space") {
		t.Error(err)
	}
}

func FuzzReader(f *testing.F) {
	f.Add(recorded(f, two()...))
	f.Add(`{"format":"meshctl-dashboard-session","version":1}` + "\n" + `{"nodes":[{"id":"a","in":{"requests":1e308}}],"edges":null}`)
	f.Fuzz(func(t *testing.T, s string) {
		graphs, _ := played(s)
		var b bytes.Buffer
		w := session.NewWriter(&b, "")
		for _, g := range graphs {
			if err := w.Write(g); err != nil {
				return // a time beyond the year 9999
			}
		}
		if again, err := played(b.String()); len(graphs) > 0 && (err != nil || len(again) != len(graphs)) {
			t.Errorf("%d graphs became %d: %v", len(graphs), len(again), err)
		}
	})
}
