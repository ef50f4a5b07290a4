package policies_test

import (
	"testing"

	"github.com/meshctl/meshctl/internal/analyzetest"
	"github.com/meshctl/meshctl/pkg/analyze/policies"
)

func TestFixtures(t *testing.T) { analyzetest.Run(t, policies.Analyzers()...) }
