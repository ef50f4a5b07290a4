package ui

import "github.com/meshctl/meshctl/pkg/topology"

// remembered is how many pictures sparklines go back: four minutes at one a second.
const remembered = 240

// history is what nodes and edges did in the last pictures, by their ids. It is shared by all states of a program, which only adds to it.
type history struct {
	pictures int
	series   map[string]*series
}

type series struct {
	last                  int // picture in which it was seen
	requests, errors, p99 []float64
}

func newHistory() *history { return &history{series: map[string]*series{}} }

func (h *history) add(g topology.Graph) {
	h.pictures++
	for _, n := range g.Nodes {
		h.point(n.ID, n.In)
	}
	for _, e := range g.Edges {
		h.point(edgeID(e), e.Rates)
	}
	for id, s := range h.series {
		if h.pictures-s.last > remembered {
			delete(h.series, id)
		}
	}
}

func (h *history) point(id string, r topology.Rates) {
	s := h.series[id]
	if s == nil {
		s = &series{last: h.pictures - 1}
		h.series[id] = s
	}
	for ; s.last < h.pictures-1; s.last++ { // while it was away it had no traffic
		s.push(0, 0, 0)
	}
	share, _ := r.ErrorShare()
	s.push(number(r.Requests), share, number(r.P99))
	s.last = h.pictures
}

func (s *series) push(requests, errors, p99 float64) {
	keep := func(all []float64, v float64) []float64 {
		all = append(all, v)
		return all[max(len(all)-remembered, 0):]
	}
	s.requests, s.errors, s.p99 = keep(s.requests, requests), keep(s.errors, errors), keep(s.p99, p99)
}

func (h *history) of(id string) series {
	if s := h.series[id]; s != nil {
		return *s
	}
	return series{}
}

func number(v *float64) float64 {
	if v == nil {
		return 0
	}
	return *v
}
