// Package traffic makes pictures of a mesh's traffic out of what its proxies have counted: samples of counters become rates over windows of time,
// and addresses become workloads. It is pure: agents take samples, the control plane says who is where, viewers keep the history.
package traffic

import (
	"time"

	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/traffic/sample"
)

// Round is one sample of each proxy, with what the control plane knows of the mesh at that time.
type Round struct {
	Time    time.Time     `json:"time"`
	Proxies []ProxySample `json:"proxies"`
	// Nodes are all workloads, without numbers. Places maps addresses (host:port) to the ids of nodes.
	Nodes  []topology.Node   `json:"nodes"`
	Places map[string]string `json:"places"`
	// Splits are the shares that routes give to clusters, by the cluster's name; Marks what configuration does to traffic for a host.
	Splits map[string]Share            `json:"splits,omitempty"`
	Marks  map[string][]topology.Badge `json:"marks,omitempty"`
}

// ProxySample is the answer of one proxy, or why there is none.
type ProxySample struct {
	Proxy string `json:"proxy"` // NAME.NAMESPACE
	// Node is the id of the workload that the proxy stands beside.
	Node    string         `json:"node"`
	Sample  *sample.Sample `json:"sample,omitempty"`
	Problem string         `json:"problem,omitempty"`
}

// Share is the part of a route's traffic that one destination should have.
type Share struct {
	Of     float64 `json:"of"`
	Origin string  `json:"origin"`
}
