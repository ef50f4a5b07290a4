package networks_test

import (
	"testing"

	"github.com/meshctl/meshctl/internal/analyzetest"
	"github.com/meshctl/meshctl/pkg/analyze/networks"
)

func TestFixtures(t *testing.T) { analyzetest.Run(t, networks.Analyzers()...) }
