// Package loadgen sends HTTP requests at a steady rate and counts what comes back.
//
// The load is open: requests leave on schedule whether or not earlier ones have been answered, as the requests of
// independent users do, so that a slow server shows as latency and not as a lower rate.
package loadgen

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// maxRPS keeps the schedule above the resolution of timers and the generator below a denial of service.
const maxRPS = 100_000

// maxBody is how much of an answer is read, in bytes, so that its connection can be used again.
const maxBody = 1 << 20

// Options says what to send and how fast.
type Options struct {
	// URLs are requested with GET, in turn.
	URLs []string
	// RPS is the number of requests per second, 0 for none, at most 100,000.
	RPS float64
	// Timeout bounds each request up to the end of its body, 10 s by default.
	Timeout time.Duration
	// MaxInFlight bounds the requests under way, 256 by default. A request whose turn comes at the bound is
	// dropped, and counted as such.
	MaxInFlight int
	// Transport replaces a transport that connects directly, whatever the environment says of proxies.
	Transport http.RoundTripper
	// OnResult is told of every result, OnFirstSuccess of the first one that is OK, before OnResult. Both are
	// called from the goroutine of the request: calls of OnResult may overlap.
	OnResult       func(Result)
	OnFirstSuccess func(Result)
}

// Result is what became of one request.
type Result struct {
	URL     string
	Status  int   // 0 without an answer
	Err     error // why there is no (whole) answer
	Latency time.Duration
}

// OK reports whether the whole answer arrived with a status below 400.
func (r Result) OK() bool { return r.Err == nil && r.Status < http.StatusBadRequest }

// Generator sends requests while Run runs.
type Generator struct {
	options  Options
	interval time.Duration // 0 for none
	client   *http.Client
	slots    chan struct{}
	first    sync.Once

	mu    sync.Mutex
	stats Stats
}

// New checks the options. The generator sends nothing before Run.
func New(o Options) (*Generator, error) {
	if math.IsNaN(o.RPS) || o.RPS < 0 || o.RPS > maxRPS {
		return nil, fmt.Errorf("cannot send %v requests per second: choose 0 (none) to %d", o.RPS, maxRPS)
	}
	if o.RPS > 0 && len(o.URLs) == 0 {
		return nil, fmt.Errorf("no URL to send %v requests per second to", o.RPS)
	}
	for _, u := range o.URLs {
		parsed, err := url.Parse(u)
		if err != nil || parsed.Host == "" || (parsed.Scheme != "http" && parsed.Scheme != "https") {
			return nil, fmt.Errorf("cannot send requests to %q: write an absolute http or https URL", u)
		}
	}
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	o.MaxInFlight = cmp.Or(o.MaxInFlight, 256)
	if o.Transport == nil {
		o.Transport = &http.Transport{MaxIdleConnsPerHost: o.MaxInFlight, IdleConnTimeout: 30 * time.Second}
	}
	g := &Generator{
		options: o,
		client:  &http.Client{Transport: o.Transport, CheckRedirect: asIs},
		slots:   make(chan struct{}, o.MaxInFlight),
		stats:   Stats{Statuses: map[int]uint64{}},
	}
	if o.RPS > 0 {
		g.interval = max(1, time.Duration(float64(time.Second)/o.RPS))
	}
	return g, nil
}

// asIs makes the client take a redirect for the answer that it is.
func asIs(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Run sends requests until ctx is done, the first one at once; then it abandons those under way, which count for
// nothing, waits for their end and returns nil. A generator runs once.
func (g *Generator) Run(ctx context.Context) error {
	if g.interval == 0 {
		<-ctx.Done()
		return nil
	}
	var flights sync.WaitGroup
	defer g.client.CloseIdleConnections()
	defer flights.Wait()
	pace := pace{next: time.Now(), interval: g.interval}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		target := g.options.URLs[n%len(g.options.URLs)]
		if g.take() {
			flights.Go(func() {
				defer g.release()
				g.send(ctx, target)
			})
		}
		timer.Reset(pace.wait(time.Now()))
	}
}

// take occupies a slot, or counts the request as dropped when there is none.
func (g *Generator) take() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case g.slots <- struct{}{}:
		g.stats.InFlight++
		return true
	default:
		g.stats.Dropped++
		return false
	}
}

func (g *Generator) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	<-g.slots
	g.stats.InFlight--
}

func (g *Generator) send(ctx context.Context, target string) {
	start := time.Now()
	status, err := g.fetch(ctx, target)
	result := Result{URL: target, Status: status, Err: err, Latency: time.Since(start)}
	if err != nil && ctx.Err() != nil {
		return // the run is over: no fault of the server
	}
	g.mu.Lock()
	g.stats.add(result)
	g.mu.Unlock()
	if result.OK() && g.options.OnFirstSuccess != nil {
		g.first.Do(func() { g.options.OnFirstSuccess(result) })
	}
	if g.options.OnResult != nil {
		g.options.OnResult(result)
	}
}

func (g *Generator) fetch(ctx context.Context, target string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, g.options.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return 0, err
	}
	request.Header.Set("User-Agent", "meshctl-loadgen")
	response, err := g.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, maxBody))
	return response.StatusCode, err
}

// Stats returns what has been counted so far. It may be called at any time, also while Run runs.
func (g *Generator) Stats() Stats {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.stats.clone()
}
