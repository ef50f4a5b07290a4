// Package traffic turns what proxies count into the traffic of a mesh: samples go into a Window, a topology.Graph comes out. It is pure.
package traffic

import (
	"time"

	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/traffic/sample"
)

// Report is what a control plane answers to one who looks: a sample of each proxy, and what is known of those that take part.
type Report struct {
	// Time is when the control plane answered.
	Time    time.Time `json:"time"`
	Proxies []Proxy   `json:"proxies"`
	// Silent are proxies that were asked and have no sample here.
	Silent []topology.Silent `json:"silent,omitempty"`
	// Nodes are all workloads and gateways, and whatever else the samples lead to, without rates.
	Nodes []topology.Node `json:"nodes"`
	// Addresses say who is behind the addresses in the samples (IP:PORT); those that nobody knows are left out.
	Addresses map[string]Address `json:"addresses,omitempty"`
}

// Proxy is what one proxy has counted, and what its configuration says of the clusters that it used.
type Proxy struct {
	ID string `json:"id"` // NAME.NAMESPACE
	// Node is the id of the node that the proxy is a part of.
	Node     string             `json:"node"`
	Gateway  bool               `json:"gateway,omitempty"`
	Sample   sample.Sample      `json:"sample"`
	Clusters map[string]Cluster `json:"clusters,omitempty"`
}

// Address is a place where something is served.
type Address struct {
	Node string `json:"node"`
	// Proxy is the id of the proxy in front of it, empty for none.
	Proxy string `json:"proxy,omitempty"`
	// MutualTLS means that the proxy takes it; Why says why not.
	MutualTLS bool   `json:"mutualTLS,omitempty"`
	Why       string `json:"why,omitempty"`
}

// Cluster is what is known of where a cluster of a proxy leads.
type Cluster struct {
	Host     string            `json:"host,omitempty"`
	Port     uint32            `json:"port,omitempty"`
	Protocol topology.Protocol `json:"protocol,omitempty"`
	// Node is the service itself, for traffic that reaches no known address.
	Node string `json:"node,omitempty"`
	// Workload is the node of the only workload that it leads to, empty when there are several. It is known where requests are aborted.
	Workload string `json:"workload,omitempty"`
	// Plaintext says why the caller does not use mutual TLS: "DestinationRule default/x: tls mode DISABLE"; empty when it does where it can.
	Plaintext string           `json:"plaintext,omitempty"`
	Badges    []topology.Badge `json:"badges,omitempty"`
	// Split is set where a route leads to this cluster with a weight.
	Split *Split `json:"split,omitempty"`
}

// Split is a weight of a route, as it holds for one caller.
type Split struct {
	// Host is what the caller asks for.
	Host string `json:"host"`
	// Route is the same for all clusters that share the traffic; Origin is the object that says so.
	Route  string `json:"route"`
	Origin string `json:"origin"`
	// Share is of 1.
	Share float64 `json:"share"`
}
