package tap

import (
	"fmt"
	"strconv"
	"strings"
)

// Statuses is a range of response codes, both ends included; 0 is a request without a response.
type Statuses struct{ From, To int }

// ParseStatuses reads "404", "5xx", "400-499", ">=400", "<500" or "none" (no response).
func ParseStatuses(text string) (Statuses, error) {
	t := strings.ToLower(strings.TrimSpace(text))
	wrong := fmt.Errorf("status %q: give a code (404), a class (5xx), a range (400-499, >=400) or none", text)
	for _, bound := range [...]struct {
		prefix string
		of     func(int) Statuses
	}{
		{">=", func(n int) Statuses { return Statuses{n, 999} }},
		{"<=", func(n int) Statuses { return Statuses{1, n} }},
		{">", func(n int) Statuses { return Statuses{n + 1, 999} }},
		{"<", func(n int) Statuses { return Statuses{1, n - 1} }},
	} {
		if digits, found := strings.CutPrefix(t, bound.prefix); found {
			n, ok := code(digits)
			if !ok {
				return Statuses{}, wrong
			}
			return bound.of(n), nil
		}
	}
	if t == "none" {
		return Statuses{}, nil
	}
	if len(t) == 3 && strings.HasSuffix(t, "xx") && t[0] >= '1' && t[0] <= '5' {
		from := int(t[0]-'0') * 100
		return Statuses{from, from + 99}, nil
	}
	first, last, found := strings.Cut(t, "-")
	if !found {
		last = first
	}
	from, ok := code(first)
	to, also := code(last)
	if !ok || !also || from > to {
		return Statuses{}, wrong
	}
	return Statuses{from, to}, nil
}

func code(digits string) (int, bool) {
	n, err := strconv.Atoi(strings.TrimSpace(digits))
	return n, err == nil && n >= 100 && n <= 999
}

// String is what ParseStatuses reads.
func (s Statuses) String() string {
	switch {
	case s == Statuses{}:
		return "none"
	case s.From == s.To:
		return strconv.Itoa(s.From)
	case s.To == 999:
		return ">=" + strconv.Itoa(s.From)
	case s.From < 100:
		return "<=" + strconv.Itoa(s.To)
	}
	return strconv.Itoa(s.From) + "-" + strconv.Itoa(s.To)
}

// MarshalText implements encoding.TextMarshaler.
func (s Statuses) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Statuses) UnmarshalText(text []byte) (err error) {
	*s, err = ParseStatuses(string(text))
	return err
}

func (s Statuses) has(status int) bool { return s.From <= status && status <= s.To }
