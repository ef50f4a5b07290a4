package metrics

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Options of a Handler.
type Options struct {
	// Envoy returns the URL of Envoy's metrics, empty while it does not run.
	Envoy func() string
	// Application is the URL of the program's metrics (the annotations prometheus.io/scrape, port and path); empty when it
	// has none.
	Application string
	// Self is the workload, for the standard metrics.
	Self Peer
	// Own writes the agent's metrics as an exposition; may be nil.
	Own func(io.Writer)
	// Limit is how much is read of each source; 64 MiB when zero.
	Limit int64
	// Timeout of a scrape; 10 s when zero. The header X-Prometheus-Scrape-Timeout-Seconds shortens it.
	Timeout time.Duration
	// Log may be nil.
	Log *slog.Logger
}

// Handler answers scrapes. A source that fails does not keep the others from being served; it is counted in
// istio_agent_scrape_failures_total.
type Handler struct {
	o      Options
	client *http.Client

	mu       sync.Mutex
	failures map[string]int
}

// New returns a Handler.
func New(o Options) *Handler {
	if o.Limit == 0 {
		o.Limit = 64 << 20
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	// No proxy: both sources are local. No idle connections: they would count as use of Envoy.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return &Handler{o: o, client: client, failures: map[string]int{"envoy": 0, "application": 0}}
}

// ServeHTTP writes the merged page. The query goes on to Envoy, e.g. ?usedonly.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), h.timeout(r))
	defer cancel()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	page := &rewriter{out: w, described: map[string]bool{}, self: h.o.Self}
	if url := h.o.Envoy(); url != "" {
		if r.URL.RawQuery != "" {
			url += "?" + r.URL.RawQuery
		}
		h.append(ctx, page, "envoy", url)
	}
	if h.o.Application != "" {
		h.append(ctx, page, "application", h.o.Application)
	}
	h.own(page)
}

func (h *Handler) timeout(r *http.Request) time.Duration {
	seconds, err := strconv.ParseFloat(r.Header.Get("X-Prometheus-Scrape-Timeout-Seconds"), 64)
	// A little less than the scraper waits, so that it still gets the other sources.
	if asked := time.Duration(seconds * 0.9 * float64(time.Second)); err == nil && asked > 0 && asked < h.o.Timeout {
		return asked
	}
	return h.o.Timeout
}

func (h *Handler) append(ctx context.Context, page *rewriter, source, url string) {
	if err := h.fetch(ctx, page, url); err != nil {
		h.mu.Lock()
		h.failures[source]++
		h.mu.Unlock()
		h.o.Log.Warn("metrics left out", "source", source, "error", err)
	}
}

func (h *Handler) fetch(ctx context.Context, page *rewriter, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	// OpenMetrics differs in its details: a page has to be one or the other.
	req.Header.Set("Accept", "text/plain;version=0.0.4")
	resp, err := h.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	return page.copy(&limited{in: resp.Body, left: h.o.Limit})
}

// limited fails, rather than ends, when a source says too much: the rest of a cut line must not pass for a line.
type limited struct {
	in   io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errors.New("too large, the rest is left out")
	}
	n, err := l.in.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

// own writes the agent's metrics last, so that they count this scrape too.
func (h *Handler) own(page *rewriter) {
	var text bytes.Buffer
	h.mu.Lock()
	fmt.Fprintln(&text, "# TYPE istio_agent_scrape_failures_total counter")
	for _, source := range []string{"application", "envoy"} {
		fmt.Fprintf(&text, "istio_agent_scrape_failures_total{type=%q} %d\n", source, h.failures[source])
	}
	h.mu.Unlock()
	if h.o.Own != nil {
		h.o.Own(&text)
	}
	_ = page.copy(&text)
}
