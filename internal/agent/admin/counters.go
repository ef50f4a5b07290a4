package admin

import (
	"context"
	"net/http"
	"net/url"
)

// mostCounters is how much of the counters of a large mesh is read.
const mostCounters = 64 << 20

// Statistics returns, as JSON, the statistics whose names match a regular expression and that have ever changed; histograms by cumulative buckets
// (https://www.envoyproxy.io/docs/envoy/latest/operations/admin#get--stats).
func (c Client) Statistics(ctx context.Context, filter string) ([]byte, error) {
	return c.read(ctx, http.MethodGet, "/stats?usedonly&format=json&histogram_buckets=cumulative&filter="+url.QueryEscape(filter), mostCounters)
}

// Clusters returns, as text, the clusters whose names match a regular expression, with the counters of their endpoints
// (https://www.envoyproxy.io/docs/envoy/latest/operations/admin#get--clusters). An empty filter means all.
func (c Client) Clusters(ctx context.Context, filter string) ([]byte, error) {
	return c.read(ctx, http.MethodGet, "/clusters?filter="+url.QueryEscape(filter), mostCounters)
}
