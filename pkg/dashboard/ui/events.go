package ui

import (
	"fmt"
	"strconv"
	"time"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/topology"
)

// mostEvents bounds what is kept of them.
const mostEvents = 1000

// event is a change between two pictures that an operator would want to know of.
type event struct {
	time  time.Time
	level printer.Level
	what  string
	where string
	node  string // its id, for opening it
}

// changes tells two pictures apart: what came, went, broke and recovered.
func changes(before, after topology.Graph) (out []event) {
	if before.Time.IsZero() {
		return nil
	}
	add := func(n topology.Node, level printer.Level, what string) {
		out = append(out, event{after.Time, level, what, n.Qualified(), n.ID})
	}
	old := map[string]topology.Node{}
	for _, n := range before.Nodes {
		old[n.ID] = n
	}
	for _, n := range after.Nodes {
		was, known := old[n.ID]
		delete(old, n.ID)
		if !known {
			add(n, printer.Plain, "appeared")
			continue
		}
		differences(was, n, add)
	}
	for _, n := range before.Nodes {
		if _, gone := old[n.ID]; gone {
			add(n, printer.Warn, "is gone")
		}
	}
	return append(out, silences(before, after)...)
}

func differences(was, n topology.Node, add func(topology.Node, printer.Level, string)) {
	if was.Instances != n.Instances {
		level := printer.Plain
		if n.Instances < was.Instances {
			level = printer.Warn
		}
		add(n, level, fmt.Sprintf("has %d instances, before %d", n.Instances, was.Instances))
	}
	if n.Restarts > was.Restarts {
		add(n, printer.Warn, "a proxy of it has started again")
	}
	switch {
	case n.Rejected > was.Rejected:
		add(n, printer.Bad, strconv.Itoa(n.Rejected)+" proxies reject their configuration")
	case n.Rejected == 0 && was.Rejected > 0:
		add(n, printer.Good, "no proxy rejects its configuration any more")
	}
	now, _ := n.In.ErrorShare()
	then, _ := was.In.ErrorShare()
	switch {
	case now >= manyErrors && then < manyErrors:
		add(n, printer.Bad, topology.Percent(now)+" of its requests fail")
	case now < manyErrors && then >= manyErrors:
		add(n, printer.Good, "answers again: "+topology.Percent(now)+" of its requests fail")
	}
}

// manyErrors is the share of failing requests that is an event; the same that columns show as bad.
const manyErrors = 0.05

func silences(before, after topology.Graph) (out []event) {
	was := map[string]bool{}
	for _, s := range before.Silent {
		was[s.Proxy] = true
	}
	for _, s := range after.Silent {
		if !was[s.Proxy] {
			out = append(out, event{time: after.Time, level: printer.Warn, what: "does not answer: " + s.Reason, where: s.Proxy})
		}
		delete(was, s.Proxy)
	}
	for _, s := range before.Silent {
		if was[s.Proxy] {
			out = append(out, event{time: after.Time, level: printer.Good, what: "answers again", where: s.Proxy})
		}
	}
	return out
}

func eventColumns() printer.Table[event] {
	return printer.Table[event]{Columns: []printer.Column[event]{
		{Name: "TIME", Value: func(e event) string { return e.time.Format(time.TimeOnly) }},
		{Name: "WHERE", Value: func(e event) string { return e.where }},
		{Name: "WHAT", Value: func(e event) string { return e.what }, Level: func(e event) printer.Level { return e.level }},
	}}
}
