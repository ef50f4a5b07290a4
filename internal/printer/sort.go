package printer

import (
	"cmp"
	"slices"
)

// Sort orders rows by a column, in place: by its numbers, the largest first, where it has them, else by its text. reverse turns that around.
// Rows without a number come last either way, and rows that are equal keep their order.
func Sort[T any](c Column[T], rows []T, reverse bool) {
	sign := 1
	if reverse {
		sign = -1
	}
	slices.SortStableFunc(rows, func(a, b T) int {
		if c.Number == nil {
			return sign * cmp.Compare(c.Value(a), c.Value(b))
		}
		x, hasX := c.Number(a)
		y, hasY := c.Number(b)
		switch {
		case hasX && hasY:
			return sign * cmp.Compare(y, x)
		case hasX:
			return -1
		case hasY:
			return 1
		}
		return 0
	})
}
