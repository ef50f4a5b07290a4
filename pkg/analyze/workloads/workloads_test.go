package workloads_test

import (
	"testing"

	"github.com/meshctl/meshctl/internal/analyzetest"
	"github.com/meshctl/meshctl/pkg/analyze/workloads"
)

func TestFixtures(t *testing.T) { analyzetest.Run(t, workloads.Analyzers()...) }
