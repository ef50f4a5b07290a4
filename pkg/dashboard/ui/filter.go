package ui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/topology/tables"
)

// filter shows what an expression or a part of a name matches. Given again, it hides the rest of a picture instead of dimming it.
func (m Model) filter(text string) (tea.Model, tea.Cmd) {
	return m.edit(func(p *page) {
		p.hide = text != "" && text == p.filter && !p.hide
		p.filter, p.index, p.top = text, 0, 0
	}), nil
}

// sieve tells what a filter lets through.
type sieve struct{ text string }

func (m Model) filtered(p page) sieve { return sieve{strings.ToLower(p.filter)} }

func (s sieve) node(n topology.Node) bool {
	return strings.Contains(strings.ToLower(qualified(n)+" "+n.Service+" "+n.Version), s.text)
}

func (s sieve) edge(e tables.Edge) bool { return s.node(e.Source) || s.node(e.Destination) }
