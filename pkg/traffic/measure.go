package traffic

import (
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/traffic/sample"
)

// measure adds up rates. What one part could not measure the whole could not either.
type measure struct {
	http, timed bool // there are HTTP requests; there is a time over which rates are known
	// Per second.
	requests, errors, opened, retries float64
	connections, ejected              float64
	bytes                             bool // sent and received are known
	noBytes                           bool // ... but not of all parts
	sent, received                    float64
	latency                           sample.Histogram
}

func (m *measure) add(o measure) {
	m.http, m.timed = m.http || o.http, m.timed || o.timed
	m.requests, m.errors, m.opened, m.retries = m.requests+o.requests, m.errors+o.errors, m.opened+o.opened, m.retries+o.retries
	m.connections, m.ejected = m.connections+o.connections, m.ejected+o.ejected
	m.bytes, m.noBytes = m.bytes || o.bytes, m.noBytes || o.noBytes
	m.sent, m.received = m.sent+o.sent, m.received+o.received
	m.latency = plusHistogram(m.latency, o.latency)
}

func (m *measure) rates() topology.Rates {
	var r topology.Rates
	r.Connections, r.Ejections = &m.connections, &m.ejected
	if !m.timed {
		return r
	}
	r.Opened = &m.opened
	if m.bytes && !m.noBytes {
		r.Sent, r.Received = &m.sent, &m.received
	}
	if !m.http {
		return r
	}
	r.Requests, r.Errors, r.Retries = &m.requests, &m.errors, &m.retries
	for q, place := range map[float64]**float64{0.5: &r.P50, 0.95: &r.P95, 0.99: &r.P99} {
		if ms, ok := Quantile(m.latency, q); ok {
			*place = &ms
		}
	}
	return r
}
