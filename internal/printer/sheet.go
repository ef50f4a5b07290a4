package printer

import "slices"

// Cell is a text with its level.
type Cell struct {
	Text  string
	Level Level
}

// Sheet is a table with its rows, whatever their type: what a screen shows and scrolls.
type Sheet struct {
	Names []string
	// Rooms are from what room on each column is shown; nil shows all of them anywhere.
	Rooms []Room
	Rows  []Line
}

// Line is one row of a Sheet. ID says which row it is while others come and go.
type Line struct {
	ID    string
	Cells []Cell
}

// Room is how much of it a screen has.
type Room int

// Narrow screens leave out columns that are marked Roomy; only wide ones show those that are marked Wide.
const (
	Narrow Room = iota
	Medium
	Broad
)

// Flatten makes a sheet of all columns of a table.
func Flatten[T any](t Table[T], rows []T, id func(T) string) Sheet {
	var s Sheet
	for _, c := range t.Columns {
		s.Names, s.Rooms = append(s.Names, c.Name), append(s.Rooms, c.room())
	}
	for _, row := range rows {
		line := Line{ID: id(row)}
		for _, c := range cells(t.Columns, row) {
			line.Cells = append(line.Cells, Cell{c.text, c.level})
		}
		s.Rows = append(s.Rows, line)
	}
	return s
}

func (c Column[T]) room() Room {
	switch {
	case c.Wide:
		return Broad
	case c.Roomy:
		return Medium
	}
	return Narrow
}

// In returns the sheet with the columns for which there is room.
func (s Sheet) In(room Room) Sheet {
	out := Sheet{Rows: slices.Clone(s.Rows)}
	var kept []int
	for i, name := range s.Names {
		if s.Rooms == nil || s.Rooms[i] <= room {
			kept, out.Names = append(kept, i), append(out.Names, name)
		}
	}
	for i, row := range s.Rows {
		out.Rows[i].Cells = make([]Cell, len(kept))
		for j, k := range kept {
			out.Rows[i].Cells[j] = row.Cells[k]
		}
	}
	return out
}
