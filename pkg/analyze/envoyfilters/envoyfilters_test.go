package envoyfilters_test

import (
	"testing"

	"github.com/meshctl/meshctl/internal/analyzetest"
	"github.com/meshctl/meshctl/pkg/analyze/envoyfilters"
)

func TestFixtures(t *testing.T) { analyzetest.Run(t, envoyfilters.Analyzers()...) }
