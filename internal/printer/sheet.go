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

// Flatten makes a sheet of the columns for which there is room.
func Flatten[T any](t Table[T], rows []T, room Room, id func(T) string) Sheet {
	columns := visible(t, room == Broad)
	if room == Narrow {
		columns = slices.DeleteFunc(columns, func(c Column[T]) bool { return c.Roomy })
	}
	var s Sheet
	for _, c := range columns {
		s.Names = append(s.Names, c.Name)
	}
	for _, row := range rows {
		line := Line{ID: id(row)}
		for _, c := range cells(columns, row) {
			line.Cells = append(line.Cells, Cell{c.text, c.level})
		}
		s.Rows = append(s.Rows, line)
	}
	return s
}
