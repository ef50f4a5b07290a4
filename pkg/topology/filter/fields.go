package filter

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/meshctl/meshctl/pkg/topology"
)

// rates are those of an edge, or what a node receives.
func (s subject) rates() topology.Rates {
	if s.edge != nil {
		return s.edge.Rates
	}
	return s.node.In
}

// nodes are the node, or the ends of the edge.
func (s subject) nodes() []*topology.Node {
	if s.edge != nil {
		return []*topology.Node{s.from, s.to}
	}
	return []*topology.Node{s.node}
}

// numberField is a number and how people write it.
type numberField struct {
	parse func(string) (float64, error)
	of    func(subject) *float64
}

func numbers() map[string]numberField {
	rate := func(get func(topology.Rates) *float64, parse func(string) (float64, error)) numberField {
		return numberField{parse, func(s subject) *float64 { return get(s.rates()) }}
	}
	p99 := rate(func(r topology.Rates) *float64 { return r.P99 }, milliseconds)
	rps := rate(func(r topology.Rates) *float64 { return r.Requests }, plain)
	sum := func(get func(topology.Node) int) numberField {
		return numberField{plain, func(s subject) *float64 {
			if s.node == nil {
				return nil
			}
			v := float64(get(*s.node))
			return &v
		}}
	}
	return map[string]numberField{
		"err": rate(func(r topology.Rates) *float64 {
			share, ok := r.ErrorShare()
			if !ok {
				return nil
			}
			return &share
		}, percent),
		"rt": p99, "p99": p99,
		"p95": rate(func(r topology.Rates) *float64 { return r.P95 }, milliseconds),
		"p50": rate(func(r topology.Rates) *float64 { return r.P50 }, milliseconds),
		"rps": rps, "rate": rps,
		"sent":        rate(func(r topology.Rates) *float64 { return r.Sent }, plain),
		"received":    rate(func(r topology.Rates) *float64 { return r.Received }, plain),
		"connections": rate(func(r topology.Rates) *float64 { return r.Connections }, plain),
		"retries":     rate(func(r topology.Rates) *float64 { return r.Retries }, plain),
		"ejections":   rate(func(r topology.Rates) *float64 { return r.Ejections }, plain),
		"instances":   sum(func(n topology.Node) int { return n.Instances }),
		"findings":    sum(func(n topology.Node) int { return len(n.Findings) }),
	}
}

func plain(s string) (float64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%q is not a number", s)
	}
	return v, nil
}

// percent reads 5% and 5 as 0.05.
func percent(s string) (float64, error) {
	v, err := plain(strings.TrimSuffix(s, "%"))
	return v / 100, err
}

// milliseconds reads 500, 500ms and 0.5s.
func milliseconds(s string) (float64, error) {
	if n, ok := strings.CutSuffix(s, "ms"); ok {
		return plain(n)
	}
	if n, ok := strings.CutSuffix(s, "s"); ok {
		v, err := plain(n)
		return v * 1000, err
	}
	return plain(s)
}

func texts() map[string]func(subject) []string {
	node := func(get func(*topology.Node) string) func(subject) []string {
		return func(s subject) (out []string) {
			for _, n := range s.nodes() {
				out = append(out, get(n))
			}
			return out
		}
	}
	edge := func(get func(*topology.Edge) string) func(subject) []string {
		return func(s subject) []string {
			if s.edge == nil {
				return nil
			}
			return []string{get(s.edge)}
		}
	}
	namespace := node(func(n *topology.Node) string { return n.Namespace })
	service := node(func(n *topology.Node) string { return n.Service })
	return map[string]func(subject) []string{
		"ns": namespace, "namespace": namespace, "svc": service, "service": service,
		"name":     node(func(n *topology.Node) string { return n.Name }),
		"version":  node(func(n *topology.Node) string { return n.Version }),
		"kind":     node(func(n *topology.Node) string { return string(n.Kind) }),
		"identity": node(func(n *topology.Node) string { return n.Identity }),
		"protocol": edge(func(e *topology.Edge) string { return string(e.Protocol) }),
		"host":     edge(func(e *topology.Edge) string { return e.Host }),
		"security": edge(func(e *topology.Edge) string { return string(e.Security) }),
		"from": func(s subject) []string {
			if s.from == nil {
				return nil
			}
			return []string{s.from.Name}
		},
		"to": func(s subject) []string {
			if s.to == nil {
				return nil
			}
			return []string{s.to.Name}
		},
	}
}

