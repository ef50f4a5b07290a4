package analyze_test

import (
	"slices"
	"testing"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
)

func finding(name, message, file string, line int) analyze.Diagnostic {
	return analyze.Diagnostic{
		Code: "IST0101", Object: config.Key{Kind: config.VirtualService, Namespace: "shop", Name: name}, Message: message,
		Position: config.Position{File: file, Line: line, Column: 1},
	}
}

func TestFindingsAreComparedWithoutTheirPlaces(t *testing.T) {
	base := []analyze.Diagnostic{
		finding("web", "is taken; the one at a.yaml:3:1 counts", "a.yaml", 1), finding("web", "gone", "a.yaml", 2), finding("cart", "twice", "a.yaml", 3),
	}
	now := []analyze.Diagnostic{
		finding("web", "is taken; the one at config/b.yaml:30:7 counts", "b.yaml", 9), finding("cart", "twice", "b.yaml", 3), finding("cart", "twice", "b.yaml", 4),
		finding("web", "new", "b.yaml", 5),
	}
	unchanged, gone := analyze.Compare(base, now)
	if want := []bool{true, true, false, false}; !slices.Equal(unchanged, want) {
		t.Errorf("unchanged %v, want %v", unchanged, want)
	}
	if len(gone) != 1 || gone[0].Message != "gone" {
		t.Errorf("gone: %v", gone)
	}
}

func TestFilesTellFindingsWithoutAnObjectApart(t *testing.T) {
	unreadable := func(file string) analyze.Diagnostic {
		return analyze.Diagnostic{Code: "MSH0001", Message: "is not a text file", Position: config.Position{File: file}}
	}
	unchanged, gone := analyze.Compare([]analyze.Diagnostic{unreadable("old/a.yaml"), unreadable("old/b.yaml")}, []analyze.Diagnostic{unreadable("new/a.yaml"), unreadable("new/c.yaml")})
	if !slices.Equal(unchanged, []bool{true, false}) || len(gone) != 1 || gone[0].Position.File != "old/b.yaml" {
		t.Errorf("unchanged %v, gone %v", unchanged, gone)
	}
}
