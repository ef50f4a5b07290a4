// Package sample is what a proxy has counted at one moment, and how to read that from Envoy's admin interface
// (https://www.envoyproxy.io/docs/envoy/latest/operations/admin). All counters are since the start of the proxy.
package sample

import (
	"slices"
	"time"
)

// Sample is of one proxy. What is zero is left out: hosts and clusters that were never used are not part of it.
type Sample struct {
	// Epoch tells one process of the proxy from the next: counters begin at zero with each.
	Epoch string `json:"epoch"`
	// Time is that of the proxy's machine.
	Time     time.Time `json:"time"`
	Hosts    []Host    `json:"hosts,omitempty"`
	Clusters []Cluster `json:"clusters,omitempty"`
	Inbound  []Inbound `json:"inbound,omitempty"`
	// Cut is set when the proxy had more to say than is read.
	Cut bool `json:"cut,omitempty"`
}

// Keep takes over what a sample of counters only lacks, from one of the same process before it: how long requests took, and the connections that
// are open.
func (s *Sample) Keep(before Sample) {
	for _, c := range before.Clusters {
		i, found := slices.BinarySearchFunc(s.Clusters, c, byName)
		if !found {
			s.Clusters = slices.Insert(s.Clusters, i, Cluster{Name: c.Name})
		}
		s.Clusters[i].Latency = c.Latency
	}
	for _, in := range before.Inbound {
		i, found := slices.BinarySearchFunc(s.Inbound, in, byNameAndProtocol)
		if !found {
			s.Inbound = slices.Insert(s.Inbound, i, Inbound{Name: in.Name, TCP: in.TCP})
		}
		s.Inbound[i].Latency, s.Inbound[i].Connections = in.Latency, in.Connections
	}
}

// Clean takes distributions out of a sample that cannot be: an agent may say anything. They become absent.
func (s *Sample) Clean() {
	for i := range s.Clusters {
		s.Clusters[i].Latency = s.Clusters[i].Latency.clean()
	}
	for i := range s.Inbound {
		s.Inbound[i].Latency = s.Inbound[i].Latency.clean()
	}
}

// Host is one endpoint of a cluster, as Envoy counts what it sends there.
type Host struct {
	Cluster string `json:"cluster"`
	Address string `json:"address"` // IP:PORT, or a path
	// Requests are HTTP requests, retries included; those that failed are answers of 5xx, gRPC statuses that mean the same, and none at all.
	Requests uint64 `json:"requests,omitempty"`
	Failed   uint64 `json:"failed,omitempty"`
	// Opened are connections; Refused those that could not be opened.
	Opened  uint64 `json:"opened,omitempty"`
	Refused uint64 `json:"refused,omitempty"`
	// Connections are open now.
	Connections uint64 `json:"connections,omitempty"`
	Ejected     bool   `json:"ejected,omitempty"`
}

// Cluster is what Envoy counts for a cluster as a whole.
type Cluster struct {
	Name    string `json:"name"`
	Retries uint64 `json:"retries,omitempty"`
	// Homeless are requests and connections for which there was no endpoint.
	Homeless uint64 `json:"homeless,omitempty"`
	// Aborted are requests that fault injection answered, whatever with: none of them was sent.
	Aborted uint64 `json:"aborted,omitempty"`
	// Sent and Received are bytes.
	Sent     uint64 `json:"sent,omitempty"`
	Received uint64 `json:"received,omitempty"`
	// Handshakes are TLS connections.
	Handshakes uint64    `json:"handshakes,omitempty"`
	Latency    Histogram `json:"latency,omitempty"`
}

// Inbound is what a proxy takes for its workload; of a gateway, what clients send to it.
type Inbound struct {
	// Name is that of Envoy's HTTP connection manager or TCP proxy: "inbound_0.0.0.0_9080", "outbound_0.0.0.0_8080".
	Name     string `json:"name"`
	TCP      bool   `json:"tcp,omitempty"`
	Requests uint64 `json:"requests,omitempty"`
	Failed   uint64 `json:"failed,omitempty"` // 5xx
	// Opened are connections, Encrypted those of them that are TLS.
	Opened      uint64    `json:"opened,omitempty"`
	Encrypted   uint64    `json:"encrypted,omitempty"`
	Connections uint64    `json:"connections,omitempty"`
	Received    uint64    `json:"received,omitempty"`
	Sent        uint64    `json:"sent,omitempty"`
	Latency     Histogram `json:"latency,omitempty"`
}

// Histogram is a distribution of milliseconds: bins by their lower bounds, in order. Envoy keeps two significant digits, so that a bin is at most
// a tenth of its lower bound wide.
type Histogram []Bin

// longest is more milliseconds than any request takes: a thousand years.
const longest = 1000 * 365 * 24 * 3600 * 1000

// Bin counts values from Lower to Lower+Width.
type Bin struct {
	Lower float64 `json:"l"`
	Width float64 `json:"w"`
	Count uint64  `json:"n"`
}

// clean returns a distribution whose bins are bins, in order, and nothing for one that is none.
func (h Histogram) clean() Histogram {
	for i, b := range h {
		if !(b.Lower >= 0 && b.Width >= 0 && b.Lower+b.Width < longest) || b.Count == 0 || i > 0 && b.Lower <= h[i-1].Lower {
			return nil
		}
	}
	return h
}
