package ui

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// at is where a text is on the screen.
func (s *session) at(text string) (x, y int) {
	s.t.Helper()
	for y, line := range strings.Split(s.screen(), "\n") {
		if before, _, found := strings.Cut(line, text); found {
			return ansi.StringWidth(before), y
		}
	}
	s.t.Fatalf("no %q on the screen:\n%s", text, s.screen())
	return 0, 0
}

func (s *session) click(b tea.MouseButton, text string) {
	s.t.Helper()
	x, y := s.at(text)
	s.act(tea.MouseClickMsg{X: x + 1, Y: y, Button: b})
}

func TestMouseInThePicture(t *testing.T) {
	s := open(t, 160, 50, source())
	s.graph(bookinfo(now))
	s.click(tea.MouseLeft, "details v1")
	if chosen := s.m.chosen(); chosen != "workload/default/details-v1" {
		t.Errorf("%q is chosen", chosen)
	}
	s.click(tea.MouseLeft, "details v1")
	s.contains("topology › node details-v1.default")
	s.keys("esc")

	s.click(tea.MouseRight, "reviews v2")
	s.contains("reviews")
	s.lacks("reviews v2")
	s.click(tea.MouseRight, "reviews")
	s.contains("reviews v2")

	s.click(tea.MouseLeft, " default ")
	s.lacks("productpage")
	s.click(tea.MouseRight, "▤ default")
	s.contains("productpage")

	s.keys("+", "+")
	before := s.screen()
	s.send(tea.MouseWheelMsg{Button: tea.MouseWheelDown})
	s.send(tea.MouseWheelMsg{Button: tea.MouseWheelDown, Mod: tea.ModShift})
	s.send(tea.MouseWheelMsg{Button: tea.MouseWheelUp, Mod: tea.ModShift})
	s.send(tea.MouseWheelMsg{Button: tea.MouseWheelUp})
	if s.screen() != before {
		t.Errorf("there and back is another place:\n%s", s.screen())
	}
	s.send(tea.MouseClickMsg{X: 0, Y: 0, Button: tea.MouseLeft}) // the header is not part of it
	s.send(tea.MouseClickMsg{X: 500, Y: 500, Button: tea.MouseRight})
}

func TestMouseInLists(t *testing.T) {
	s := open(t, 120, 10, source())
	s.graph(bookinfo(now))
	s.keys(":")
	s.typed("workloads")
	s.click(tea.MouseLeft, "legacy")
	if chosen := s.m.chosen(); chosen != "workload/default/legacy" {
		t.Errorf("%q is chosen", chosen)
	}
	for range 5 {
		s.send(tea.MouseWheelMsg{Button: tea.MouseWheelDown})
	}
	s.contains("reviews-v3")
	s.lacks("details-v1")
	s.click(tea.MouseLeft, "reviews-v3")
	s.contains("node reviews-v3")
	s.send(tea.MouseClickMsg{X: 3, Y: 9, Button: tea.MouseLeft}) // the footer
}
