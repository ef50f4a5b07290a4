package translation_test

import (
	"testing"

	"github.com/meshctl/meshctl/internal/analyzetest"
	"github.com/meshctl/meshctl/pkg/analyze/translation"
)

func TestFixtures(t *testing.T) { analyzetest.Run(t, translation.Analyzers()...) }
