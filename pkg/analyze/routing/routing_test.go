package routing_test

import (
	"testing"

	"github.com/meshctl/meshctl/internal/analyzetest"
	"github.com/meshctl/meshctl/pkg/analyze/routing"
)

func TestFixtures(t *testing.T) { analyzetest.Run(t, routing.Analyzers()...) }
