package destinations_test

import (
	"testing"

	"github.com/meshctl/meshctl/internal/analyzetest"
	"github.com/meshctl/meshctl/pkg/analyze/destinations"
)

func TestFixtures(t *testing.T) { analyzetest.Run(t, destinations.Analyzers()...) }