// flag is a condition that is a single word.
type flag func(subject) truth

func (f flag) ask(s subject) truth { return f(s) }

func flags() map[string]func(subject) truth {
	node := func(holds func(*topology.Node) bool) func(subject) truth {
		return func(s subject) truth {
			if s.node == nil {
				return unknown
			}
			return is(holds(s.node))
		}
	}
	edge := func(holds func(*topology.Edge) bool) func(subject) truth {
		return func(s subject) truth {
			if s.edge == nil {
				return unknown
			}
			return is(holds(s.edge))
		}
	}
	out := map[string]func(subject) truth{
		"mtls": func(s subject) truth {
			if s.edge == nil || s.edge.Security == topology.UnknownSecurity || s.edge.Security == "" {
				return unknown
			}
			return is(s.edge.Security == topology.MutualTLS)
		},
		"sidecar":  node(func(n *topology.Node) bool { return n.Proxies >= n.Instances && n.Proxies > 0 }),
		"stale":    node(func(n *topology.Node) bool { return n.Stale > 0 }),
		"rejected": node(func(n *topology.Node) bool { return n.Rejected > 0 }),
		"finding":  node(func(n *topology.Node) bool { return len(n.Findings) > 0 }),
		"split":    edge(func(e *topology.Edge) bool { return e.Split != nil }),
		"added":    edge(func(e *topology.Edge) bool { return e.Planned == topology.Added }),
		"removed":  edge(func(e *topology.Edge) bool { return e.Planned == topology.Removed }),
		"idle":     func(s subject) truth { return is(s.idle()) },
	}
	for _, b := range []topology.Badge{topology.CircuitBreaker, topology.Ejected, topology.Fault, topology.Mirror, topology.Timeout} {
		out[string(b)] = edge(func(e *topology.Edge) bool { return slices.Contains(e.Badges, b) })
	}
	return out
}

func (s subject) idle() bool {
	some := func(r topology.Rates) bool {
		for _, v := range []*float64{r.Requests, r.Sent, r.Received} {
			if v != nil && *v > 0 {
				return true
			}
		}
		return false
	}
	return !some(s.rates()) && (s.node == nil || !some(s.node.Out))
}

// Fields lists what conditions can be about, sorted: fields to compare, then flags.
func Fields() []string {
	fields := slices.Sorted(maps.Keys(numbers()))
	fields = append(fields, slices.Collect(maps.Keys(texts()))...)
	slices.Sort(fields)
	return append(fields, Flags()...)
}

// Flags lists the conditions that are a single word, sorted.
func Flags() []string { return slices.Sorted(maps.Keys(flags())) }

// number compares a number; one that is absent is neither larger nor smaller.
type number struct {
	of       func(subject) *float64
	operator string
	value    float64
}

func (t number) ask(s subject) truth {
	v := t.of(s)
	if v == nil || math.IsNaN(*v) {
		return unknown
	}
	switch t.operator {
	case ">":
		return is(*v > t.value)
	case ">=":
		return is(*v >= t.value)
	case "<":
		return is(*v < t.value)
	case "<=":
		return is(*v <= t.value)
	case "!=":
		return is(*v != t.value)
	}
	return is(*v == t.value)
}

// text compares texts without regard to case: one of them has to match, or with not none.
type text struct {
	of        func(subject) []string
	value     string
	part, not bool
}

func (t text) ask(s subject) truth {
	all := t.of(s)
	if len(all) == 0 {
		return unknown
	}
	found := slices.ContainsFunc(all, func(v string) bool {
		if t.part {
			return strings.Contains(strings.ToLower(v), strings.ToLower(t.value))
		}
		return strings.EqualFold(v, t.value)
	})
	return is(found != t.not)
}

// mention matches a part of the name, service or namespace of a node, or of an edge's ends.
type mention string

func (t mention) ask(s subject) truth {
	want := strings.ToLower(string(t))
	return is(slices.ContainsFunc(s.nodes(), func(n *topology.Node) bool {
		return strings.Contains(strings.ToLower(n.Name+"."+n.Namespace+" "+n.Service+" "+n.Version), want)
	}))
}
