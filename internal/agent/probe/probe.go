package probe

import (
	"context"
	"time"
)

// Probe is a check with its schedule.
type Probe struct {
	Check                  Check
	Delay, Timeout, Period time.Duration
	// Successes and Failures are how many in a row change the verdict.
	Successes, Failures int
}

// Run checks until ctx ends and reports each change of the verdict, the first one included; reason is empty when healthy.
// A program is unhealthy until it has succeeded.
func (p *Probe) Run(ctx context.Context, report func(healthy bool, reason string)) {
	timer := time.NewTimer(p.Delay)
	defer timer.Stop()
	var healthy, known bool
	successes, failures := 0, 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		err := p.Once(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			successes, failures = successes+1, 0
		} else {
			successes, failures = 0, failures+1
		}
		switch {
		case err == nil && !healthy && successes >= p.Successes:
			healthy, known = true, true
			report(true, "")
		case err != nil && (!known || healthy && failures >= p.Failures):
			healthy, known = false, true
			report(false, err.Error())
		}
		timer.Reset(p.wait(healthy))
	}
}

// wait is short until the program is up for the first time or again: nobody should wait ten seconds for traffic.
func (p *Probe) wait(healthy bool) time.Duration {
	if healthy {
		return p.Period
	}
	return min(p.Period, time.Second)
}

// Once checks one time, within the probe's timeout.
func (p *Probe) Once(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	return p.Check(ctx)
}
