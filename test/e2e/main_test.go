// Package e2e_test runs the mesh on a Kubernetes cluster: see docs/testing.md.
package e2e_test

import (
	"os"
	"testing"

	"github.com/meshctl/meshctl/test/e2e/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }
