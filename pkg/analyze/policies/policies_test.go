package policies_test

import (
	"context"
	"testing"

	"github.com/meshctl/meshctl/internal/analyzetest"
	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/analyze/policies"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

func TestFixtures(t *testing.T) { analyzetest.Run(t, policies.Analyzers()...) }

// TestQuestionsStayOpen makes sure that nothing is concluded from a file alone about what it does not hold.
func TestQuestionsStayOpen(t *testing.T) {
	result := analyze.Run(context.Background(), analyzetest.Load(t, "testdata/IST0101/unknown.yaml"), policies.Analyzers())
	for _, d := range result.Diagnostics {
		t.Errorf("%s %s: %s", d.Code, d.Object, d.Message)
	}
	open := map[codes.Code]int{}
	for _, u := range result.Undecided {
		open[u.Code]++
	}
	if open[codes.ReferenceNotFound] != 3 || open[codes.PolicySelectsNothing] != 1 {
		t.Errorf("open: %v", open)
	}
}
