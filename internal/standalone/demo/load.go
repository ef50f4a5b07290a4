package demo

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/meshctl/meshctl/internal/loadgen"
)

const (
	// How often the figures are told: on a terminal in place, else as lines.
	liveEvery, plainEvery = time.Second, 10 * time.Second
	eraseLine             = "\r\x1b[K"
)

// load sends requests through the gateway until ctx ends and tells how they fare.
func (d *demo) load(ctx context.Context) error {
	base, _ := d.ingress.url()
	transport := &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 30 * time.Second}
	defer transport.CloseIdleConnections()
	g, err := loadgen.New(loadgen.Options{URLs: []string{base + page}, RPS: d.o.RPS, Transport: follower{d.ingress, transport}})
	if err != nil {
		return err
	}
	running := make(chan struct{})
	go func() {
		defer close(running)
		_ = g.Run(ctx)
	}()
	every := plainEvery
	if d.o.Live != nil {
		every = liveEvery
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	before := g.Stats()
	for {
		select {
		case <-running:
			d.total(g.Stats())
			return nil
		case <-ticker.C:
			now := g.Stats()
			if d.o.RPS > 0 {
				d.tell(figures(now.Since(before), every))
			}
			before = now
		}
	}
}

func (d *demo) tell(line string) {
	if d.o.Live != nil {
		fmt.Fprint(d.o.Live, eraseLine+line)
		return
	}
	d.o.Say("%s", line)
}

func (d *demo) total(s loadgen.Stats) {
	if s.OK+s.Errors == 0 {
		return
	}
	d.o.Say("%d requests, %d failed, p50 %s, p99 %s", s.OK+s.Errors, s.Errors, short(s.Latency.Quantile(0.5)), short(s.Latency.Quantile(0.99)))
	if s.Errors > 0 {
		d.o.Say("last failure: %s", s.LastError)
	}
}

// figures of an interval in one line.
func figures(s loadgen.Stats, interval time.Duration) string {
	total := s.OK + s.Errors
	if total == 0 {
		return fmt.Sprintf("no request ended, %d under way", s.InFlight)
	}
	line := fmt.Sprintf("%5.1f requests/s  %5.1f%% ok  p50 %s  p99 %s", float64(total)/interval.Seconds(), 100*float64(s.OK)/float64(total),
		short(s.Latency.Quantile(0.5)), short(s.Latency.Quantile(0.99)))
	if s.Errors > 0 {
		line += "  " + s.LastError
	}
	if s.Dropped > 0 {
		line += fmt.Sprintf("  %d not sent: too many under way", s.Dropped)
	}
	return line
}

func short(d time.Duration) time.Duration {
	if d > 10*time.Millisecond {
		return d.Round(time.Millisecond)
	}
	return d.Round(100 * time.Microsecond)
}
