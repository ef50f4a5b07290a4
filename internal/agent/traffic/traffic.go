// Package traffic tells the control plane what the workload's proxy has counted, when it is asked.
package traffic

import (
	"context"
	"encoding/json"
	"strconv"
	"sync"
	"time"

	"github.com/meshctl/meshctl/internal/agent/admin"
	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/pkg/traffic/sample"
)

// latencies is how old distributions and gauges may be: Envoy merges histograms every five seconds only (bootstrap's stats_flush_interval),
// and reading them costs it as much as all counters.
const latencies = 4 * time.Second

// Options of a Sampler.
type Options struct {
	// Instance tells this agent from another of the same name.
	Instance string
	// Envoy returns the process id of the running proxy, 0 for none, and its admin interface.
	Envoy func() (pid int, client admin.Client)
}

// Sampler answers one question at a time. Its methods may be called from any goroutine.
type Sampler struct {
	o       Options
	asked   chan struct{}
	answers chan *agentapi.Sampled

	// whole is the last sample with distributions and gauges in it, without hosts; Run's own.
	whole sample.Sample

	mu   sync.Mutex
	last uint64
}

// New returns a Sampler; Run answers.
func New(o Options) *Sampler {
	return &Sampler{o: o, asked: make(chan struct{}, 1), answers: make(chan *agentapi.Sampled)}
}

// Ask wants a sample. One that comes while another is taken replaces what waits.
func (s *Sampler) Ask(q *agentapi.Sample) {
	s.mu.Lock()
	s.last = q.GetId()
	s.mu.Unlock()
	select {
	case s.asked <- struct{}{}:
	default:
	}
}

// Answers are to be sent to who asked.
func (s *Sampler) Answers() <-chan *agentapi.Sampled { return s.answers }

// Run answers until ctx ends.
func (s *Sampler) Run(ctx context.Context) {
	for {
		var answer *agentapi.Sampled
		select {
		case <-ctx.Done():
			return
		case <-s.asked:
			answer = s.take(ctx)
		}
		select {
		case s.answers <- answer: // to who waits for it, even if there is another question already
			continue
		default:
		}
		// An answer that nobody takes, because the stream has ended, waits no longer than for the next question.
		select {
		case <-ctx.Done():
			return
		case s.answers <- answer:
		case <-s.asked:
			select {
			case s.asked <- struct{}{}:
			default:
			}
		}
	}
}

func (s *Sampler) take(ctx context.Context) *agentapi.Sampled {
	s.mu.Lock()
	answer := &agentapi.Sampled{Id: s.last}
	s.mu.Unlock()
	pid, client := s.o.Envoy()
	if pid == 0 || client.Address == "" {
		answer.Problem = "its Envoy is not running"
		return answer
	}
	counted, err := s.count(ctx, client, s.o.Instance+"/"+strconv.Itoa(pid))
	if err != nil {
		answer.Problem = err.Error()
		return answer
	}
	if answer.SampleJson, err = json.Marshal(counted); err != nil {
		answer.Problem = err.Error()
	}
	return answer
}

func (s *Sampler) count(ctx context.Context, client admin.Client, epoch string) (sample.Sample, error) {
	countersOnly := s.whole.Epoch == epoch && time.Since(s.whole.Time) < latencies
	counted, err := client.Traffic(ctx, countersOnly)
	if err != nil {
		return counted, err
	}
	counted.Epoch = epoch
	if countersOnly {
		counted.Keep(s.whole)
	} else {
		s.whole = counted
		s.whole.Hosts = nil
	}
	return counted, nil
}
