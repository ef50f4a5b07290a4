// Package sample is what one proxy has counted: read from Envoy by its agent, sent to whoever looks. It is small, because agents link it.
package sample

// Sample is what one proxy has counted since it was started.
type Sample struct {
	// Epoch differs between two starts of Envoy: counters begin at zero again.
	Epoch string `json:"epoch"`
	// Hosts are the endpoints that the proxy has connected to, Clusters what is counted for all endpoints of a cluster together.
	Hosts    []Host    `json:"hosts,omitempty"`
	Clusters []Cluster `json:"clusters,omitempty"`
	// Aborted counts requests that an injected fault has answered: they never get to a cluster.
	Aborted uint64 `json:"aborted,omitempty"`
	// Accepted and AcceptedTLS are the connections that others have opened to the workload's ports, all and those over TLS.
	Accepted    uint64 `json:"accepted,omitempty"`
	AcceptedTLS uint64 `json:"acceptedTLS,omitempty"`
}

// Host is an endpoint of a cluster.
type Host struct {
	Cluster string `json:"c"` // "outbound|9080|v1|reviews.default.svc.cluster.local", "inbound|9080||"
	Address string `json:"a"` // host:port
	// Requests and Errors are Envoy's rq_total and rq_error: an error is a response of 5xx, a reset or a timeout. Opened is cx_total.
	Requests uint64 `json:"r,omitempty"`
	Errors   uint64 `json:"e,omitempty"`
	Opened   uint64 `json:"o,omitempty"`
	// Active connections are those open now.
	Active uint64 `json:"n,omitempty"`
	// Ejected says that outlier detection has taken the endpoint out.
	Ejected bool `json:"x,omitempty"`
}

// Cluster is what is not counted by endpoint.
type Cluster struct {
	Name string `json:"c"`
	// Latency are the cumulative buckets of upstream_rq_time, in milliseconds.
	Latency []Bucket `json:"l,omitempty"`
	// Sent and Received are bytes as the proxy sees them.
	Sent     uint64 `json:"s,omitempty"`
	Received uint64 `json:"v,omitempty"`
	Retries  uint64 `json:"t,omitempty"`
	// Handshakes are the connections that were opened with TLS.
	Handshakes uint64 `json:"h,omitempty"`
}

// Bucket of a histogram: how many values are at most Bound.
type Bucket struct {
	Bound float64 `json:"b"`
	Count uint64  `json:"n"`
}
