package gateways_test

import (
	"testing"

	"github.com/meshctl/meshctl/internal/analyzetest"
	"github.com/meshctl/meshctl/pkg/analyze/gateways"
)

func TestFixtures(t *testing.T) { analyzetest.Run(t, gateways.Analyzers()...) }
