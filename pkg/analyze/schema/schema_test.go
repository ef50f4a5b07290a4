package schema_test

import (
	"testing"

	"github.com/meshctl/meshctl/internal/analyzetest"
	"github.com/meshctl/meshctl/pkg/analyze/schema"
)

func TestFixtures(t *testing.T) { analyzetest.Run(t, schema.Analyzers()...) }
