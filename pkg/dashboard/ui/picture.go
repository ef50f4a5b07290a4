package ui

// drawing is how a picture of the topology is looked at.
type drawing struct{}

func (d drawing) nextLabel() drawing { return d }
func (d drawing) toggleTLS() drawing { return d }
func (d drawing) nextLevel() drawing { return d }
func (d drawing) closer() drawing    { return d }
func (d drawing) farther() drawing   { return d }
func (d drawing) fit() drawing       { return d }

func (m Model) draw(change func(drawing) drawing) Model {
	if m.top().view != topologyView {
		return m
	}
	return m.edit(func(p *page) { p.drawing = change(p.drawing) })
}

func (m Model) picture(p page) []string { return nil }

func (m Model) walk(x, y int) Model { return m }
