package xds

import "testing"

// A reconnecting proxy names what it has without saying what is its own.
func TestDiffOfTheSameInOtherParts(t *testing.T) {
	a, b := &Resource{Name: "a", Version: "1"}, &Resource{Name: "b", Version: "1"}
	flat, layers := NewTable(&Resource{Name: "a", Version: "1"}, &Resource{Name: "b", Version: "1"}), layered(NewTable(a), []*Resource{b})
	if changed, removed := Diff(flat, layers); len(changed)+len(removed) > 0 {
		t.Errorf("got %v, %v", changed, removed)
	}
	if changed, removed := Diff(flat, layered(NewTable(a), []*Resource{{Name: "b", Version: "2"}})); len(changed) != 1 || len(removed) > 0 {
		t.Errorf("got %v, %v", changed, removed)
	}
}
