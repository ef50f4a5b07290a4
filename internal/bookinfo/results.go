package bookinfo

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// results counts what the calls of productpage came to, for Prometheus.
type results struct {
	mu     sync.Mutex
	counts map[string]uint64 // by label set, as Prometheus spells it
}

func newResults() *results { return &results{counts: map[string]uint64{}} }

func (r *results) count(service string, status int) {
	labels := fmt.Sprintf(`destination_app=%q,response_code="%d"`, service, status)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[labels]++
}

// serve answers GET /metrics in Prometheus' text format.
func (r *results) serve(w http.ResponseWriter, _ *http.Request) {
	var text strings.Builder
	text.WriteString("# HELP request_result_total Results of requests\n# TYPE request_result_total counter\n")
	r.mu.Lock()
	for _, labels := range slices.Sorted(maps.Keys(r.counts)) {
		fmt.Fprintf(&text, "request_result_total{%s} %d\n", labels, r.counts[labels])
	}
	r.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write([]byte(text.String())) // the client has gone: nobody to tell
}
