package draw

// arms are the lines that leave a cell, by direction: two bits each, 0 none, 1 light, 2 heavy.
type arms uint8

type direction uint8

const (
	up direction = iota
	right
	down
	left
)

func (d direction) opposite() direction { return (d + 2) % 4 }

func (a arms) weight(d direction) uint8 { return uint8(a>>(2*d)) & 3 }

// with adds a line; the heavier one wins.
func (a arms) with(d direction, weight uint8) arms {
	return a&^(3<<(2*d)) | arms(max(a.weight(d), weight))<<(2*d)
}

// joints are the box drawing characters (U+2500..U+257F) by their arms: index left*27 + down*9 + right*3 + up, each 0, 1 or 2.
const joints = " ╵╹╶└┖╺┕┗" + "╷│╿┌├┞┍┝┡" + "╻╽┃┎┟┠┏┢┣" +
	"╴┘┚─┴┸╼┶┺" + "┐┤┦┬┼╀┮┾╄" + "┒┧┨┰╁╂┲╆╊" +
	"╸┙┛╾┵┹━┷┻" + "┑┥┩┭┽╃┯┿╇" + "┓┪┫┱╅╉┳╈╋"

var jointTable = []rune(joints) //nolint:gochecknoglobals // a table

// char is the character with these arms. Light corners are round.
func (a arms) char(ascii bool) string {
	u, r, d, l := a.weight(up), a.weight(right), a.weight(down), a.weight(left)
	if ascii {
		switch {
		case u+d == 0 && (r == 2 || l == 2):
			return "="
		case u+d == 0:
			return "-"
		case r+l == 0:
			return "|"
		}
		return "+"
	}
	switch a {
	case arms(0).with(right, 1).with(down, 1):
		return "╭"
	case arms(0).with(left, 1).with(down, 1):
		return "╮"
	case arms(0).with(right, 1).with(up, 1):
		return "╰"
	case arms(0).with(left, 1).with(up, 1):
		return "╯"
	}
	return string(jointTable[int(l)*27+int(d)*9+int(r)*3+int(u)])
}

// straight reports whether the line goes on in the direction it came from, and nowhere else.
func (a arms) straight() bool {
	u, r, d, l := a.weight(up), a.weight(right), a.weight(down), a.weight(left)
	return u+d == 0 && r > 0 && l > 0 || r+l == 0 && u > 0 && d > 0
}
