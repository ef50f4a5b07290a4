// Package incluster_test runs meshd against a real kube-apiserver.
package incluster_test

import (
	"os"
	"testing"

	"github.com/meshctl/meshctl/test/cluster"
)

// shared is the cluster of all tests.
var shared *cluster.Cluster

func TestMain(m *testing.M) {
	os.Exit(cluster.Run(func(c *cluster.Cluster) int {
		shared = c
		return m.Run()
	}))
}
