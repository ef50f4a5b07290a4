// Package tables is the columns of a topology: commands print them, the dashboard shows and sorts them.
package tables

import (
	"fmt"
	"strings"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/topology"
)

// Nodes are the golden metrics of what receives requests.
func Nodes() printer.Table[topology.Node] {
	in := func(n topology.Node) topology.Rates { return n.In }
	return printer.Table[topology.Node]{Columns: append([]printer.Column[topology.Node]{
		{Name: "NAME", Value: func(n topology.Node) string { return n.Name }},
		{Name: "NAMESPACE", Value: func(n topology.Node) string { return n.Namespace }},
		{Name: "KIND", Roomy: true, Value: func(n topology.Node) string { return string(n.Kind) }},
		{Name: "VERSION", Wide: true, Value: func(n topology.Node) string { return n.Version }},
		{Name: "MESHED", Value: meshed, Level: meshedLevel},
	}, append(rates(in),
		printer.Column[topology.Node]{Name: "SYNC", Wide: true, Value: sync, Level: syncLevel},
		printer.Column[topology.Node]{Name: "FINDINGS", Wide: true, Value: findings, Level: findingsLevel},
		printer.Column[topology.Node]{Name: "IDENTITY", Wide: true, Value: func(n topology.Node) string { return n.Identity }},
	)...)}
}

// Edge is a row: an edge and what is at its ends.
type Edge struct {
	topology.Edge
	Source      topology.Node `json:"source"`
	Destination topology.Node `json:"destination"`
}

// Edges are the rows of a graph's edges. An edge whose ends the graph does not have is left out.
func Edges(g topology.Graph) []Edge {
	nodes := map[string]topology.Node{}
	for _, n := range g.Nodes {
		nodes[n.ID] = n
	}
	var out []Edge
	for _, e := range g.Edges {
		from, hasFrom := nodes[e.From]
		to, hasTo := nodes[e.To]
		if hasFrom && hasTo {
			out = append(out, Edge{Edge: e, Source: from, Destination: to})
		}
	}
	return out
}

// EdgeColumns say who calls whom, as whom, and whether that is secured.
func EdgeColumns() printer.Table[Edge] {
	of := func(e Edge) topology.Rates { return e.Rates }
	return printer.Table[Edge]{Columns: append([]printer.Column[Edge]{
		{Name: "SOURCE", Value: func(e Edge) string { return e.Source.Qualified() }},
		{Name: "DESTINATION", Value: func(e Edge) string { return e.Destination.Qualified() }},
		{Name: "PROTOCOL", Roomy: true, Value: func(e Edge) string { return string(e.Protocol) }},
		{Name: "SECURED", Value: secured, Level: securedLevel},
		{Name: "SPLIT", Wide: true, Value: split},
		{Name: "NOTES", Wide: true, Value: badges},
		{Name: "CLIENT", Wide: true, Value: func(e Edge) string { return e.Source.Identity }},
		{Name: "SERVER", Wide: true, Value: func(e Edge) string { return e.Destination.Identity }},
	}, rates(of)...)}
}

// rates are the columns of numbers, whatever they are of.
func rates[T any](of func(T) topology.Rates) []printer.Column[T] {
	number := func(name string, wide bool, get func(topology.Rates) *float64, text func(*float64) string) printer.Column[T] {
		return printer.Column[T]{
			Name: name, Wide: wide,
			Value: func(row T) string { return text(get(of(row))) },
			Number: func(row T) (float64, bool) {
				v := get(of(row))
				if v == nil {
					return 0, false
				}
				return *v, true
			},
		}
	}
	success := printer.Column[T]{Name: "SUCCESS"}
	success.Value = func(row T) string {
		if share, ok := of(row).Success(); ok {
			return topology.Percent(share)
		}
		return topology.Absent
	}
	success.Number = func(row T) (float64, bool) { return of(row).ErrorShare() } // the worst first
	success.Level = func(row T) printer.Level { return ErrorLevel(of(row)) }
	return []printer.Column[T]{
		success,
		number("RPS", false, func(r topology.Rates) *float64 { return r.Requests }, topology.PerSecond),
		number("P50", false, func(r topology.Rates) *float64 { return r.P50 }, topology.Milliseconds),
		roomy(number("P95", false, func(r topology.Rates) *float64 { return r.P95 }, topology.Milliseconds)),
		number("P99", false, func(r topology.Rates) *float64 { return r.P99 }, topology.Milliseconds),
		roomy(number("CONN", false, func(r topology.Rates) *float64 { return r.Connections }, topology.Count)),
		number("SENT", true, func(r topology.Rates) *float64 { return r.Sent }, topology.Bytes),
		number("RECEIVED", true, func(r topology.Rates) *float64 { return r.Received }, topology.Bytes),
		number("RETRIES", true, func(r topology.Rates) *float64 { return r.Retries }, topology.PerSecond),
		number("EJECTED", true, func(r topology.Rates) *float64 { return r.Ejections }, topology.Count),
	}
}

func roomy[T any](c printer.Column[T]) printer.Column[T] {
	c.Roomy = true
	return c
}

// ErrorLevel judges the share of requests that fail: some deserve a look, one in twenty action.
func ErrorLevel(r topology.Rates) printer.Level {
	share, ok := r.ErrorShare()
	switch {
	case !ok:
		return printer.Dim
	case share >= 0.05:
		return printer.Bad
	case share >= 0.001:
		return printer.Warn
	}
	return printer.Good
}

func meshed(n topology.Node) string {
	if n.Instances == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", n.Proxies, n.Instances)
}

func meshedLevel(n topology.Node) printer.Level {
	if n.Proxies < n.Instances {
		return printer.Warn
	}
	return printer.Plain
}

func sync(n topology.Node) string {
	var parts []string
	if n.Rejected > 0 {
		parts = append(parts, fmt.Sprintf("%d rejected", n.Rejected))
	}
	if n.Stale > 0 {
		parts = append(parts, fmt.Sprintf("%d stale", n.Stale))
	}
	return strings.Join(parts, ", ")
}

func syncLevel(n topology.Node) printer.Level {
	switch {
	case n.Rejected > 0:
		return printer.Bad
	case n.Stale > 0:
		return printer.Warn
	}
	return printer.Plain
}

func findings(n topology.Node) string {
	codes := make([]string, len(n.Findings))
	for i, f := range n.Findings {
		codes[i] = f.Code
	}
	return strings.Join(codes, ",")
}

func findingsLevel(n topology.Node) printer.Level {
	if len(n.Findings) == 0 {
		return printer.Plain
	}
	if n.Findings[0].Level == "error" {
		return printer.Bad
	}
	return printer.Warn
}

func secured(e Edge) string {
	switch e.Security {
	case topology.MutualTLS:
		return "mTLS"
	case topology.PartlyMTLS:
		return "partly: " + e.Why
	case topology.Plaintext:
		return "no: " + e.Why
	}
	return "unknown"
}

func securedLevel(e Edge) printer.Level {
	switch e.Security {
	case topology.MutualTLS:
		return printer.Good
	case topology.Plaintext:
		return printer.Bad
	case topology.PartlyMTLS:
		return printer.Warn
	}
	return printer.Dim
}

func split(e Edge) string {
	if e.Split == nil {
		return ""
	}
	return fmt.Sprintf("%s of %s", topology.Percent(e.Split.Observed), topology.Percent(e.Split.Configured))
}

func badges(e Edge) string {
	names := make([]string, len(e.Badges))
	for i, b := range e.Badges {
		names[i] = string(b)
	}
	return strings.Join(names, ",")
}
